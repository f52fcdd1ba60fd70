// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "gui/view/main_window.h"

#include <QButtonGroup>
#include <QCoreApplication>
#include <QHBoxLayout>
#include <QHideEvent>
#include <QLabel>
#include <QPainter>
#include <QPushButton>
#include <QShortcut>
#include <QStackedWidget>
#include <QVBoxLayout>

#include "gui/view/bind.h"
#include "gui/view/case_page.h"
#include "gui/view/keys_dialog.h"
#include "gui/view/rounds_page.h"
#include "gui/view/slice_pane.h"
#include "gui/view/theme.h"

namespace consilium {
namespace {

constexpr int kFooterHeight = 28;

void PaintNotice(QPainter& painter, const QRect& place, const QFont& font) {
  const Theme& theme = DarkTheme();
  QFont bold = font;
  bold.setPixelSize(13);
  bold.setBold(true);
  painter.fillRect(place, theme.panel);
  painter.setFont(bold);
  painter.setPen(theme.warning);
  painter.drawText(place, Qt::AlignCenter, ResearchNotice());
}

// The permanent line. It paints its own text, so no style and no translation of a label can empty it.
class Footer : public QWidget {
 public:
  explicit Footer(QWidget* parent) : QWidget(parent) {
    setObjectName("research_notice");
    setAccessibleName(ResearchNotice());
    setFixedHeight(kFooterHeight);
  }

