// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <QFrame>

#include "gui/model/case_model.h"

class QBoxLayout;

namespace consilium {

// The controls of the Case page: which images, their windows, the overlays and their strength.
class DisplayPanel : public QFrame {
  Q_OBJECT
 public:
  explicit DisplayPanel(CaseModel& model, QWidget* parent = nullptr);

 private:
  void AddModes(QBoxLayout& layout);
  void AddPresets(QBoxLayout& layout, Modality modality);
  void AddOverlays(QBoxLayout& layout);
  void AddSlider(QBoxLayout& layout, const QString& name, const QString& words, Property<double>& property);

  CaseModel& model_;
};

}  // namespace consilium
