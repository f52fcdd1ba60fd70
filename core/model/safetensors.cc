// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "core/model/safetensors.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstring>
#include <fstream>
#include <limits>
#include <nlohmann/json.hpp>
#include <set>
#include <utility>

#include "core/base/error.h"

namespace consilium {
namespace {

static_assert(std::endian::native == std::endian::little, "safetensors data is little-endian and is copied as it is");

constexpr std::uint64_t kLargestHeader = std::uint64_t{1} << 20;
constexpr std::size_t kLargestName = 256;
constexpr std::size_t kMostDimensions = 16;

struct Dtype {
  std::string_view name;
  std::uint64_t bytes;
};
constexpr std::array<Dtype, 15> kDtypes{{{"BOOL", 1},
                                         {"U8", 1},
                                         {"I8", 1},
                                         {"F8_E5M2", 1},
                                         {"F8_E4M3", 1},
                                         {"I16", 2},
                                         {"U16", 2},
                                         {"F16", 2},
                                         {"BF16", 2},
                                         {"I32", 4},
                                         {"U32", 4},
                                         {"F32", 4},
                                         {"F64", 8},
                                         {"I64", 8},
                                         {"U64", 8}}};

// A name out of a file in a message: short, and without characters that move a terminal's cursor.
std::string Quoted(std::string_view text) {
  std::string shown(text.substr(0, 60));
  std::replace_if(
      shown.begin(), shown.end(), [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }, '?');
  return "`" + shown + (text.size() > 60 ? "..." : "") + "`";
}

[[noreturn]] void Refuse(std::string_view file, const std::string& why) {
  throw Error(ErrorCode::kInvalidArgument, std::string(file) + " is no valid safetensors file: " + why,
              "Get it again from where it came; it was damaged or made by another program.");
}

// Reads the header's JSON as events, so that a key given twice is seen, and nothing but the header's own form passes:
// {"__metadata__": {text: text}, name: {"dtype": text, "shape": [n], "data_offsets": [n, n]}}.
class HeaderSax : public nlohmann::json_sax<nlohmann::json> {
 public:
  HeaderSax(std::string_view file, SafetensorsHeader& header) : file_(file), header_(header) {}

  bool start_object(std::size_t) override {
    if (level_ == Level::kOutside) return Go(Level::kTop);
    if (level_ == Level::kTop) return Go(key_ == "__metadata__" ? Level::kMetadata : Level::kTensor);
    return Bad("an object where none belongs");
  }
  bool end_object() override {
    if (level_ == Level::kTensor) FinishTensor();
    level_ = level_ == Level::kTop ? Level::kOutside : Level::kTop;
    return true;
  }
  bool key(string_t& name) override {
    if (name.size() > kLargestName) Refuse(file_, "the name " + Quoted(name) + " is longer than 256 bytes");
    if (level_ == Level::kTop) {
      if (!names_.insert(name).second) Refuse(file_, Quoted(name) + " is there twice");
      entry_ = TensorEntry{name, {}, {}, 0, 0};
      fields_.clear();
      offsets_.clear();
    } else if (level_ == Level::kTensor) {
      if (name != "dtype" && name != "shape" && name != "data_offsets") {
        Refuse(file_, Quoted(entry_.name) + " has an unknown field " + Quoted(name));
      }
      if (!fields_.insert(name).second) Refuse(file_, Quoted(entry_.name) + " has " + Quoted(name) + " twice");
    } else if (header_.metadata.count(name) > 0) {
      Refuse(file_, "the metadata has " + Quoted(name) + " twice");
    }
    key_ = name;
    return true;
  }
  bool string(string_t& text) override {
    if (level_ == Level::kMetadata) {
      header_.metadata.emplace(key_, text);
      return true;
    }
    if (level_ != Level::kTensor || key_ != "dtype") return Bad("a text where none belongs");
    entry_.dtype = text;
    return true;
  }
  bool start_array(std::size_t) override {
    if (level_ != Level::kTensor || (key_ != "shape" && key_ != "data_offsets")) {
      return Bad("a list where none belongs");
    }
    return Go(Level::kList);
  }
  bool end_array() override { return Go(Level::kTensor); }
  bool number_unsigned(number_unsigned_t value) override {
    if (level_ != Level::kList) return Bad("a number where none belongs");
    if (key_ == "data_offsets") {
      if (offsets_.size() == 2) Refuse(file_, Quoted(entry_.name) + " has more than two data offsets");
      offsets_.push_back(value);
      return true;
    }
    if (entry_.shape.size() == kMostDimensions) Refuse(file_, Quoted(entry_.name) + " has more than 16 dimensions");
    if (value > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max())) {
      Refuse(file_, Quoted(entry_.name) + " has a dimension that is too large");
    }
    entry_.shape.push_back(static_cast<std::int64_t>(value));
    return true;
  }
  bool number_integer(number_integer_t) override { return Bad("a negative number"); }
  bool number_float(number_float_t, const string_t&) override {
    return Bad("a number that is not whole, or too large");
  }
  bool null() override { return Bad("a null"); }
  bool boolean(bool) override { return Bad("a true or false"); }
  bool binary(binary_t&) override { return Bad("binary data"); }
  bool parse_error(std::size_t position, const std::string&, const nlohmann::detail::exception&) override {
    Refuse(file_, "its header is no JSON at byte " + std::to_string(position + 8));
  }

