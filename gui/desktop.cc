// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "gui/desktop.h"

#include <QApplication>
#include <QStandardPaths>
#include <QTimer>
#include <cstdio>

#include "gui/render/slice_plane.h"

namespace consilium {
namespace {

void EndWithoutPicture(const QString& why) {
  std::fprintf(stderr, "error: no picture: %s\n", why.toUtf8().constData());
  QCoreApplication::exit(1);
}

}  // namespace

Desktop::Desktop(std::unique_ptr<CaseSource> source) : window_(rounds_, worklist_, case_), source_(std::move(source)) {
  Connect();
}

Desktop::~Desktop() = default;

void Desktop::Connect() {
  connect(&worklist_.open, &PropertyBase::Changed, this, &Desktop::OpenChosen);
  connect(&worklist_, &WorklistModel::PredictionChanged, this, &Desktop::OpenChosen);
  connect(&window_, &MainWindow::PictureAsked, this,
          [this] { SavePicture(QStandardPaths::writableLocation(QStandardPaths::PicturesLocation).toStdString()); });
  if (!source_) return;
  connect(source_.get(), &CaseSource::FederationChanged, this, &Desktop::Show);
  connect(source_.get(), &CaseSource::CasesChanged, this,
          [this](const std::vector<CaseItem>& cases) { worklist_.Show(cases); });
  connect(source_.get(), &CaseSource::CaseOpened, this, [this](const std::shared_ptr<const CaseContent>& content) {
    if (content->item.id != worklist_.open()) return;  // another one was chosen since
    window_.ShowTrouble({});
    case_.Show(content);
  });
  connect(source_.get(), &CaseSource::SlabArrived, this,
          [this](const std::shared_ptr<const Slab>& slab) { case_.Add(*slab); });
  connect(source_.get(), &CaseSource::LeftOut, this, [this](const QString& text) { worklist_.left_out.Set(text); });
  connect(source_.get(), &CaseSource::LinkChanged, this, [this](const QString& text) { rounds_.ShowLinkState(text); });
  connect(source_.get(), &CaseSource::Failed, this, [this](const Trouble& trouble) {
    trouble_ = QString::fromStdString(trouble.what);
    if (!trouble.next_step.empty()) trouble_ += "\n" + QString::fromStdString(trouble.next_step);
    window_.ShowTrouble(trouble_);
  });
}

void Desktop::Start() {
  if (source_) source_->Start();
}

void Desktop::Show(const FederationView& view) {
  told_ = true;
  rounds_.Show(view);
}

void Desktop::OpenChosen() {
  if (source_ && !worklist_.open().empty()) source_->OpenCase(worklist_.open());
}

bool Desktop::Ready(Page page) const {
  return page == Page::kRounds ? told_ : case_.complete() && case_.content()->item.id == worklist_.open();
}

QString Desktop::Obstacle(const PictureOrder& order) const {
  if (!trouble_.isEmpty()) return trouble_;
  const std::vector<CaseItem>& cases = worklist_.cases();
  if (order.case_id.empty() || cases.empty() || worklist_.open() == order.case_id) return {};
  QStringList ids;
  for (const CaseItem& item : cases) ids.push_back(QString::fromStdString(item.id));
  return tr("there is no case %1\nThe cases are: %2").arg(QString::fromStdString(order.case_id), ids.join(", "));
}

void Desktop::Order(Page page, const PictureOrder& order) {
  window_.ShowPage(page);
  window_.resize(order.size);
  auto* timer = new QTimer(this);
  const auto until = std::chrono::steady_clock::now() + order.limit;
  connect(timer, &QTimer::timeout, this, [this, timer, page, order, until] {
    if (!order.case_id.empty() && worklist_.open() != order.case_id) worklist_.Open(order.case_id);
    const bool chosen = order.case_id.empty() || worklist_.open() == order.case_id;
    if (Ready(page) && chosen) {
      timer->stop();
      return Take(order);
    }
    QString why = Obstacle(order);
    if (why.isEmpty() && std::chrono::steady_clock::now() > until)
      why = rounds_.link().isEmpty() ? tr("the data did not arrive in time") : rounds_.link();
    if (why.isEmpty()) return;
    timer->stop();
    EndWithoutPicture(why);
  });
  timer->start(20);
}

void Desktop::Take(const PictureOrder& order) {
  if (order.lesion && *order.lesion > std::ssize(case_.lesions()))
    return EndWithoutPicture(
        tr("there is no lesion %1: the case has %2").arg(*order.lesion).arg(std::ssize(case_.lesions())));
  const Volume* shown = case_.display();
  const std::int64_t slices = shown == nullptr ? 0 : SliceCount(shown->geometry, SliceView::kAxial);
  if (order.slice && *order.slice > slices)
    return EndWithoutPicture(tr("there is no slice %1: the case has %2").arg(*order.slice).arg(slices));
  if (order.lesion) case_.SelectLesion(*order.lesion);
  if (order.slice) {
    case_.Scroll(SliceView::kAxial, -1'000'000);
    case_.Scroll(SliceView::kAxial, *order.slice - 1);
  }
  window_.show();
  QCoreApplication::processEvents();
  const bool written = window_.TakePicture().save(QString::fromStdString(order.file.string()), "PNG");
  if (!written) std::fprintf(stderr, "error: cannot write the picture %s\n", order.file.c_str());
  QCoreApplication::exit(written ? 0 : 1);
}

void Desktop::SavePicture(const std::filesystem::path& folder) {
  const QString name = QDateTime::currentDateTime().toString("'consilium-'yyyyMMdd-HHmmss'.png'");
  const QString path = QString::fromStdString((folder / name.toStdString()).string());
  const bool written = window_.TakePicture().save(path, "PNG");
  window_.ShowTrouble(written ? tr("Picture saved: %1").arg(path)
                              : tr("The picture could not be written: %1").arg(path));
}

}  // namespace consilium
