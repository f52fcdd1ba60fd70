// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "gui/view/rounds_page.h"

#include <QHeaderView>
#include <QLabel>
#include <QProgressBar>
#include <QTableWidget>
#include <QVBoxLayout>
#include <cmath>

#include "gui/view/bind.h"
#include "gui/view/line_chart.h"
#include "gui/view/theme.h"

namespace consilium {
namespace {

enum Column { kHospital, kDoing, kProgress, kPatients, kDice, kState, kSeen, kColumns };

QTableWidget* MakeTable(QWidget* parent) {
  auto* table = new QTableWidget(0, kColumns, parent);
  table->setObjectName("site_table");
  table->setAccessibleName(RoundsPage::tr("Hospitals"));
  table->setHorizontalHeaderLabels({RoundsPage::tr("Hospital"), RoundsPage::tr("Now"), RoundsPage::tr("Of this round"),
                                    RoundsPage::tr("Patients"), RoundsPage::tr("Dice"), RoundsPage::tr("State"),
                                    RoundsPage::tr("Last seen")});
  table->horizontalHeaderItem(kPatients)->setToolTip(RoundsPage::tr("training + validation"));
  table->horizontalHeaderItem(kDice)->setToolTip(RoundsPage::tr("mean on its own validation patients"));
  table->verticalHeader()->hide();
  table->verticalHeader()->setDefaultSectionSize(32);
  table->setEditTriggers(QAbstractItemView::NoEditTriggers);
  table->setSelectionMode(QAbstractItemView::NoSelection);
  table->setShowGrid(false);
  table->horizontalHeader()->setDefaultAlignment(Qt::AlignLeft | Qt::AlignVCenter);
  table->horizontalHeader()->setSectionResizeMode(QHeaderView::Stretch);
  for (const int narrow : {kPatients, kDice, kState, kSeen})
    table->horizontalHeader()->setSectionResizeMode(narrow, QHeaderView::Fixed);
  table->setColumnWidth(kPatients, 100);
  table->setColumnWidth(kDice, 80);
  table->setColumnWidth(kState, 120);
  table->setColumnWidth(kSeen, 120);
  return table;
}

// The bar of a row, in the middle of its cell.
QProgressBar* BarIn(QTableWidget& table, int row) {
  if (QWidget* cell = table.cellWidget(row, kProgress)) return cell->findChild<QProgressBar*>();
  auto* cell = new QWidget(&table);
  auto* layout = new QVBoxLayout(cell);
  layout->setContentsMargins(4, 0, 24, 0);
  auto* bar = new QProgressBar(cell);
  bar->setRange(0, 100);
  bar->setTextVisible(false);
  layout->addWidget(bar);
  table.setCellWidget(row, kProgress, cell);
  return bar;
}

QLabel* MakeLabel(const QString& name, QWidget* parent) {
  auto* label = new QLabel(parent);
  label->setObjectName(name);
  label->setWordWrap(true);
  label->setTextInteractionFlags(Qt::TextSelectableByMouse);
  return label;
}

}  // namespace

RoundsPage::RoundsPage(RoundsModel& model, QWidget* parent) : QWidget(parent) {
  setObjectName("rounds_page");
  auto* headline = MakeLabel("headline", this);
  headline->setAccessibleName(tr("State of the federation"));
  auto* detail = MakeLabel("muted", this);
  detail->setAccessibleName(tr("The run and this hospital"));
  auto* bar = new QProgressBar(this);
  bar->setObjectName("run_progress");
  bar->setAccessibleName(tr("Rounds done"));
  bar->setRange(0, 1000);
  bar->setTextVisible(false);
  auto* frame = new QFrame(this);
  frame->setObjectName("panel");
  auto* chart = new LineChart(frame);
  auto* inside = new QVBoxLayout(frame);
  inside->addWidget(chart);
  table_ = MakeTable(this);

  auto* layout = new QVBoxLayout(this);
  layout->setContentsMargins(16, 12, 16, 12);
  layout->setSpacing(10);
  layout->addWidget(headline);
  layout->addWidget(bar);
  layout->addWidget(detail);
  layout->addWidget(frame, 1);
  layout->addWidget(table_);

  Bind(model.headline, this, [headline](const QString& text) { headline->setText(text); });
  Bind(model.detail, this, [detail](const QString& text) { detail->setText(text); });
  Bind(model.progress, this, [bar](double share) { bar->setValue(static_cast<int>(std::lround(1000 * share))); });
  Bind(model.curves, this, [chart, &model](const auto& curves) { chart->Show(curves, model.rounds()); });
  Bind(model.rounds, this, [chart, &model](int rounds) { chart->Show(model.curves(), rounds); });
  Bind(model.sites, this, [this](const auto& rows) { ShowSites(rows); });
}

void RoundsPage::ShowSites(const std::vector<SiteRow>& rows) {
  table_->setRowCount(static_cast<int>(rows.size()));
  const Theme& theme = DarkTheme();
  for (int r = 0; r < static_cast<int>(rows.size()); ++r) {
    const SiteRow& row = rows[static_cast<std::size_t>(r)];
    const auto set = [&](int column, const QString& text) {
      auto* item = new QTableWidgetItem(text);
      item->setForeground(row.good ? theme.text : theme.warning);
      item->setToolTip(row.reason);
      QFont bold = table_->font();
      bold.setBold(row.ours);
      item->setFont(bold);
      table_->setItem(r, column, item);
    };
    set(kHospital, row.ours ? tr("%1 (this hospital)").arg(row.name) : row.name);
    set(kDoing, row.reason.isEmpty() ? row.doing : tr("%1: %2").arg(row.doing, row.reason));
    set(kProgress, {});
    set(kPatients, row.patients);
    if (row.reason.isEmpty()) table_->item(r, kPatients)->setToolTip(row.studies);
    set(kDice, row.dice);
    set(kState, row.state);
    set(kSeen, row.last_seen);
    QProgressBar* bar = BarIn(*table_, r);
    bar->setAccessibleName(tr("Progress of %1").arg(row.name));
    bar->setVisible(row.fraction >= 0);
    bar->setValue(static_cast<int>(std::lround(100 * std::max(0.0, row.fraction))));
  }
  const int shown = std::clamp(static_cast<int>(rows.size()), 1, 6);
  table_->setFixedHeight(table_->horizontalHeader()->sizeHint().height() +
                         shown * table_->verticalHeader()->defaultSectionSize() + 6);
}

}  // namespace consilium