 private:
  enum class Level { kOutside, kTop, kMetadata, kTensor, kList };

  bool Go(Level level) {
    level_ = level;
    return true;
  }
  bool Bad(const std::string& what) {
    Refuse(file_, "its header holds " + what + (key_.empty() ? "" : " (near " + Quoted(key_) + ")"));
  }
  void FinishTensor() {
    for (const char* field : {"dtype", "shape", "data_offsets"}) {
      if (fields_.count(field) == 0) Refuse(file_, Quoted(entry_.name) + " has no " + field);
    }
    if (offsets_.size() != 2) Refuse(file_, Quoted(entry_.name) + " needs two data offsets");
    entry_.begin = offsets_[0];
    entry_.end = offsets_[1];
    header_.tensors.push_back(std::move(entry_));
  }

  std::string_view file_;
  SafetensorsHeader& header_;
  Level level_ = Level::kOutside;
  std::string key_;
  std::set<std::string> names_, fields_;
  TensorEntry entry_;
  std::vector<std::uint64_t> offsets_;
};

// Bytes of an array, or a refusal when the product does not fit 64 bits.
std::uint64_t BytesOf(const TensorEntry& entry, std::string_view file) {
  const auto dtype =
      std::find_if(kDtypes.begin(), kDtypes.end(), [&](const Dtype& d) { return d.name == entry.dtype; });
  if (dtype == kDtypes.end()) {
    Refuse(file, Quoted(entry.name) + " has the unknown number type " + Quoted(entry.dtype));
  }
  std::uint64_t bytes = dtype->bytes;
  for (const std::int64_t edge : entry.shape) {
    if (__builtin_mul_overflow(bytes, static_cast<std::uint64_t>(edge), &bytes)) {
      Refuse(file, "the shape of " + Quoted(entry.name) + " is too large");
    }
  }
  return bytes;
}

void CheckLayout(SafetensorsHeader& header, std::uint64_t file_size, std::string_view file) {
  // By place in the file; empty arrays lie before what begins at the same byte.
  std::stable_sort(header.tensors.begin(), header.tensors.end(), [](const TensorEntry& a, const TensorEntry& b) {
    return std::pair(a.begin, a.end) < std::pair(b.begin, b.end);
  });
  std::uint64_t reached = 0;
  for (const TensorEntry& entry : header.tensors) {
    if (entry.end < entry.begin) Refuse(file, Quoted(entry.name) + " ends before it begins");
    const std::uint64_t bytes = BytesOf(entry, file);
    if (entry.end - entry.begin != bytes) {
      Refuse(file, Quoted(entry.name) + " has " + std::to_string(entry.end - entry.begin) + " bytes, its shape needs " +
                       std::to_string(bytes));
    }
    if (entry.begin < reached) Refuse(file, Quoted(entry.name) + " overlaps the array before it");
    if (entry.begin > reached) Refuse(file, "there is a hole before " + Quoted(entry.name));
    reached = entry.end;
  }
  const std::uint64_t data = file_size - header.data_begin;
  if (reached > data) {
    Refuse(file,
           "it is cut: " + std::to_string(data) + " bytes of data, its header speaks of " + std::to_string(reached));
  }
  if (reached < data) Refuse(file, std::to_string(data - reached) + " bytes after the last array belong to none");
}

std::uint64_t HeaderSize(std::span<const std::byte> head, std::uint64_t file_size, std::string_view file) {
  if (file_size < 8 || head.size() < 8) Refuse(file, "it is shorter than 8 bytes");
  std::uint64_t size = 0;
  std::memcpy(&size, head.data(), 8);
  if (size > kLargestHeader) {
    Refuse(file, "its header would have " + std::to_string(size) + " bytes; at most 1048576 are allowed");
  }
  if (size > file_size - 8) Refuse(file, "it is cut: its header has " + std::to_string(size) + " bytes");
  return size;
}

void RequireF32(const SafetensorsHeader& header, std::string_view file) {
  for (const TensorEntry& entry : header.tensors) {
    if (entry.dtype == "F32") continue;
    throw Error(ErrorCode::kInvalidArgument,
                std::string(file) + ": " + Quoted(entry.name) + " has numbers of type " + entry.dtype +
                    "; only F32 is supported",
                "Convert the model to float32 first.");
  }
}

void CheckFinite(const NamedArray& array, std::string_view file) {
  const auto bad = std::find_if(array.values.begin(), array.values.end(), [](float v) { return !std::isfinite(v); });
  if (bad == array.values.end()) return;
  throw Error(ErrorCode::kInvalidArgument,
              std::string(file) + ": " + Quoted(array.name) + " holds " + (std::isnan(*bad) ? "a NaN" : "an infinity") +
                  " at position " + std::to_string(bad - array.values.begin()),
              "The training that made it has diverged; lower the learning rate.");
}

// Arrays in file order; `copy(begin, target, bytes)` brings the data.
template <class Copy>
Parameters ReadArrays(SafetensorsHeader& header, std::string_view file, FiniteCheck finite, Copy copy) {
  Parameters parameters;
  parameters.arrays.reserve(header.tensors.size());
  for (TensorEntry& entry : header.tensors) {
    NamedArray array{std::move(entry.name), std::move(entry.shape), {}};
    array.values.resize((entry.end - entry.begin) / sizeof(float));
    copy(header.data_begin + entry.begin, array.values.data(), entry.end - entry.begin);
    if (finite == FiniteCheck::kRequire) CheckFinite(array, file);
    parameters.arrays.push_back(std::move(array));
  }
  return parameters;
}

}  // namespace

