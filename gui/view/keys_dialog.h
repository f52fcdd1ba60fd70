// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <QDialog>

namespace consilium {

// The list of keys and mouse gestures, from the same table that makes them.
class KeysDialog : public QDialog {
  Q_OBJECT
 public:
  explicit KeysDialog(QWidget* parent = nullptr);
};

}  // namespace consilium
