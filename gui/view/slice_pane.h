// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <QImage>
#include <QWidget>
#include <optional>

#include "gui/model/case_model.h"
#include "gui/render/slice_engine.h"

namespace consilium {

// What a slice shows of a case: CT grey, PET inverse grey or hot on the CT, prediction filled, reference outlined.
SliceScene SceneOf(const CaseModel& model);

// One plane of the open case: picture, orientation letters, convention, slice number, scale and linked cursor.
// Left button: cursor; wheel: scroll; right drag: window; Ctrl + wheel: zoom; middle drag: move; double click: alone.
class SlicePane : public QWidget {
  Q_OBJECT
 public:
  SlicePane(SliceView view, CaseModel& model, QWidget* parent = nullptr);

  SliceView view() const { return view_; }
  QPointF PointOnScreen(Vec3 point_mm) const;  // widget coordinates of a point's foot on the plane

 Q_SIGNALS:
  void AloneAsked();  // double click

 protected:
  void paintEvent(QPaintEvent* event) override;
  void mousePressEvent(QMouseEvent* event) override;
  void mouseMoveEvent(QMouseEvent* event) override;
  void mouseDoubleClickEvent(QMouseEvent* event) override;
  void wheelEvent(QWheelEvent* event) override;
  void keyPressEvent(QKeyEvent* event) override;

 private:
  SlicePlane Plane(double scale) const;  // scale: device pixels in a widget pixel
  void MoveCursor(QPointF position);
  void Zoom(QPointF position, double factor);
  QColor TextColour() const;
  void DrawLetters(QPainter& painter, const SlicePlane& plane) const;
  void DrawCursor(QPainter& painter) const;
  void DrawNotes(QPainter& painter, const SlicePlane& plane) const;

  const SliceView view_;
  CaseModel& model_;
  SliceEngine engine_;
  QImage picture_;
  std::optional<SlicePlane> drawn_;  // the plane of picture_; nothing: to be drawn again
  QPointF last_position_;
  int wheel_rest_ = 0;
};

}  // namespace consilium
