// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <QColor>

class QApplication;
class QPainter;
class QPointF;
class QString;

namespace consilium {

// The dark theme: a dim room's colours. Prediction and reference differ in colour and in form (filled, outlined), so
// that they are told apart without colour vision too.
struct Theme {
  QColor background{0x0f, 0x13, 0x18};
  QColor panel{0x18, 0x1e, 0x25};
  QColor line{0x2c, 0x35, 0x40};
  QColor text{0xe8, 0xec, 0xf0};
  QColor ink{0x10, 0x14, 0x18};  // text on a bright picture
  QColor muted{0x9c, 0xa8, 0xb5};
  QColor accent{0x3d, 0xa9, 0xfc};
  QColor warning{0xff, 0xb4, 0x54};
  QColor prediction{0x00, 0xc8, 0xff};
  QColor reference{0x7c, 0xff, 0x4f};
  QColor cursor{0xff, 0xe0, 0x66};
};
const Theme& DarkTheme();
void Apply(const Theme& theme, QApplication& application);

// Text with a rim of the opposite lightness, readable on any picture. `anchor` is the text's middle, or its left or
// right end.
enum class TextAnchor { kLeft, kMiddle, kRight };
void DrawOnPicture(QPainter& painter, QPointF anchor, TextAnchor where, const QString& text, const QColor& colour);

}  // namespace consilium
