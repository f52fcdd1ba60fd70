// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <QImage>
#include <QMainWindow>

#include "gui/model/case_model.h"
#include "gui/model/key_table.h"
#include "gui/model/rounds_model.h"
#include "gui/model/worklist_model.h"

class QAbstractButton;
class QLabel;
class QStackedWidget;

namespace consilium {

enum class Page { kRounds, kCase };

// The text under every page and in every picture.
QString ResearchNotice();

// The one window: two pages, a line for trouble, and the research notice, which nothing hides.
class MainWindow : public QMainWindow {
  Q_OBJECT
 public:
  MainWindow(RoundsModel& rounds, WorklistModel& worklist, CaseModel& model);

  void ShowPage(Page page);
  Page page() const;
  void ShowTrouble(const QString& text);  // empty: none

  // The window as it is now, the research notice burned in.
  QImage TakePicture();

 Q_SIGNALS:
  void PictureAsked();

 private:
  QWidget* MakeBar();
  QWidget* MakeFooter();
  void MakeShortcuts();
  void Do(Command command);
  void ShowKeys();

  RoundsModel& rounds_;
  WorklistModel& worklist_;
  CaseModel& model_;
  QStackedWidget* pages_ = nullptr;
  QLabel* trouble_ = nullptr;
  QWidget* footer_ = nullptr;
  QAbstractButton* rounds_button_ = nullptr;
  QAbstractButton* case_button_ = nullptr;
};

}  // namespace consilium
