// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <QObject>
#include <QString>
#include <algorithm>
#include <concepts>
#include <optional>
#include <utility>

namespace consilium {

// What a control shows, whatever its type: it may be disabled, with a reason for the tool tip.
class PropertyBase : public QObject {
  Q_OBJECT
 public:
  bool enabled() const { return enabled_; }
  const QString& reason() const { return reason_; }  // why it is disabled
  void Enable() { SetEnabled(true, {}); }
  void Disable(const QString& reason) { SetEnabled(false, reason); }

 Q_SIGNALS:
  void Changed();  // the value, or whether it is enabled

 private:
  void SetEnabled(bool enabled, const QString& reason) {
    if (enabled_ == enabled && reason_ == reason) return;
    enabled_ = enabled;
    reason_ = reason;
    Q_EMIT Changed();
  }
  bool enabled_ = true;
  QString reason_;
};

// One value of a presenter, with its range if it is a number. Setting an equal value tells nobody. Qt thread only.
template <class T>
class Property : public PropertyBase {
 public:
  Property() = default;
  explicit Property(T value) : value_(std::move(value)) {}

  const T& operator()() const { return value_; }
  void Set(T value) {
    if constexpr (std::totally_ordered<T>)
      if (range_) value = std::clamp(value, range_->first, range_->second);
    if (value == value_) return;
    value_ = std::move(value);
    Q_EMIT Changed();
  }
  void SetRange(T low, T high) requires std::totally_ordered<T> {
    range_ = {low, high};
    Set(value_);
  }

 private:
  T value_{};
  std::optional<std::pair<T, T>> range_;
};

}  // namespace consilium
