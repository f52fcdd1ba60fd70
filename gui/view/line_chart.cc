// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "gui/view/line_chart.h"

#include <QMouseEvent>
#include <QPainter>
#include <QPainterPath>
#include <cmath>

#include "gui/view/theme.h"

namespace consilium {
namespace {

constexpr double kLeft = 46, kRight = 60, kTop = 38, kBottom = 44;

QColor ColourOfCurve(const Curve& curve, std::size_t at) {
  return curve.pooled ? DarkTheme().text : LineChart::ColourOf(at);
}

}  // namespace

LineChart::LineChart(QWidget* parent) : QWidget(parent) {
  setObjectName("dice_chart");
  setAccessibleName(tr("Dice by round"));
  setMouseTracking(true);
  setMinimumSize(320, 180);
}

QColor LineChart::ColourOf(std::size_t hospital) {
  // Okabe and Ito's palette, told apart by colour-blind readers.
  static const std::vector<QColor> colours{{0x56, 0xb4, 0xe9}, {0xe6, 0x9f, 0x00}, {0x00, 0xc3, 0x90},
                                           {0xf0, 0xe4, 0x42}, {0xcc, 0x79, 0xa7}, {0xd5, 0x5e, 0x00}};
  return colours[hospital % colours.size()];
}

void LineChart::Show(const std::vector<Curve>& curves, int rounds) {
  curves_ = curves;
  rounds_ = rounds;
  QString words;
  for (const Curve& curve : curves)
    if (curve.pooled && !curve.points.empty())
      words = tr("Dice %1 after round %2").arg(curve.points.back().y(), 0, 'f', 2).arg(curve.points.back().x());
  setAccessibleDescription(words);
  update();
}

QRectF LineChart::Plot() const {
  return {kLeft, kTop, std::max(1.0, width() - kLeft - kRight), std::max(1.0, height() - kTop - kBottom)};
}

int LineChart::LastRound() const {
  int last = std::max(1, rounds_);
  for (const Curve& curve : curves_)
    for (const QPointF& point : curve.points) last = std::max(last, static_cast<int>(std::lround(point.x())));
  return last;
}

QPointF LineChart::PointOnScreen(QPointF value) const {
  const QRectF plot = Plot();
  return {plot.left() + plot.width() * value.x() / LastRound(), plot.bottom() - plot.height() * value.y()};
}

void LineChart::paintEvent(QPaintEvent*) {
  QPainter painter(this);
  painter.setRenderHint(QPainter::Antialiasing);
  DrawAxes(painter);
  if (curves_.empty()) {
    painter.setPen(DarkTheme().muted);
    painter.drawText(Plot(), Qt::AlignCenter, tr("The first value comes when the first round is over."));
    return;
  }
  DrawCurves(painter);
  DrawLegend(painter);
  DrawHover(painter);
}

void LineChart::DrawAxes(QPainter& painter) const {
  const Theme& theme = DarkTheme();
  const QRectF plot = Plot();
  QFont small = font();
  small.setPixelSize(11);
  painter.setFont(small);
  for (int tenth = 0; tenth <= 10; tenth += 2) {
    const double y = PointOnScreen({0, tenth / 10.0}).y();
    painter.setPen(QPen(theme.line, 1));
    painter.drawLine(QPointF(plot.left(), y), QPointF(plot.right(), y));
    painter.setPen(theme.muted);
    painter.drawText(QRectF(0, y - 8, kLeft - 8, 16), Qt::AlignRight | Qt::AlignVCenter,
                     QString::number(tenth / 10.0, 'f', 1));
  }
  const int last = LastRound();
  const int step = std::max(1, static_cast<int>(std::ceil(last * 34.0 / plot.width())));
  for (int round = 0; round <= last; round += step) {
    const double x = PointOnScreen({static_cast<double>(round), 0}).x();
    painter.drawText(QRectF(x - 20, plot.bottom() + 5, 40, 16), Qt::AlignCenter, QString::number(round));
  }
  painter.drawText(QRectF(plot.left(), plot.bottom() + 22, plot.width(), 18), Qt::AlignCenter,
                   tr("shared model after round"));
  QFont bold = font();
  bold.setPixelSize(13);
  bold.setBold(true);
  painter.setFont(bold);
  painter.setPen(theme.text);
  painter.drawText(QRectF(12, 6, 240, 20), Qt::AlignLeft | Qt::AlignVCenter, tr("Dice on validation patients"));
}

void LineChart::DrawCurves(QPainter& painter) const {
  for (std::size_t c = 0; c < curves_.size(); ++c) {
    const Curve& curve = curves_[c];
    const QColor colour = ColourOfCurve(curve, c);
    QPainterPath path;
    for (std::size_t p = 0; p < curve.points.size(); ++p) {
      const QPointF at = PointOnScreen(curve.points[p]);
      p == 0 ? path.moveTo(at) : path.lineTo(at);
    }
    painter.setBrush(Qt::NoBrush);
    painter.setPen(QPen(colour, curve.pooled ? 3 : 1.5, Qt::SolidLine, Qt::RoundCap, Qt::RoundJoin));
    painter.drawPath(path);
    painter.setPen(Qt::NoPen);
    painter.setBrush(colour);
    for (const QPointF& point : curve.points) {
      const double radius = curve.pooled ? 3.5 : 2;
      painter.drawEllipse(PointOnScreen(point), radius, radius);
    }
    if (!curve.pooled || curve.points.empty()) continue;
    QFont bold = font();
    bold.setPixelSize(15);
    bold.setBold(true);
    painter.setFont(bold);
    const QPointF end = PointOnScreen(curve.points.back());
    DrawOnPicture(painter, end + QPointF(10, 0), TextAnchor::kLeft, QString::number(curve.points.back().y(), 'f', 2),
                  colour);
  }
}

void LineChart::DrawLegend(QPainter& painter) const {
  QFont small = font();
  small.setPixelSize(12);
  painter.setFont(small);
  const QFontMetricsF metrics(small);
  double right = width() - 14.0;
  for (std::size_t c = curves_.size(); c-- > 0;) {
    const double text = metrics.horizontalAdvance(curves_[c].name);
    painter.setPen(DarkTheme().text);
    painter.drawText(QRectF(right - text, 6, text + 1, 20), Qt::AlignLeft | Qt::AlignVCenter, curves_[c].name);
    painter.setPen(QPen(ColourOfCurve(curves_[c], c), curves_[c].pooled ? 3 : 1.5));
    painter.drawLine(QPointF(right - text - 26, 16), QPointF(right - text - 7, 16));
    right -= text + 44;
    if (right < 280) break;  // the page's title stays free
  }
}

void LineChart::DrawHover(QPainter& painter) const {
  if (hover_round_ < 0) return;
  QStringList lines{tr("After round %1").arg(hover_round_)};
  for (const Curve& curve : curves_)
    for (const QPointF& point : curve.points)
      if (std::lround(point.x()) == hover_round_) lines << QString("%1  %2").arg(curve.name).arg(point.y(), 0, 'f', 3);
  if (lines.size() < 2) return;
  const Theme& theme = DarkTheme();
  const double x = PointOnScreen({static_cast<double>(hover_round_), 0}).x();
  painter.setPen(QPen(theme.muted, 1, Qt::DashLine));
  painter.drawLine(QPointF(x, Plot().top()), QPointF(x, Plot().bottom()));
  const QRectF text = QFontMetricsF(font()).boundingRect(QRectF(), Qt::AlignLeft, lines.join('\n'));
  const bool flip = x + text.width() + 30 > width();
  QRectF box(flip ? x - text.width() - 28 : x + 10, Plot().bottom() - text.height() - 24, text.width() + 18,
             text.height() + 12);
  painter.setPen(theme.line);
  painter.setBrush(theme.background);
  painter.drawRoundedRect(box, 4, 4);
  painter.setFont(font());
  painter.setPen(theme.text);
  painter.drawText(box.adjusted(9, 6, 0, 0), Qt::AlignLeft, lines.join('\n'));
}

void LineChart::mouseMoveEvent(QMouseEvent* event) {
  const QRectF plot = Plot();
  const double share = (event->position().x() - plot.left()) / plot.width();
  hover_round_ = share < -0.02 || share > 1.02 ? -1 : static_cast<int>(std::lround(share * LastRound()));
  update();
}

void LineChart::leaveEvent(QEvent*) {
  hover_round_ = -1;
  update();
}

}  // namespace consilium
