// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <QWidget>
#include <vector>

#include "gui/model/rounds_model.h"

namespace consilium {

// Dice (0 to 1) by round: each hospital a thin line, all together a thick one. Hovering shows the round's values.
class LineChart : public QWidget {
  Q_OBJECT
 public:
  explicit LineChart(QWidget* parent = nullptr);
  void Show(const std::vector<Curve>& curves, int rounds);

  QPointF PointOnScreen(QPointF value) const;  // widget coordinates of (round, Dice)
  static QColor ColourOf(std::size_t hospital);

 protected:
  void paintEvent(QPaintEvent* event) override;
  void mouseMoveEvent(QMouseEvent* event) override;
  void leaveEvent(QEvent* event) override;

 private:
  QRectF Plot() const;
  int LastRound() const;
  void DrawAxes(QPainter& painter) const;
  void DrawCurves(QPainter& painter) const;
  void DrawLegend(QPainter& painter) const;
  void DrawHover(QPainter& painter) const;

  std::vector<Curve> curves_;
  int rounds_ = 0;
  int hover_round_ = -1;
};

}  // namespace consilium
