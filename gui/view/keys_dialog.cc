// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "gui/view/keys_dialog.h"

#include <QGridLayout>
#include <QLabel>
#include <QPushButton>

#include "gui/model/key_table.h"

namespace consilium {

KeysDialog::KeysDialog(QWidget* parent) : QDialog(parent) {
  setObjectName("keys_dialog");
  setWindowTitle(tr("Keys"));
  auto* grid = new QGridLayout(this);
  grid->setContentsMargins(20, 16, 20, 16);
  grid->setHorizontalSpacing(18);
  const auto add = [&](int row, int column, const QString& key, const QString& words) {
    auto* label = new QLabel(QString("<b>%1</b>").arg(key.toHtmlEscaped()), this);
    grid->addWidget(label, row, column);
    grid->addWidget(new QLabel(words, this), row, column + 1);
  };
  int row = 0;
  for (const Key& key : Keys()) add(row++, 0, key.sequence, key.words);
  row = 0;
  for (const Gesture& gesture : Gestures()) add(row++, 2, gesture.gesture, gesture.words);
  auto* close = new QPushButton(tr("Close"), this);
  close->setObjectName("close_keys");
  close->setAccessibleName(tr("Close the list of keys"));
  close->setDefault(true);
  connect(close, &QPushButton::clicked, this, &QDialog::accept);
  grid->addWidget(close, static_cast<int>(Keys().size()), 3, Qt::AlignRight);
}

}  // namespace consilium
