// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "gui/view/slice_pane.h"

#include <QMouseEvent>
#include <QPainter>
#include <QWheelEvent>
#include <cmath>

#include "gui/view/theme.h"

namespace consilium {
namespace {

bool SamePlane(const SlicePlane& a, const SlicePlane& b) {
  return a.width == b.width && a.height == b.height && Norm(a.origin_mm - b.origin_mm) < 1e-6 &&
         Norm(a.across_mm - b.across_mm) < 1e-9 && Norm(a.down_mm - b.down_mm) < 1e-9;
}

QString Convention(SliceView view) {
  switch (view) {
    case SliceView::kAxial: return SlicePane::tr("radiological: right on the left");
    case SliceView::kCoronal: return SlicePane::tr("radiological: right on the left");
    case SliceView::kSagittal: return SlicePane::tr("front on the left");
  }
  return {};
}

QFont Sized(QFont font, int pixels, bool bold) {
  font.setPixelSize(pixels);
  font.setBold(bold);
  return font;
}

}  // namespace

SliceScene SceneOf(const CaseModel& model) {
  SliceScene scene;
  const bool fused = model.mode() == DisplayMode::kFused;
  if (model.mode() != DisplayMode::kPet) scene.images.push_back({model.ct(), model.ct_window(), {}});
  if (model.mode() == DisplayMode::kPet)
    scene.images.push_back({model.pet(), model.pet_window(), {ColourMapKind::kInverseGrey, 1, false}});
  if (fused) scene.images.push_back({model.pet(), model.pet_window(), {ColourMapKind::kHot, model.fusion(), true}});
  const Theme& theme = DarkTheme();
  if (model.show_prediction() && model.prediction() != nullptr) {
    scene.labels.push_back({model.prediction(), 0, theme.prediction, model.opacity(), 0});
    if (model.lesion() > 0)
      scene.labels.push_back({model.prediction(), static_cast<std::uint8_t>(model.lesion()), theme.prediction, 0, 1});
  }
  if (model.show_reference() && model.reference() != nullptr)
    scene.labels.push_back({model.reference(), 0, theme.reference, 0, 2});
  return scene;
}

SlicePane::SlicePane(SliceView view, CaseModel& model, QWidget* parent) : QWidget(parent), view_(view), model_(model) {
  const std::string name(Name(view));
  setObjectName(QString::fromStdString(name).toLower() + "_pane");
  setAccessibleName(tr("%1 slice").arg(QString::fromStdString(name)));
  setAccessibleDescription(tr("Arrow up and down scroll through the slices."));
  setFocusPolicy(Qt::StrongFocus);
  setMinimumSize(160, 140);
  setCursor(Qt::CrossCursor);
  setAttribute(Qt::WA_OpaquePaintEvent);
  const auto redraw = [this] {
    drawn_.reset();
    update();
  };
  connect(&model, &CaseModel::CaseChanged, this, redraw);
  connect(&model, &CaseModel::VoxelsChanged, this, redraw);
  for (PropertyBase* property :
       std::initializer_list<PropertyBase*>{&model.ct_window, &model.pet_window, &model.mode, &model.show_prediction,
                                            &model.show_reference, &model.opacity, &model.fusion, &model.lesion})
    connect(property, &PropertyBase::Changed, this, redraw);
  for (PropertyBase* property :
       std::initializer_list<PropertyBase*>{&model.cursor, &model.show_cursor, &model.zoom, &model.centre})
    connect(property, &PropertyBase::Changed, this, [this] { update(); });
}

SlicePlane SlicePane::Plane(double scale) const {
  PlaneRequest request;
  request.view = view_;
  request.cursor_mm = model_.cursor();
  request.centre_mm = model_.centre();
  request.width = std::max(1, static_cast<int>(std::lround(width() * scale)));
  request.height = std::max(1, static_cast<int>(std::lround(height() * scale)));
  // The whole PET (or the CT of a case without one) fits at zoom 1, in every mode, so that switching moves nothing.
  const Volume& base = model_.pet() != nullptr ? *model_.pet() : *model_.ct();
  request.mm_per_pixel = FitMmPerPixel(base.geometry, view_, request.width, request.height) / model_.zoom();
  return PlaneOf(model_.display()->geometry, request);
}

QPointF SlicePane::PointOnScreen(Vec3 point_mm) const {
  if (model_.display() == nullptr) return {};
  const SlicePlane::Pixel pixel = Plane(1).PixelAt(point_mm);
  return {pixel.x + 0.5, pixel.y + 0.5};  // a pixel's centre lies half a pixel from its corner
}

void SlicePane::paintEvent(QPaintEvent*) {
  QPainter painter(this);
  if (model_.display() == nullptr) {
    painter.fillRect(rect(), Qt::black);
    painter.setPen(DarkTheme().muted);
    painter.drawText(rect(), Qt::AlignCenter, tr("no image"));
    return;
  }
  const double scale = devicePixelRatioF();
  const SlicePlane plane = Plane(scale);
  if (!drawn_ || !SamePlane(*drawn_, plane)) {
    picture_ = engine_.Render(SceneOf(model_), plane);
    picture_.setDevicePixelRatio(scale);
    drawn_ = plane;
  }
  painter.drawImage(0, 0, picture_);
  if (model_.show_cursor()) DrawCursor(painter);
  DrawLetters(painter, plane);
  DrawNotes(painter, plane);
  if (hasFocus()) {
    painter.setPen(DarkTheme().accent);
    painter.drawRect(rect().adjusted(0, 0, -1, -1));
  }
}

QColor SlicePane::TextColour() const {
  return model_.mode() == DisplayMode::kPet ? DarkTheme().ink : DarkTheme().text;  // a PET's air is white
}

void SlicePane::DrawLetters(QPainter& painter, const SlicePlane& plane) const {
  const QColor colour = TextColour();
  painter.setFont(Sized(font(), 15, true));
  const double middle_x = width() / 2.0, middle_y = height() / 2.0;
  const auto letters = [](Vec3 direction) { return QString::fromStdString(OrientationLetters(direction)); };
  DrawOnPicture(painter, {8, middle_y}, TextAnchor::kLeft, letters(-1.0 * plane.across_mm), colour);
  DrawOnPicture(painter, {width() - 8.0, middle_y}, TextAnchor::kRight, letters(plane.across_mm), colour);
  DrawOnPicture(painter, {middle_x, 14}, TextAnchor::kMiddle, letters(-1.0 * plane.down_mm), colour);
  DrawOnPicture(painter, {middle_x, height() - 34.0}, TextAnchor::kMiddle, letters(plane.down_mm), colour);
}

void SlicePane::DrawCursor(QPainter& painter) const {
  const QPointF at = PointOnScreen(model_.cursor());
  static constexpr double kGap = 14;  // the tissue under the cursor stays free
  QColor colour = model_.mode() == DisplayMode::kPet ? DarkTheme().ink : DarkTheme().cursor;
  colour.setAlpha(150);
  painter.setPen(QPen(colour, 1));
  painter.drawLine(QPointF(0, at.y()), QPointF(at.x() - kGap, at.y()));
  painter.drawLine(QPointF(at.x() + kGap, at.y()), QPointF(width(), at.y()));
  painter.drawLine(QPointF(at.x(), 0), QPointF(at.x(), at.y() - kGap));
  painter.drawLine(QPointF(at.x(), at.y() + kGap), QPointF(at.x(), height()));
}

void SlicePane::DrawNotes(QPainter& painter, const SlicePlane& plane) const {
  painter.setFont(Sized(font(), 12, true));
  DrawOnPicture(painter, {8, 14}, TextAnchor::kLeft, model_.SliceText(view_), TextColour());
  if (view_ == SliceView::kAxial)
    DrawOnPicture(painter, {width() - 8.0, 14}, TextAnchor::kRight, model_.ValueText(), TextColour());
  painter.setFont(Sized(font(), 11, false));
  DrawOnPicture(painter, {8, height() - 12.0}, TextAnchor::kLeft, Convention(view_), TextColour());
  // The longest of these that takes at most a third of the pane.
  const double mm_per_pixel = Norm(plane.across_mm) * devicePixelRatioF();
  for (const int centimetres : {20, 10, 5, 2, 1}) {
    const double pixels = 10 * centimetres / mm_per_pixel;
    if (pixels > width() / 3.0) continue;
    const double right = width() - 10.0, y = height() - 9.0;
    painter.setPen(QPen(TextColour(), 2));
    painter.drawLine(QPointF(right - pixels, y), QPointF(right, y));
    DrawOnPicture(painter, {right, y - 11}, TextAnchor::kRight, tr("%1 cm").arg(centimetres), TextColour());
    break;
  }
}

void SlicePane::MoveCursor(QPointF position) {
  if (model_.display() == nullptr) return;
  model_.cursor.Set(Plane(1).PointAt(position.x() - 0.5, position.y() - 0.5));
}

void SlicePane::Zoom(QPointF position, double factor) {
  if (model_.display() == nullptr) return;
  const SlicePlane before = Plane(1);
  const Vec3 held = before.PointAt(position.x() - 0.5, position.y() - 0.5);
  model_.zoom.Set(model_.zoom() * factor);
  const SlicePlane after = Plane(1);
  const Vec3 moved = after.PointAt(position.x() - 0.5, position.y() - 0.5);
  model_.centre.Set(model_.centre() + (held - moved));
}

void SlicePane::mousePressEvent(QMouseEvent* event) {
  setFocus();
  last_position_ = event->position();
  if (event->button() == Qt::LeftButton) MoveCursor(event->position());
}

void SlicePane::mouseMoveEvent(QMouseEvent* event) {
  const QPointF moved = event->position() - last_position_;
  last_position_ = event->position();
  if (model_.display() == nullptr) return;
  if ((event->buttons() & Qt::LeftButton) != 0) MoveCursor(event->position());
  if ((event->buttons() & Qt::RightButton) != 0) model_.DragWindow(-moved.y(), moved.x());
  if ((event->buttons() & Qt::MiddleButton) != 0) {
    const SlicePlane plane = Plane(1);
    model_.centre.Set(model_.centre() - moved.x() * plane.across_mm - moved.y() * plane.down_mm);
  }
}

void SlicePane::mouseDoubleClickEvent(QMouseEvent* event) {
  if (event->button() == Qt::LeftButton) Q_EMIT AloneAsked();
}

void SlicePane::wheelEvent(QWheelEvent* event) {
  static constexpr int kNotch = 120;  // eighths of a degree; touch pads send less at a time
  if ((event->modifiers() & Qt::ControlModifier) != 0) {
    Zoom(event->position(), std::pow(1.2, event->angleDelta().y() / static_cast<double>(kNotch)));
    return event->accept();
  }
  wheel_rest_ += event->angleDelta().y();
  const int notches = wheel_rest_ / kNotch;
  wheel_rest_ -= notches * kNotch;
  if (notches != 0) model_.Scroll(view_, notches);
  event->accept();
}

void SlicePane::keyPressEvent(QKeyEvent* event) {
  if (event->key() == Qt::Key_Up) return model_.Scroll(view_, 1);
  if (event->key() == Qt::Key_Down) return model_.Scroll(view_, -1);
  QWidget::keyPressEvent(event);
}

}  // namespace consilium
