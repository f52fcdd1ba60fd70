// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <QObject>
#include <QString>
#include <string>
#include <vector>

#include "core/data/study_counts.h"
#include "gui/model/case_content.h"
#include "gui/model/property.h"

namespace consilium {

// The presenter of the worklist: the source's cases in the source's order (the most doubtful first) and which is open.
class WorklistModel : public QObject {
  Q_OBJECT
 public:
  // Keeps the open case if it is still there; else opens the first one, so that something is shown without a click.
  void Show(const std::vector<CaseItem>& cases);
  void ShowStudies(const StudyCounts& studies);  // into `left_out`: how many cannot be used, by reason
  void Open(const std::string& id);              // an unknown id changes nothing
  void Step(int by);                             // next or previous case, held at the ends

  // Three lines for the list: patient and, if it is known, the date; what was found.
  static QString Title(const CaseItem& item);
  static QString Finding(const CaseItem& item);

  Property<std::vector<CaseItem>> cases;
  Property<std::string> open;  // id; empty: none
  Property<QString> left_out;  // what the source could not use, and why; empty: nothing

 Q_SIGNALS:
  void PredictionChanged(const std::string& id);  // the open case has a newer prediction
};

}  // namespace consilium
