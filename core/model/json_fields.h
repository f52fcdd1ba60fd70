// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/base/digest.h"
#include "core/base/error.h"
#include "core/base/ids.h"

namespace consilium {

// Only for the .cc files of core/: structs with a Visit(v) to and from a JSON object. Numbers keep every bit. Reading
// is strict: a missing, unknown or mistyped field is Error(kInvalidArgument) that begins with `what`.
class JsonWriter {
 public:
  template <class T>
  void Field(std::string_view key, const T& value, std::string_view /*doc*/ = {}) {
    json_[std::string(key)] = value;
  }
  void Field(std::string_view key, const Digest& value) { json_[std::string(key)] = value.Hex(); }
  template <class Tag>
  void Field(std::string_view key, const Id<Tag>& id) {
    json_[std::string(key)] = id.text();
  }
  template <class Tag>
  void Field(std::string_view key, const Ordinal<Tag>& number) {
    json_[std::string(key)] = number.value();
  }
  template <class T>
  void NewField(std::string_view key, const T& value, std::string_view /*doc*/ = {}) {
    Field(key, value);
  }
  template <class T>
  void Section(std::string_view key, T& value) {
    JsonWriter inner;
    value.Visit(inner);
    json_[std::string(key)] = std::move(inner).Take();
  }
  nlohmann::ordered_json Take() && { return std::move(json_); }

 private:
  nlohmann::ordered_json json_ = nlohmann::ordered_json::object();
};

class JsonReader {
 public:
  JsonReader(const nlohmann::json& json, std::string what) : json_(json), what_(std::move(what)) {
    Require(json_.is_object(), what_ + ": it is no JSON object");
  }
  template <class T>
  void Field(std::string_view key, T& value, std::string_view /*doc*/ = {}) {
    const nlohmann::json& found = Take(key);
    Require(Fits<T>(found), what_ + ": `" + std::string(key) + "` has the wrong type");
    value = found.get<T>();
  }
  void Field(std::string_view key, Digest& value) {
    std::string hex;
    Field(key, hex, {});
    value = Digest::FromHex(hex);
  }
  template <class Tag>
  void Field(std::string_view key, Id<Tag>& id) {
    std::string text;
    Field(key, text, {});
    const bool plain =
        std::none_of(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < 0x20; });
    Require(plain && text.size() <= 200, what_ + ": `" + std::string(key) + "` is no identifier");
    id = Id<Tag>(std::move(text));
  }
  template <class Tag>
  void Field(std::string_view key, Ordinal<Tag>& number) {
    std::int64_t value = 0;
    Field(key, value, {});
    Require(value >= 0, what_ + ": `" + std::string(key) + "` is negative");
    number = Ordinal<Tag>(value);
  }
  // A field that older files lack: without it the value stays as it is.
  template <class T>
  void NewField(std::string_view key, T& value, std::string_view /*doc*/ = {}) {
    if (json_.contains(std::string(key))) Field(key, value);
  }
  template <class T>
  void Section(std::string_view key, T& value) {
    JsonReader inner(Take(key), what_ + ": `" + std::string(key) + "`");
    value.Visit(inner);
    inner.Finish();
  }
  void Finish() const {
    for (const auto& [key, value] : json_.items()) {
      bool known = false;
      for (const auto& taken : taken_) known = known || taken == key;
      Require(known, what_ + ": unknown field `" + key.substr(0, 60) + "`", "A newer program wrote it.");
    }
  }

 private:
  const nlohmann::json& Take(std::string_view key) {
    const auto found = json_.find(std::string(key));
    Require(found != json_.end(), what_ + ": `" + std::string(key) + "` is missing");
    taken_.emplace_back(key);
    return *found;
  }
  template <class T>
  static bool Fits(const nlohmann::json& json) {
    if constexpr (std::is_enum_v<T>) {
      return json.is_number_unsigned() && json.get<std::uint64_t>() < 64;
    } else if constexpr (std::is_same_v<T, bool>) {
      return json.is_boolean();
    } else if constexpr (std::is_same_v<T, std::uint64_t>) {
      return json.is_number_unsigned();
    } else if constexpr (std::is_integral_v<T>) {
      // An unsigned number above the largest signed one would wrap.
      return json.is_number_integer() && (!json.is_number_unsigned() || json.get<std::uint64_t>() <= INT64_MAX);
    } else if constexpr (std::is_floating_point_v<T>) {
      return json.is_number();
    } else if constexpr (std::is_same_v<T, std::string>) {
      return json.is_string();
    } else {
      if (!json.is_array()) return false;
      for (const auto& element : json) {
        if (!Fits<typename T::value_type>(element)) return false;
      }
      return true;
    }
  }

  const nlohmann::json& json_;
  std::string what_;
  std::vector<std::string> taken_;
};

// Parses text from a file or the wire: at most 1 MiB and 32 levels deep; Error(kInvalidArgument) beginning with `what`.
nlohmann::json ParseJson(std::string_view text, const std::string& what);

}  // namespace consilium
