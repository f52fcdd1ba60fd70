// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "gui/view/display_panel.h"

#include <QButtonGroup>
#include <QCheckBox>
#include <QComboBox>
#include <QHBoxLayout>
#include <QLabel>
#include <QPainter>
#include <QPushButton>
#include <QSlider>
#include <QVBoxLayout>

#include "gui/view/bind.h"
#include "gui/view/theme.h"

namespace consilium {
namespace {

QIcon Swatch(const QColor& colour, bool filled) {
  QPixmap picture(16, 16);
  picture.fill(Qt::transparent);
  QPainter painter(&picture);
  painter.setPen(QPen(colour, 2));
  if (filled) painter.setBrush(QColor(colour.red(), colour.green(), colour.blue(), 120));
  painter.drawRect(2, 2, 11, 11);
  return QIcon(picture);
}

}  // namespace

DisplayPanel::DisplayPanel(CaseModel& model, QWidget* parent) : QFrame(parent), model_(model) {
  setObjectName("panel");
  auto* layout = new QVBoxLayout(this);
  layout->setContentsMargins(10, 8, 10, 10);
  layout->setSpacing(6);
  AddModes(*layout);
  AddPresets(*layout, Modality::kPet);
  AddPresets(*layout, Modality::kCt);
  AddSlider(*layout, "fusion_slider", tr("PET on CT"), model.fusion);
  AddOverlays(*layout);
  AddSlider(*layout, "opacity_slider", tr("Opacity"), model.opacity);
}

void DisplayPanel::AddModes(QBoxLayout& layout) {
  auto* row = new QHBoxLayout;
  auto* group = new QButtonGroup(this);
  for (const DisplayMode mode : {DisplayMode::kFused, DisplayMode::kPet, DisplayMode::kCt}) {
    auto* button = new QPushButton(Words(mode), this);
    button->setObjectName("mode_" + QString::number(static_cast<int>(mode)));
    button->setAccessibleName(tr("Show %1").arg(Words(mode)));
    button->setCheckable(true);
    group->addButton(button, static_cast<int>(mode));
    row->addWidget(button);
    BindEnabled(model_.mode, button);
  }
  Bind(model_.mode, group, [group](DisplayMode mode) { group->button(static_cast<int>(mode))->setChecked(true); });
  connect(group, &QButtonGroup::idClicked, this, [this](int id) { model_.mode.Set(static_cast<DisplayMode>(id)); });
  layout.addLayout(row);
}

void DisplayPanel::AddPresets(QBoxLayout& layout, Modality modality) {
  const bool pet = modality == Modality::kPet;
  auto* row = new QHBoxLayout;
  auto* label = new QLabel(pet ? tr("PET window") : tr("CT window"), this);
  auto* box = new QComboBox(this);
  box->setObjectName(pet ? "pet_window" : "ct_window");
  box->setAccessibleName(label->text());
  box->setToolTip(tr("or drag with the right button in a picture"));
  for (std::size_t p = 0; p < WindowPresets().size(); ++p)
    if (WindowPresets()[p].modality == modality) box->addItem(WindowPresets()[p].name, static_cast<int>(p));
  box->addItem(tr("own"), -1);
  label->setBuddy(box);
  row->addWidget(label);
  row->addWidget(box, 1);
  layout.addLayout(row);
  connect(box, &QComboBox::activated, this, [this, box] {
    const int preset = box->currentData().toInt();
    if (preset >= 0) model_.ApplyPreset(WindowPresets()[static_cast<std::size_t>(preset)]);
  });
  Property<Window>& window = pet ? model_.pet_window : model_.ct_window;
  Bind(window, box, [box, pet](const Window& now) {
    const int own = box->count() - 1;
    box->setItemText(own, pet ? tr("SUV 0 - %1").arg(now.high, 0, 'f', 1)
                              : tr("W %1  L %2").arg(now.width(), 0, 'f', 0).arg(now.level(), 0, 'f', 0));
    int chosen = own;
    for (int item = 0; item < own; ++item)
      if (WindowPresets()[static_cast<std::size_t>(box->itemData(item).toInt())].window == now) chosen = item;
    box->setCurrentIndex(chosen);
  });
}

void DisplayPanel::AddOverlays(QBoxLayout& layout) {
  const auto add = [&](const QString& name, const QString& words, const QIcon& icon, Property<bool>& property) {
    auto* box = new QCheckBox(words, this);
    box->setObjectName(name);
    box->setAccessibleName(words);
    box->setIcon(icon);
    BindSwitch(property, box);
    layout.addWidget(box);
  };
  const Theme& theme = DarkTheme();
  add("show_prediction", tr("Prediction (filled)"), Swatch(theme.prediction, true), model_.show_prediction);
  add("show_reference", tr("Reference, drawn by a reader"), Swatch(theme.reference, false), model_.show_reference);
  add("show_cursor", tr("Cross-hair"), {}, model_.show_cursor);
}

void DisplayPanel::AddSlider(QBoxLayout& layout, const QString& name, const QString& words,
                             Property<double>& property) {
  auto* row = new QHBoxLayout;
  auto* label = new QLabel(words, this);
  label->setMinimumWidth(70);
  auto* slider = new QSlider(Qt::Horizontal, this);
  slider->setObjectName(name);
  slider->setAccessibleName(words);
  auto* value = new QLabel(this);
  value->setMinimumWidth(40);
  value->setAlignment(Qt::AlignRight | Qt::AlignVCenter);
  BindShare(property, slider);
  Bind(property, value, [value](double share) { value->setText(tr("%1 %").arg(std::lround(100 * share))); });
  row->addWidget(label);
  row->addWidget(slider, 1);
  row->addWidget(value);
  layout.addLayout(row);
}

}  // namespace consilium