SafetensorsHeader ParseSafetensorsHeader(std::span<const std::byte> head, std::uint64_t file_size,
                                         std::string_view name) {
  const std::uint64_t size = HeaderSize(head, file_size, name);
  Require(head.size() - 8 >= size, std::string(name) + ": the header was not handed over whole");
  const auto* text = reinterpret_cast<const char*>(head.data()) + 8;
  SafetensorsHeader header;
  header.data_begin = 8 + size;
  if (size == 0 || *text != '{') Refuse(name, "its header does not begin with '{'");
  HeaderSax sax(name, header);
  nlohmann::json::sax_parse(text, text + size, &sax);
  CheckLayout(header, file_size, name);
  return header;
}

ParametersFile ParseParameters(std::span<const std::byte> bytes, std::string_view name, FiniteCheck finite) {
  SafetensorsHeader header = ParseSafetensorsHeader(bytes, bytes.size(), name);
  RequireF32(header, name);
  ParametersFile file;
  file.parameters = ReadArrays(header, name, finite, [&](std::uint64_t begin, float* target, std::uint64_t count) {
    if (count > 0) std::memcpy(target, bytes.data() + begin, count);
  });
  file.metadata = std::move(header.metadata);
  return file;
}

ParametersFile ReadParametersFile(const std::filesystem::path& file, FiniteCheck finite) {
  const std::string name = file.filename().string();
  std::ifstream in(file, std::ios::binary | std::ios::ate);
  if (!in) throw Error(ErrorCode::kNotFound, "cannot read " + file.string(), "Check the path.");
  Require(std::filesystem::is_regular_file(file), "cannot read " + file.string() + ": it is no file");
  const auto size = static_cast<std::uint64_t>(in.tellg());
  const auto read = [&](std::uint64_t begin, void* target, std::uint64_t count) {
    in.seekg(static_cast<std::streamoff>(begin));
    if (!in.read(static_cast<char*>(target), static_cast<std::streamsize>(count))) {
      throw Error(ErrorCode::kDataLoss, "cannot read " + file.string() + " to its end");
    }
  };
  std::vector<std::byte> head(std::min<std::uint64_t>(size, 8));
  read(0, head.data(), head.size());
  head.resize(8 + HeaderSize(head, size, name));
  read(0, head.data(), head.size());
  SafetensorsHeader header = ParseSafetensorsHeader(head, size, name);
  RequireF32(header, name);
  ParametersFile out;
  out.parameters = ReadArrays(header, name, finite, read);
  out.metadata = std::move(header.metadata);
  return out;
}

std::vector<std::byte> SerializeParameters(const Parameters& parameters,
                                           const std::map<std::string, std::string>& metadata) {
  nlohmann::ordered_json header = nlohmann::ordered_json::object();
  if (!metadata.empty()) header["__metadata__"] = metadata;
  std::uint64_t end = 0;
  for (const NamedArray& array : parameters.arrays) {
    const std::uint64_t begin = end;
    std::uint64_t count = 1;
    for (const std::int64_t edge : array.shape) count *= static_cast<std::uint64_t>(edge);
    Ensure(count == array.values.size(), "an array has another number of values than its shape says");
    Ensure(!header.contains(array.name), "two arrays have one name");
    end += array.values.size() * sizeof(float);
    header[array.name] = {{"dtype", "F32"}, {"shape", array.shape}, {"data_offsets", {begin, end}}};
  }
  std::string text = header.dump();
  text.resize((text.size() + 7) / 8 * 8, ' ');  // the data begins at a multiple of 8
  Ensure(text.size() <= kLargestHeader, "a model with a header above 1 MiB");
  std::vector<std::byte> bytes(8 + text.size() + end);
  const std::uint64_t header_size = text.size();
  std::memcpy(bytes.data(), &header_size, 8);
  std::memcpy(bytes.data() + 8, text.data(), text.size());
  std::byte* place = bytes.data() + 8 + text.size();
  for (const NamedArray& array : parameters.arrays) {
    if (!array.values.empty()) std::memcpy(place, array.values.data(), array.values.size() * sizeof(float));
    place += array.values.size() * sizeof(float);
  }
  return bytes;
}

}  // namespace consilium
