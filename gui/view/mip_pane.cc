// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "gui/view/mip_pane.h"

#include <QKeyEvent>
#include <QMouseEvent>
#include <QPainter>
#include <cmath>
#include <numbers>

#include "gui/view/theme.h"

namespace consilium {
namespace {

double Turned(double angle, double by) { return std::fmod(angle + by + 720, 360); }

}  // namespace

MipPane::MipPane(CaseModel& model, QWidget* parent) : QWidget(parent), model_(model) {
  setObjectName("mip_pane");
  setAccessibleName(tr("Maximum intensity projection of the PET"));
  setAccessibleDescription(tr("Arrow left and right turn it."));
  setFocusPolicy(Qt::StrongFocus);
  setMinimumSize(160, 140);
  setCursor(Qt::SizeHorCursor);
  setAttribute(Qt::WA_OpaquePaintEvent);
  const auto again = [this] {
    projection_.reset();
    update();
  };
  connect(&model, &CaseModel::CaseChanged, this, again);
  // Half a body makes no projection: it is made when the last slice is there.
  connect(&model, &CaseModel::VoxelsChanged, this, [this, again] {
    if (model_.complete()) again();
  });
  connect(&model.mip_angle, &PropertyBase::Changed, this, again);
  connect(&model.show_prediction, &PropertyBase::Changed, this, again);
  connect(&model.pet_window, &PropertyBase::Changed, this, [this] { update(); });
}

void MipPane::paintEvent(QPaintEvent*) {
  QPainter painter(this);
  const Theme& theme = DarkTheme();
  if (model_.pet() == nullptr || !model_.complete()) {
    painter.fillRect(rect(), Qt::black);
    painter.setPen(theme.muted);
    painter.drawText(rect(), Qt::AlignCenter,
                     model_.content() != nullptr && model_.pet() != nullptr ? tr("loading ...") : tr("no PET"));
    return;
  }
  if (!projection_)
    projection_ = Project(*model_.pet(), model_.show_prediction() ? model_.prediction() : nullptr, model_.mip_angle());
  const double scale = devicePixelRatioF();
  QImage picture = Draw(*projection_, model_.pet_window(), {ColourMapKind::kInverseGrey, 1, false}, theme.prediction,
                        static_cast<int>(width() * scale), static_cast<int>(height() * scale));
  picture.setDevicePixelRatio(scale);
  painter.drawImage(0, 0, picture);

  const double turn = model_.mip_angle() * std::numbers::pi / 180;
  const Vec3 across{std::cos(turn), std::sin(turn), 0};
  QFont letters = font();
  letters.setPixelSize(15);
  letters.setBold(true);
  painter.setFont(letters);
  DrawOnPicture(painter, {8, height() / 2.0}, TextAnchor::kLeft,
                QString::fromStdString(OrientationLetters(-1.0 * across)), theme.ink);
  DrawOnPicture(painter, {width() - 8.0, height() / 2.0}, TextAnchor::kRight,
                QString::fromStdString(OrientationLetters(across)), theme.ink);
  letters.setPixelSize(12);
  painter.setFont(letters);
  DrawOnPicture(painter, {8, 14}, TextAnchor::kLeft, tr("Projection %1°").arg(std::lround(model_.mip_angle())),
                theme.ink);
  DrawOnPicture(painter, {width() - 8.0, 14}, TextAnchor::kRight,
                tr("SUV %1 - %2").arg(model_.pet_window().low).arg(model_.pet_window().high, 0, 'f', 1), theme.ink);
}

void MipPane::mousePressEvent(QMouseEvent* event) {
  setFocus();
  last_x_ = event->position().x();
}

void MipPane::mouseMoveEvent(QMouseEvent* event) {
  const double moved = event->position().x() - last_x_;
  last_x_ = event->position().x();
  model_.mip_angle.Set(Turned(model_.mip_angle(), -moved));  // the near side follows the hand
}

void MipPane::keyPressEvent(QKeyEvent* event) {
  if (event->key() == Qt::Key_Left) return model_.mip_angle.Set(Turned(model_.mip_angle(), 10));
  if (event->key() == Qt::Key_Right) return model_.mip_angle.Set(Turned(model_.mip_angle(), -10));
  QWidget::keyPressEvent(event);
}

}  // namespace consilium
