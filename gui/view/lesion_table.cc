// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "gui/view/lesion_table.h"

#include <QHeaderView>
#include <cmath>

#include "gui/view/bind.h"

namespace consilium {

LesionTable::LesionTable(CaseModel& model, QWidget* parent) : QTableWidget(0, 5, parent), model_(model) {
  setObjectName("lesion_table");
  setAccessibleName(tr("Lesions"));
  setHorizontalHeaderLabels({tr("#"), tr("Volume"), tr("SUVmax"), tr("mean"), tr("Prob.")});
  horizontalHeaderItem(1)->setToolTip(tr("millilitres"));
  horizontalHeaderItem(4)->setToolTip(tr("the model's mean probability of tumour inside the lesion"));
  verticalHeader()->hide();
  verticalHeader()->setDefaultSectionSize(28);
  setEditTriggers(NoEditTriggers);
  setSelectionBehavior(SelectRows);
  setSelectionMode(SingleSelection);
  setShowGrid(false);
  setTabKeyNavigation(false);
  setHorizontalScrollBarPolicy(Qt::ScrollBarAlwaysOff);
  horizontalHeader()->setSectionResizeMode(QHeaderView::Stretch);
  horizontalHeader()->setSectionResizeMode(0, QHeaderView::Fixed);
  setColumnWidth(0, 30);
  connect(&model, &CaseModel::CaseChanged, this, &LesionTable::ShowLesions);
  connect(this, &QTableWidget::itemSelectionChanged, this, [this] {
    if (currentRow() >= 0 && !selectedItems().isEmpty() && model_.lesion() != currentRow() + 1)
      model_.SelectLesion(currentRow() + 1);
  });
  connect(this, &QTableWidget::cellClicked, this, [this](int row, int) { model_.SelectLesion(row + 1); });
  Bind(model.lesion, this, [this](int number) {
    const QSignalBlocker quiet(this);
    number > 0 && number <= rowCount() ? selectRow(number - 1) : clearSelection();
  });
  ShowLesions();
}

void LesionTable::ShowLesions() {
  const QSignalBlocker quiet(this);
  const std::vector<Lesion>& lesions = model_.lesions();
  setRowCount(static_cast<int>(lesions.size()));
  for (int row = 0; row < rowCount(); ++row) {
    const Lesion& lesion = lesions[static_cast<std::size_t>(row)];
    const QStringList texts{QString::number(lesion.number), tr("%1 ml").arg(lesion.volume_ml, 0, 'f', 1),
                            QString::number(lesion.suv_max, 'f', 1), QString::number(lesion.suv_mean, 'f', 1),
                            lesion.probability ? tr("%1 %").arg(std::lround(100 * *lesion.probability)) : tr("-")};
    for (int column = 0; column < texts.size(); ++column) {
      auto* item = new QTableWidgetItem(texts[column]);
      item->setTextAlignment(Qt::AlignVCenter | (column == 0 ? Qt::AlignLeft : Qt::AlignRight));
      setItem(row, column, item);
    }
  }
  if (model_.lesion() > 0 && model_.lesion() <= rowCount()) selectRow(model_.lesion() - 1);
}

}  // namespace consilium
