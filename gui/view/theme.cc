// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "gui/view/theme.h"

#include <QApplication>
#include <QPainter>
#include <QPainterPath>
#include <QPalette>
#include <QStyleFactory>

namespace consilium {
namespace {

QString StyleSheet(const Theme& theme) {
  return QString(R"(
    QWidget { color: %4; font-size: 13px; }
    QMainWindow, QDialog { background: %1; }
    QFrame#panel { background: %2; border: 1px solid %3; border-radius: 6px; }
    QLabel#headline { font-size: 17px; font-weight: 600; }
    QLabel#title { font-size: 15px; font-weight: 600; }
    QLabel#caption { color: %5; font-size: 11px; font-weight: 600; }
    QLabel#muted { color: %5; }
    QLabel#trouble { background: #3a2a12; color: %7; padding: 6px 10px; border-radius: 4px; }
    QPushButton { background: %2; border: 1px solid %3; border-radius: 4px; padding: 5px 12px; }
    QPushButton:hover { border-color: %6; }
    QPushButton:checked { background: #1d3d5c; border-color: %6; }
    QPushButton:disabled, QCheckBox:disabled, QLabel:disabled { color: #5f6a76; }
    QPushButton:focus, QComboBox:focus, QTableWidget:focus, QListWidget:focus { border-color: %6; }
    QCheckBox::indicator { width: 13px; height: 13px; border: 1px solid #7b8794; border-radius: 3px; }
    QCheckBox::indicator:checked { background: %6; border-color: %6; }
    QCheckBox::indicator:disabled { border-color: #3a444f; background: transparent; }
    QCheckBox:focus, QSlider:focus { outline: 1px solid %6; }
    QComboBox { background: %2; border: 1px solid %3; border-radius: 4px; padding: 4px 8px; }
    QComboBox QAbstractItemView { background: %2; selection-background-color: #1d3d5c; }
    QTableWidget, QListWidget { background: %2; border: 1px solid %3; border-radius: 4px; gridline-color: %3;
      selection-background-color: #1d3d5c; selection-color: %4; }
    QListWidget::item { padding: 6px; border-bottom: 1px solid %3; }
    QListWidget::item:selected { background: #1d3d5c; color: %4; }
    QHeaderView, QHeaderView::section { background: %2; color: %5; border: none; }
    QHeaderView::section { border-bottom: 1px solid %3; padding: 4px; font-size: 11px; font-weight: 600; }
    QProgressBar { background: %3; border: none; border-radius: 3px; max-height: 6px; min-height: 6px; }
    QProgressBar::chunk { background: %6; border-radius: 3px; }
    QToolTip { background: %2; color: %4; border: 1px solid %3; }
  )")
      .arg(theme.background.name(), theme.panel.name(), theme.line.name(), theme.text.name(), theme.muted.name(),
           theme.accent.name(), theme.warning.name());
}

}  // namespace

const Theme& DarkTheme() {
  static const Theme theme;
  return theme;
}

void Apply(const Theme& theme, QApplication& application) {
  application.setStyle(QStyleFactory::create("Fusion"));
  QPalette palette;
  palette.setColor(QPalette::Window, theme.background);
  palette.setColor(QPalette::Base, theme.panel);
  palette.setColor(QPalette::AlternateBase, theme.background);
  palette.setColor(QPalette::Button, theme.panel);
  for (const auto role : {QPalette::WindowText, QPalette::Text, QPalette::ButtonText, QPalette::ToolTipText})
    palette.setColor(role, theme.text);
  palette.setColor(QPalette::PlaceholderText, theme.muted);
  palette.setColor(QPalette::Highlight, theme.accent);
  palette.setColor(QPalette::HighlightedText, Qt::white);
  application.setPalette(palette);
  application.setStyleSheet(StyleSheet(theme));
}

void DrawOnPicture(QPainter& painter, QPointF anchor, TextAnchor where, const QString& text, const QColor& colour) {
  const QFontMetricsF metrics(painter.font());
  const double width = metrics.horizontalAdvance(text);
  const double left = where == TextAnchor::kLeft     ? anchor.x()
                      : where == TextAnchor::kMiddle ? anchor.x() - width / 2
                                                     : anchor.x() - width;
  QPainterPath path;
  path.addText(left, anchor.y() + (metrics.ascent() - metrics.descent()) / 2, painter.font(), text);
  painter.save();
  painter.setRenderHint(QPainter::Antialiasing);
  const QColor rim = colour.lightness() > 127 ? QColor(0, 0, 0, 210) : QColor(255, 255, 255, 210);
  painter.strokePath(path, QPen(rim, 3, Qt::SolidLine, Qt::RoundCap, Qt::RoundJoin));
  painter.fillPath(path, colour);
  painter.restore();
}

}  // namespace consilium
