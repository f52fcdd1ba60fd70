// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "core/base/config.h"

#include <toml++/toml.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <optional>
#include <sstream>
#include <utility>

#include "core/base/error.h"
#include "core/base/file_store.h"

namespace consilium {
namespace {

constexpr std::uint64_t kLargestFile = std::uint64_t{1} << 20;

std::string Join(const std::vector<std::string>& path, std::string_view key) {
  std::string full;
  for (const auto& part : path) full += part + ".";
  return full + std::string(key);
}

std::string_view Leaf(std::string_view key) { return key.substr(key.rfind('.') + 1); }

// A key of a file in a message: short, and without characters that move a terminal's cursor.
std::string Shown(std::string_view key) {
  std::string shown(key.substr(0, 80));
  std::replace_if(
      shown.begin(), shown.end(), [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }, '?');
  return key.size() > 80 ? shown + "..." : shown;
}

// Levenshtein distance; both are keys, so short.
std::size_t EditDistance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t replaced = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, replaced});
    }
  }
  return row.back();
}

// The known key that is most like the unknown one, by its last part first; nothing if none is at all like it.
std::optional<std::string> Nearest(std::string_view unknown, const std::vector<std::string>& known) {
  const std::string key = std::string(unknown.substr(0, 200));
  std::optional<std::string> nearest;
  std::pair<std::size_t, std::size_t> best{};
  for (const std::string& candidate : known) {
    const std::size_t leaf = EditDistance(Leaf(key), Leaf(candidate));
    if (leaf > std::max<std::size_t>(2, Leaf(candidate).size() / 3)) continue;
    const std::pair score{leaf, EditDistance(key, candidate)};
    if (!nearest || score < best) {
      nearest = candidate;
      best = score;
    }
  }
  return nearest;
}

std::string Number(double value) {
  if (std::isnan(value)) return "nan";
  if (std::isinf(value)) return value > 0 ? "inf" : "-inf";
  char buffer[32];
  std::string text(buffer, std::to_chars(buffer, buffer + sizeof buffer, value).ptr);  // the shortest that reads back
  return text.find_first_of(".e") == std::string::npos ? text + ".0" : text;
}

std::string Quoted(std::string_view value) {
  static constexpr char kDigits[] = "0123456789ABCDEF";
  std::string text = "\"";
  for (const char c : value) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      text += '\\';
      text += c;
    } else if (byte < 0x20 || byte == 0x7f) {
      text += "\\u00";
      text += kDigits[byte >> 4];
      text += kDigits[byte & 15];
    } else {
      text += c;
    }
  }
  return text + "\"";
}

template <class T, class Print>
std::string List(const std::vector<T>& values, Print print) {
  std::string text = "[";
  for (std::size_t i = 0; i < values.size(); ++i) text += (i > 0 ? ", " : "") + print(values[i]);
  return text + "]";
}

}  // namespace

struct ConfigReader::State {
  std::string name;
  toml::table root;
  std::vector<const toml::table*> tables;  // the open section is the last; null: absent from the file
  std::vector<std::string> path;
  std::vector<std::string> known;  // every key and section asked for, with dots

  std::string Place(const toml::node& node) const {
    return name + ", line " + std::to_string(node.source().begin.line) + ": ";
  }
  const toml::node* Find(std::string_view key) {
    known.push_back(Join(path, key));
    return tables.back() == nullptr ? nullptr : tables.back()->get(key);
  }
  [[noreturn]] void WrongType(std::string_view key, const toml::node& node, std::string_view expected) const {
    std::ostringstream type;
    type << node.type();
    throw Error(ErrorCode::kInvalidArgument,
                Place(node) + "`" + Join(path, key) + "` must be " + std::string(expected) + ", not " + type.str(),
                "Correct that line of the file and start again.");
  }
  template <class T>
  void Read(std::string_view key, T& value, std::string_view expected) {
    const toml::node* node = Find(key);
    if (node == nullptr) return;
    const auto found = node->value_exact<T>();
    if (!found) WrongType(key, *node, expected);
    value = *found;
  }
  template <class T>
  void ReadList(std::string_view key, std::vector<T>& value, std::string_view expected) {
    if (const toml::node* node = Find(key)) TakeList(key, *node, value, expected);
  }
  template <class T>
  void TakeList(std::string_view key, const toml::node& node, std::vector<T>& value, std::string_view expected) {
    if (!node.is_array()) WrongType(key, node, expected);
    std::vector<T> read;
    for (const toml::node& element : *node.as_array()) {
      const auto found = element.value_exact<T>();
      if (!found) WrongType(key, element, expected);
      read.push_back(*found);
    }
    value = std::move(read);
  }
  // The first key by line that nobody asked for.
  void FindUnknown(const toml::table& table, const std::string& prefix,
                   std::optional<std::pair<std::uint32_t, std::string>>& first) const {
    for (const auto& [key, node] : table) {
      const std::string full = prefix + std::string(key.str());
      if (std::find(known.begin(), known.end(), full) != known.end()) {
        if (node.is_table()) FindUnknown(*node.as_table(), full + ".", first);
        continue;
      }
      const std::uint32_t line = key.source().begin.line;
      if (!first || line < first->first) first.emplace(line, full);
    }
  }
};

ConfigReader::ConfigReader(std::unique_ptr<State> state) : state_(std::move(state)) {}
ConfigReader::~ConfigReader() = default;
ConfigReader::ConfigReader(ConfigReader&&) noexcept = default;

