// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <QAbstractButton>
#include <QSlider>
#include <QWidget>
#include <cmath>

#include "gui/model/property.h"

namespace consilium {

// Calls `show(value)` now and at every change, as long as `owner` lives.
template <class T, class Show>
void Bind(Property<T>& property, QObject* owner, Show show) {
  const auto tell = [&property, show] { show(property()); };
  QObject::connect(&property, &PropertyBase::Changed, owner, tell);
  tell();
}

// A control that is grey, with the reason as its tool tip, while the property is disabled.
inline void BindEnabled(PropertyBase& property, QWidget* control) {
  const auto tell = [&property, control, tip = control->toolTip()] {
    control->setEnabled(property.enabled());
    control->setToolTip(property.enabled() ? tip : property.reason());
  };
  QObject::connect(&property, &PropertyBase::Changed, control, tell);
  tell();
}

inline void BindSwitch(Property<bool>& property, QAbstractButton* button) {
  button->setCheckable(true);
  Bind(property, button, [button](bool on) { button->setChecked(on); });
  QObject::connect(button, &QAbstractButton::toggled, &property, [&property](bool on) { property.Set(on); });
  BindEnabled(property, button);
}

// 0..1 as 0..100.
inline void BindShare(Property<double>& property, QSlider* slider) {
  slider->setRange(0, 100);
  Bind(property, slider, [slider](double share) { slider->setValue(static_cast<int>(std::lround(100 * share))); });
  QObject::connect(slider, &QSlider::valueChanged, &property, [&property](int value) {
    if (std::lround(100 * property()) != value) property.Set(value / 100.0);
  });
}

}  // namespace consilium
