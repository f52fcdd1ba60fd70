// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <QWidget>
#include <vector>

#include "gui/model/case_model.h"
#include "gui/model/worklist_model.h"

class QLayout;
class QListWidget;

namespace consilium {

// Worklist on the left, three planes and the projection in the middle, lesions and controls on the right.
class CasePage : public QWidget {
  Q_OBJECT
 public:
  CasePage(CaseModel& model, WorklistModel& worklist, QWidget* parent = nullptr);

 private:
  QWidget* MakeWorklist();
  QWidget* MakePanes();
  QWidget* MakeSide();
  void ShowCases();
  void ShowAlone(QWidget* pane);  // or all again

  CaseModel& model_;
  WorklistModel& worklist_;
  QListWidget* list_ = nullptr;
  std::vector<QWidget*> panes_;
};

}  // namespace consilium
