// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <QWidget>
#include <optional>

#include "gui/model/case_model.h"
#include "gui/render/mip.h"

namespace consilium {

// The turning maximum intensity projection of the PET, with the predicted lesions tinted. Drag, arrow keys or [ and ]
// turn it.
class MipPane : public QWidget {
  Q_OBJECT
 public:
  explicit MipPane(CaseModel& model, QWidget* parent = nullptr);

 protected:
  void paintEvent(QPaintEvent* event) override;
  void mousePressEvent(QMouseEvent* event) override;
  void mouseMoveEvent(QMouseEvent* event) override;
  void keyPressEvent(QKeyEvent* event) override;

 private:
  CaseModel& model_;
  std::optional<Projection> projection_;  // nothing: to be made again
  double last_x_ = 0;
};

}  // namespace consilium
