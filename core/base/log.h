// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>

namespace consilium {

// Logging for operators: one line, key=value fields, to standard error (time in UTC). Included only from .cc files.
// A LogField can be made of ids, numbers, digests and words written in the source, and of nothing that holds a patient.
enum class LogLevel { kDebug, kInfo, kWarning, kError };

class LogField {
 public:
  LogField(std::string_view key, std::string_view value);
  LogField(std::string_view key, const char* value);
  LogField(std::string_view key, std::int64_t value);
  LogField(std::string_view key, int value);
  LogField(std::string_view key, double value);
  template <class T>
  requires requires(const T& t) { t.text(); }
  LogField(std::string_view key, const T& id) : LogField(key, std::string_view(id.text())) {}
  template <class T>
  requires requires(const T& t) { t.value(); }
  LogField(std::string_view key, const T& number) : LogField(key, std::int64_t{number.value()}) {}

  const std::string& text() const { return text_; }

 private:
  std::string text_;
};

void SetLogLevel(LogLevel level);
void Log(LogLevel level, std::string_view message, std::initializer_list<LogField> fields = {});
inline void LogInfo(std::string_view m, std::initializer_list<LogField> f = {}) { Log(LogLevel::kInfo, m, f); }
inline void LogWarning(std::string_view m, std::initializer_list<LogField> f = {}) { Log(LogLevel::kWarning, m, f); }
inline void LogError(std::string_view m, std::initializer_list<LogField> f = {}) { Log(LogLevel::kError, m, f); }

}  // namespace consilium
