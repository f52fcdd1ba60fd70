// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <QWidget>

#include "gui/model/rounds_model.h"

class QTableWidget;

namespace consilium {

class LineChart;

// The federation now: one sentence, the run's progress, the curve of Dice and the hospitals. It only shows.
class RoundsPage : public QWidget {
  Q_OBJECT
 public:
  explicit RoundsPage(RoundsModel& model, QWidget* parent = nullptr);

 private:
  void ShowSites(const std::vector<SiteRow>& rows);

  QTableWidget* table_;
};

}  // namespace consilium
