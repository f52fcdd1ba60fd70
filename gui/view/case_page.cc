// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "gui/view/case_page.h"

#include <QGridLayout>
#include <QLabel>
#include <QListWidget>
#include <QVBoxLayout>
#include <algorithm>

#include "gui/view/bind.h"
#include "gui/view/display_panel.h"
#include "gui/view/lesion_table.h"
#include "gui/view/mip_pane.h"
#include "gui/view/slice_pane.h"

namespace consilium {
namespace {

QLabel* Named(const QString& name, const QString& text, QWidget* parent) {
  auto* label = new QLabel(text, parent);
  label->setObjectName(name);
  label->setWordWrap(true);
  return label;
}

}  // namespace

CasePage::CasePage(CaseModel& model, WorklistModel& worklist, QWidget* parent)
    : QWidget(parent), model_(model), worklist_(worklist) {
  setObjectName("case_page");
  auto* layout = new QHBoxLayout(this);
  layout->setContentsMargins(10, 8, 10, 8);
  layout->setSpacing(8);
  layout->addWidget(MakeWorklist());
  layout->addWidget(MakePanes(), 1);
  layout->addWidget(MakeSide());
}

QWidget* CasePage::MakeWorklist() {
  auto* side = new QWidget(this);
  side->setFixedWidth(216);
  auto* layout = new QVBoxLayout(side);
  layout->setContentsMargins(0, 0, 0, 0);
  layout->addWidget(Named("caption", tr("WORKLIST"), side));
  list_ = new QListWidget(side);
  list_->setObjectName("worklist");
  list_->setAccessibleName(tr("Worklist"));
  list_->setToolTip(tr("the most doubtful case first"));
  list_->setHorizontalScrollBarPolicy(Qt::ScrollBarAlwaysOff);
  list_->setTextElideMode(Qt::ElideRight);
  layout->addWidget(list_);
  auto* left_out = Named("muted", {}, side);
  left_out->setAccessibleName(tr("Not used"));
  layout->addWidget(left_out);
  Bind(worklist_.left_out, left_out, [left_out](const QString& text) {
    left_out->setText(text);
    left_out->setVisible(!text.isEmpty());
  });
  connect(list_, &QListWidget::currentRowChanged, this, [this](int row) {
    if (row >= 0) worklist_.Open(list_->item(row)->data(Qt::UserRole).toString().toStdString());
  });
  connect(&worklist_.cases, &PropertyBase::Changed, this, &CasePage::ShowCases);
  connect(&worklist_.open, &PropertyBase::Changed, this, &CasePage::ShowCases);
  ShowCases();
  return side;
}

void CasePage::ShowCases() {
  const QSignalBlocker quiet(list_);
  const std::vector<CaseItem>& cases = worklist_.cases();
  list_->clear();
  for (const CaseItem& item : cases) {
    auto* line = new QListWidgetItem(WorklistModel::Title(item) + "\n" + WorklistModel::Finding(item), list_);
    line->setData(Qt::UserRole, QString::fromStdString(item.id));
    line->setToolTip(line->text());
    if (item.id == worklist_.open()) list_->setCurrentItem(line);
  }
}

QWidget* CasePage::MakePanes() {
  auto* middle = new QWidget(this);
  auto* grid = new QGridLayout(middle);
  grid->setContentsMargins(0, 0, 0, 0);
  grid->setSpacing(3);
  int place = 0;
  const auto add = [&](QWidget* pane) {
    panes_.push_back(pane);
    grid->addWidget(pane, place / 2, place % 2);
    ++place;
  };
  for (const SliceView view : kSliceViews) {
    auto* pane = new SlicePane(view, model_, middle);
    connect(pane, &SlicePane::AloneAsked, this, [this, pane] { ShowAlone(pane); });
    add(pane);
  }
  add(new MipPane(model_, middle));
  for (int half = 0; half < 2; ++half) {
    grid->setRowStretch(half, 1);
    grid->setColumnStretch(half, 1);
  }
  return middle;
}

void CasePage::ShowAlone(QWidget* pane) {
  const bool alone = std::ranges::count_if(panes_, [](QWidget* one) { return one->isVisible(); }) == 1;
  for (QWidget* one : panes_) one->setVisible(alone || one == pane);
  auto* grid = qobject_cast<QGridLayout*>(pane->parentWidget()->layout());
  for (int place = 0; place < static_cast<int>(panes_.size()); ++place)
    if (panes_[static_cast<std::size_t>(place)] == pane)
      for (int half = 0; half < 2; ++half) {
        grid->setRowStretch(half, alone || half == place / 2 ? 1 : 0);
        grid->setColumnStretch(half, alone || half == place % 2 ? 1 : 0);
      }
}

QWidget* CasePage::MakeSide() {
  auto* side = new QWidget(this);
  side->setFixedWidth(292);
  auto* layout = new QVBoxLayout(side);
  layout->setContentsMargins(0, 0, 0, 0);
  auto* title = Named("title", {}, side);
  title->setAccessibleName(tr("Patient and date"));
  auto* finding = Named("muted", {}, side);
  finding->setAccessibleName(tr("What was found"));
  layout->addWidget(title);
  layout->addWidget(finding);
  layout->addWidget(Named("caption", tr("LESIONS, PREDICTED   (N: next)"), side));
  layout->addWidget(new LesionTable(model_, side), 1);
  layout->addWidget(new DisplayPanel(model_, side));
  const auto tell = [this, title, finding] {
    title->setText(model_.Title());
    finding->setText(model_.FindingText());
  };
  connect(&model_, &CaseModel::CaseChanged, this, tell);
  tell();
  return side;
}

}  // namespace consilium
