// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace consilium {

// Reading, printing and explaining a configuration struct through its one `Visit(v)`:
//   struct Options { std::int64_t port = 0; template <class V> void Visit(V& v) { v.Field("port", port, "..."); } };
//   ConfigReader reader = ConfigReader::FromFile(path); options.Visit(reader); reader.Finish();
// A wrong type or an unknown key is Error(kInvalidArgument) with file, line, key and the nearest existing key.
class ConfigReader {
 public:
  static ConfigReader FromText(std::string_view toml, std::string_view name);
  static ConfigReader FromFile(const std::filesystem::path& file);
  ~ConfigReader();
  ConfigReader(ConfigReader&&) noexcept;

  // Each leaves the value as it is when the key is absent.
  void Field(std::string_view key, bool& value, std::string_view doc);
  void Field(std::string_view key, std::int64_t& value, std::string_view doc);
  void Field(std::string_view key, double& value, std::string_view doc);
  void Field(std::string_view key, std::string& value, std::string_view doc);
  void Field(std::string_view key, std::vector<std::int64_t>& value, std::string_view doc);
  void Field(std::string_view key, std::vector<std::string>& value, std::string_view doc);
  // A table whose keys are the user's own, each with a list of texts.
  void Field(std::string_view key, std::map<std::string, std::vector<std::string>>& value, std::string_view doc);
  // A key that older model cards lack (core/model/json_fields.h); here every key may be absent.
  template <class T>
  void NewField(std::string_view key, T& value, std::string_view doc) {
    Field(key, value, doc);
  }
  template <class T>
  void Section(std::string_view key, T& value) {
    Enter(key);
    value.Visit(*this);
    Leave();
  }
  void Finish();  // throws for the first key that nobody asked for

 private:
  struct State;
  explicit ConfigReader(std::unique_ptr<State> state);
  void Enter(std::string_view key);
  void Leave();
  std::unique_ptr<State> state_;
};

// Prints the same structs as TOML with each key's documentation as a comment. Numbers round-trip exactly. Without
// comments it is the canonical text that digests are taken of.
enum class Comments { kShow, kHide };

class ConfigPrinter {
 public:
  explicit ConfigPrinter(Comments comments = Comments::kShow) : comments_(comments) {}

  void Field(std::string_view key, const bool& value, std::string_view doc);
  void Field(std::string_view key, const std::int64_t& value, std::string_view doc);
  void Field(std::string_view key, const double& value, std::string_view doc);
  void Field(std::string_view key, const std::string& value, std::string_view doc);
  void Field(std::string_view key, const std::vector<std::int64_t>& value, std::string_view doc);
  void Field(std::string_view key, const std::vector<std::string>& value, std::string_view doc);
  void Field(std::string_view key, const std::map<std::string, std::vector<std::string>>& value, std::string_view doc);
  template <class T>
  void NewField(std::string_view key, const T& value, std::string_view doc) {
    Field(key, value, doc);
  }
  template <class T>
  void Section(std::string_view key, T& value) {
    Enter(key);
    value.Visit(*this);
    Leave();
  }
  const std::string& text() const { return text_; }

 private:
  void Line(std::string_view key, std::string_view value, std::string_view doc);
  void Enter(std::string_view key);
  void Leave();
  Comments comments_;
  std::string text_;
  std::vector<std::string> path_;
};

}  // namespace consilium