 protected:
  void paintEvent(QPaintEvent*) override {
    QPainter painter(this);
    PaintNotice(painter, rect(), font());
  }
  void hideEvent(QHideEvent* event) override {
    if (!event->spontaneous() && parentWidget()->isVisible()) show();
  }
};

}  // namespace

QString ResearchNotice() { return MainWindow::tr("Research use only. Not for diagnosis."); }

MainWindow::MainWindow(RoundsModel& rounds, WorklistModel& worklist, CaseModel& model)
    : rounds_(rounds), worklist_(worklist), model_(model) {
  setWindowTitle(tr("Consilium"));
  resize(1280, 800);
  setMinimumSize(1000, 640);
  pages_ = new QStackedWidget(this);
  pages_->addWidget(new RoundsPage(rounds, pages_));
  pages_->addWidget(new CasePage(model, worklist, pages_));
  trouble_ = new QLabel(this);
  trouble_->setObjectName("trouble");
  trouble_->setAccessibleName(tr("Trouble"));
  trouble_->setWordWrap(true);
  trouble_->setTextInteractionFlags(Qt::TextSelectableByMouse);
  trouble_->hide();
  footer_ = new Footer(this);

  auto* middle = new QWidget(this);
  auto* layout = new QVBoxLayout(middle);
  layout->setContentsMargins(0, 0, 0, 0);
  layout->setSpacing(0);
  layout->addWidget(MakeBar());
  layout->addWidget(trouble_);
  layout->addWidget(pages_, 1);
  layout->addWidget(footer_);
  setCentralWidget(middle);
  MakeShortcuts();
  ShowPage(Page::kRounds);
}

QWidget* MainWindow::MakeBar() {
  auto* bar = new QFrame(this);
  auto* layout = new QHBoxLayout(bar);
  layout->setContentsMargins(14, 8, 14, 4);
  auto* name = new QLabel(tr("Consilium"), bar);
  name->setObjectName("title");
  layout->addWidget(name);
  layout->addSpacing(18);
  auto* group = new QButtonGroup(bar);
  const auto add = [&](const QString& object_name, const QString& words, Page page) {
    auto* button = new QPushButton(words, bar);
    button->setObjectName(object_name);
    button->setAccessibleName(tr("Page %1").arg(words));
    button->setCheckable(true);
    group->addButton(button);
    layout->addWidget(button);
    connect(button, &QPushButton::clicked, this, [this, page] { ShowPage(page); });
    return button;
  };
  rounds_button_ = add("page_rounds", tr("Rounds"), Page::kRounds);
  case_button_ = add("page_case", tr("Case"), Page::kCase);
  layout->addStretch(1);
  auto* link = new QLabel(bar);
  link->setObjectName("link_state");
  link->setAccessibleName(tr("Connection"));
  layout->addWidget(link);
  Bind(rounds_.link, link, [link](const QString& text) { link->setText(text); });
  auto* picture = new QPushButton(tr("Picture"), bar);
  picture->setObjectName("take_picture");
  picture->setAccessibleName(tr("Save a picture of the window"));
  connect(picture, &QPushButton::clicked, this, &MainWindow::PictureAsked);
  layout->addWidget(picture);
  auto* keys = new QPushButton(tr("Keys (F1)"), bar);
  keys->setObjectName("show_keys");
  keys->setAccessibleName(tr("List of keys"));
  connect(keys, &QPushButton::clicked, this, &MainWindow::ShowKeys);
  layout->addWidget(keys);
  return bar;
}

void MainWindow::MakeShortcuts() {
  for (const Key& key : Keys()) {
    auto* shortcut = new QShortcut(QKeySequence(key.sequence, QKeySequence::PortableText), this);
    connect(shortcut, &QShortcut::activated, this, [this, command = key.command] { Do(command); });
  }
}

void MainWindow::Do(Command command) {
  switch (command) {
    case Command::kRoundsPage: return ShowPage(Page::kRounds);
    case Command::kCasePage: return ShowPage(Page::kCase);
    case Command::kNextLesion: return model_.StepLesion(1);
    case Command::kPreviousLesion: return model_.StepLesion(-1);
    case Command::kNextCase: return worklist_.Step(1);
    case Command::kPreviousCase: return worklist_.Step(-1);
    case Command::kFused:
    case Command::kPet:
    case Command::kCt:
      if (model_.mode.enabled())
        model_.mode.Set(command == Command::kFused ? DisplayMode::kFused
                        : command == Command::kPet ? DisplayMode::kPet
                                                   : DisplayMode::kCt);
      return;
    case Command::kToggleOverlays: return model_.ToggleOverlays();
    case Command::kTogglePrediction: return model_.show_prediction.Set(!model_.show_prediction());
    case Command::kToggleReference: return model_.show_reference.Set(!model_.show_reference());
    case Command::kToggleCursor: return model_.show_cursor.Set(!model_.show_cursor());
    case Command::kMoreOpacity: return model_.opacity.Set(model_.opacity() + 0.1);
    case Command::kLessOpacity: return model_.opacity.Set(model_.opacity() - 0.1);
    case Command::kResetView: return model_.ResetView();
    case Command::kTurnLeft: return model_.mip_angle.Set(model_.mip_angle() < 350 ? model_.mip_angle() + 10 : 0);
    case Command::kTurnRight: return model_.mip_angle.Set(model_.mip_angle() >= 10 ? model_.mip_angle() - 10 : 350);
    case Command::kPicture: return Q_EMIT PictureAsked();
    case Command::kKeys: return ShowKeys();
  }
}

void MainWindow::ShowPage(Page page) {
  pages_->setCurrentIndex(page == Page::kRounds ? 0 : 1);
  (page == Page::kRounds ? rounds_button_ : case_button_)->setChecked(true);
  if (page == Page::kRounds)
    rounds_button_->setFocus();
  else
    findChild<SlicePane*>()->setFocus();  // the arrow keys scroll at once
}

Page MainWindow::page() const { return pages_->currentIndex() == 0 ? Page::kRounds : Page::kCase; }

void MainWindow::ShowTrouble(const QString& text) {
  trouble_->setText(text.left(1).toUpper() + text.mid(1));
  trouble_->setVisible(!text.isEmpty());
}

void MainWindow::ShowKeys() {
  auto* dialog = new KeysDialog(this);
  dialog->setAttribute(Qt::WA_DeleteOnClose);
  dialog->open();
}

QImage MainWindow::TakePicture() {
  QCoreApplication::sendPostedEvents();  // what has just changed is laid out first
  QImage picture = grab().toImage().convertToFormat(QImage::Format_RGB32);
  QPainter painter(&picture);
  PaintNotice(painter, QRect(0, height() - kFooterHeight, width(), kFooterHeight), font());
  return picture;
}

}  // namespace consilium