ConfigReader ConfigReader::FromText(std::string_view toml, std::string_view name) {
  if (toml.size() > kLargestFile) {
    throw Error(ErrorCode::kResourceExhausted, std::string(name) + " is larger than 1 MiB", "It is no configuration.");
  }
  auto state = std::make_unique<State>();
  state->name = name;
  try {
    state->root = toml::parse(toml, state->name);
  } catch (const toml::parse_error& error) {
    throw Error(ErrorCode::kInvalidArgument,
                state->name + ", line " + std::to_string(error.source().begin.line) + ": " + Shown(error.description()),
                "The file is no valid TOML (toml.io).");
  }
  state->tables.push_back(&state->root);
  return ConfigReader(std::move(state));
}

ConfigReader ConfigReader::FromFile(const std::filesystem::path& file) {
  return FromText(ReadTextFile(file, kLargestFile), file.filename().string());
}

void ConfigReader::Field(std::string_view key, bool& value, std::string_view) {
  state_->Read(key, value, "true or false");
}
void ConfigReader::Field(std::string_view key, std::int64_t& value, std::string_view) {
  state_->Read(key, value, "a whole number");
}
void ConfigReader::Field(std::string_view key, double& value, std::string_view) {
  const toml::node* node = state_->Find(key);
  if (node == nullptr) return;
  if (!node->is_number()) state_->WrongType(key, *node, "a number");
  value = node->value<double>().value_or(value);
}
void ConfigReader::Field(std::string_view key, std::string& value, std::string_view) {
  state_->Read(key, value, "a text in quotes");
}
void ConfigReader::Field(std::string_view key, std::vector<std::int64_t>& value, std::string_view) {
  state_->ReadList(key, value, "a list of whole numbers");
}
void ConfigReader::Field(std::string_view key, std::vector<std::string>& value, std::string_view) {
  state_->ReadList(key, value, "a list of texts in quotes");
}
void ConfigReader::Field(std::string_view key, std::map<std::string, std::vector<std::string>>& value,
                         std::string_view) {
  const toml::node* node = state_->Find(key);
  if (node == nullptr) return;
  if (!node->is_table()) state_->WrongType(key, *node, "a section, [" + std::string(key) + "]");
  value.clear();
  for (const auto& [own, list] : *node->as_table()) {
    const std::string full = std::string(key) + "." + std::string(own.str());
    state_->known.push_back(Join(state_->path, full));
    state_->TakeList(full, list, value[std::string(own.str())], "a list of texts in quotes");
  }
}

void ConfigReader::Enter(std::string_view key) {
  const toml::node* node = state_->Find(key);
  if (node != nullptr && !node->is_table()) state_->WrongType(key, *node, "a section, [" + std::string(key) + "]");
  state_->tables.push_back(node == nullptr ? nullptr : node->as_table());
  state_->path.emplace_back(key);
}

void ConfigReader::Leave() {
  state_->tables.pop_back();
  state_->path.pop_back();
}

void ConfigReader::Finish() {
  std::optional<std::pair<std::uint32_t, std::string>> unknown;
  state_->FindUnknown(state_->root, "", unknown);
  if (!unknown) return;
  const auto nearest = Nearest(unknown->second, state_->known);
  throw Error(
      ErrorCode::kInvalidArgument,
      state_->name + ", line " + std::to_string(unknown->first) + ": unknown key `" + Shown(unknown->second) + "`",
      nearest ? "did you mean `" + *nearest + "`?" : "");
}

void ConfigPrinter::Line(std::string_view key, std::string_view value, std::string_view doc) {
  if (comments_ == Comments::kShow) text_ += "# " + std::string(doc) + "\n";
  text_ += std::string(key) + " = " + std::string(value) + "\n";
}

void ConfigPrinter::Field(std::string_view key, const bool& value, std::string_view doc) {
  Line(key, value ? "true" : "false", doc);
}
void ConfigPrinter::Field(std::string_view key, const std::int64_t& value, std::string_view doc) {
  Line(key, std::to_string(value), doc);
}
void ConfigPrinter::Field(std::string_view key, const double& value, std::string_view doc) {
  Line(key, Number(value), doc);
}
void ConfigPrinter::Field(std::string_view key, const std::string& value, std::string_view doc) {
  Line(key, Quoted(value), doc);
}
void ConfigPrinter::Field(std::string_view key, const std::vector<std::int64_t>& value, std::string_view doc) {
  Line(key, List(value, [](std::int64_t v) { return std::to_string(v); }), doc);
}
void ConfigPrinter::Field(std::string_view key, const std::vector<std::string>& value, std::string_view doc) {
  Line(key, List(value, [](const std::string& v) { return Quoted(v); }), doc);
}

void ConfigPrinter::Field(std::string_view key, const std::map<std::string, std::vector<std::string>>& value,
                          std::string_view doc) {
  std::string text;
  for (const auto& [own, list] : value) {
    text +=
        (text.empty() ? " " : ", ") + Quoted(own) + " = " + List(list, [](const std::string& v) { return Quoted(v); });
  }
  Line(key, "{" + text + (text.empty() ? "}" : " }"), doc);
}

void ConfigPrinter::Enter(std::string_view key) {
  text_ += "\n[" + Join(path_, key) + "]\n";
  path_.emplace_back(key);
}
void ConfigPrinter::Leave() { path_.pop_back(); }

}  // namespace consilium
