// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <QObject>
#include <QSize>
#include <chrono>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include "gui/model/case_source.h"
#include "gui/view/main_window.h"

namespace consilium {

// One picture of one page, then the end.
struct PictureOrder {
  std::filesystem::path file;
  QSize size{1280, 800};
  std::optional<int> lesion;                    // go to this one first
  std::optional<std::int64_t> slice;            // or to this axial slice, counted from 1
  std::string case_id;                          // empty: the first of the worklist
  std::chrono::milliseconds limit{120'000};     // for the data to arrive
  std::chrono::milliseconds link_limit{8'000};  // without a word while the line is down
};

// The composition root of the desktop: the presenters, the window and where the cases come from. Qt thread only.
class Desktop : public QObject {
  Q_OBJECT
 public:
  explicit Desktop(std::unique_ptr<CaseSource> source);  // null: only what Show() is given
  ~Desktop() override;

  void Start();
  void Show(const FederationView& view);
  MainWindow& window() { return window_; }
  CaseModel& case_model() { return case_; }
  WorklistModel& worklist() { return worklist_; }
  RoundsModel& rounds() { return rounds_; }

  // Waits until `page` has its data, writes the picture and quits the event loop: exit code 0 only if it was written.
  // Trouble on the way is printed on standard error.
  void Order(Page page, const PictureOrder& order);

  // Where "Picture" and Ctrl+S write: consilium-YYYYMMDD-HHMMSS.png in the folder.
  void SavePicture(const std::filesystem::path& folder);

 private:
  void Connect();
  void OpenChosen();
  void ShowLink(const Trouble& trouble);
  bool Ready(Page page) const;
  // Why the picture can never be taken; empty: it may still come.
  QString Obstacle(const PictureOrder& order) const;
  void Take(const PictureOrder& order);

  RoundsModel rounds_;
  WorklistModel worklist_;
  CaseModel case_;
  MainWindow window_;
  using Moment = std::chrono::steady_clock::time_point;
  bool told_ = false;                                // the federation's state arrived
  bool listed_ = false;                              // the cases' list arrived
  Trouble link_;                                     // no words: the line is there
  Moment heard_ = std::chrono::steady_clock::now();  // the source's last word, or the start
  QString trouble_;                                  // the last one
  std::unique_ptr<CaseSource> source_;               // last: it stops before what it tells goes
};

}  // namespace consilium
