// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <concepts>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>

#include "core/base/digest.h"
#include "core/base/ids.h"

namespace consilium {

// Logging for operators: one line, key=value fields, to standard error (time in UTC). Included only from .cc files.
// A LogField is made of ids, numbers, digests and words. The types that hold a patient (PatientText, Volume, Sample)
// and Secret do not compile here. Any thread.
enum class LogLevel { kDebug, kInfo, kWarning, kError };

class LogField {
 public:
  LogField(std::string_view key, std::string_view value);
  LogField(std::string_view key, const char* value) : LogField(key, std::string_view(value)) {}
  LogField(std::string_view key, const std::string& value) : LogField(key, std::string_view(value)) {}
  LogField(std::string_view key, bool value) : LogField(key, std::string_view(value ? "true" : "false")) {}
  LogField(std::string_view key, double value);
  template <std::integral T>
  LogField(std::string_view key, T value) : LogField(key, std::string_view(std::to_string(value))) {}
  template <class Tag>
  LogField(std::string_view key, const Id<Tag>& id) : LogField(key, std::string_view(id.text())) {}
  template <class Tag>
  LogField(std::string_view key, const Ordinal<Tag>& number) : LogField(key, number.value()) {}
  LogField(std::string_view key, const Digest& digest) : LogField(key, std::string_view(digest.Short())) {}

  const std::string& text() const { return text_; }  // key=value; a value with spaces is quoted

 private:
  std::string text_;
};

void SetLogLevel(LogLevel level);
void Log(LogLevel level, std::string_view message, std::initializer_list<LogField> fields = {});
inline void LogDebug(std::string_view m, std::initializer_list<LogField> f = {}) { Log(LogLevel::kDebug, m, f); }
inline void LogInfo(std::string_view m, std::initializer_list<LogField> f = {}) { Log(LogLevel::kInfo, m, f); }
inline void LogWarning(std::string_view m, std::initializer_list<LogField> f = {}) { Log(LogLevel::kWarning, m, f); }
inline void LogError(std::string_view m, std::initializer_list<LogField> f = {}) { Log(LogLevel::kError, m, f); }

}  // namespace consilium
