// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <QTableWidget>

#include "gui/model/case_model.h"

namespace consilium {

// The predicted lesions: number, volume, SUVmax, SUVmean, probability. A click goes to the lesion.
class LesionTable : public QTableWidget {
  Q_OBJECT
 public:
  explicit LesionTable(CaseModel& model, QWidget* parent = nullptr);

 private:
  void ShowLesions();

  CaseModel& model_;
};

}  // namespace consilium
