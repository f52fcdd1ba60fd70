// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include <nlohmann/json.hpp>

#include "core/base/error.h"
#include "core/data/fingerprint.h"
#include "core/data/fingerprint_parts.h"
#include "core/model/json_fields.h"

namespace consilium {
namespace {

constexpr std::int64_t kMostVoxelsOfCase = std::int64_t{1} << 31;  // as Prepare makes at most

// The bins that hold something: [number, things, patients].
nlohmann::ordered_json ToJson(const Histogram& histogram) {
  nlohmann::ordered_json bins = nlohmann::ordered_json::array();
  for (std::size_t n = 0; n < histogram.bins.size(); ++n) {
    const StatisticsBin& bin = histogram.bins[n];
    if (bin.count > 0) bins.push_back({n, bin.count, bin.patients});
  }
  return {{"hidden", histogram.hidden}, {"bins", std::move(bins)}};
}

// Things in all bins. `histogram` has its bins already, so nothing is allocated by what a file says.
std::int64_t Read(const nlohmann::json& json, const std::string& what, std::int64_t patients, std::int64_t most,
                  Histogram& histogram) {
  JsonReader reader(json, what);
  reader.Field("hidden", histogram.hidden);
  const auto bins = json.find("bins");
  Require(bins != json.end() && bins->is_array() && bins->size() <= histogram.bins.size(),
          what + ": it has other bins than format 1");
  std::int64_t total = 0, last = -1;
  for (const nlohmann::json& bin : *bins) {
    Require(bin.is_array() && bin.size() == 3 &&
                std::all_of(bin.begin(), bin.end(),
                            [](const auto& v) { return v.is_number_unsigned() && v <= std::uint64_t{1} << 40; }),
            what + ": a bin is not its number, things and patients");
    const auto number = bin[0].get<std::int64_t>(), count = bin[1].get<std::int64_t>(),
               people = bin[2].get<std::int64_t>();
    Require(number > last && number < std::ssize(histogram.bins), what + ": it has other bins than format 1");
    Require(people >= 1 && people <= count && people <= patients, what + ": a bin has more patients than there are");
    histogram.bins[static_cast<std::size_t>(number)] = {count, people};
    last = number;
    total += count;
    Require(total <= most, what + ": it counts more than there is");
  }
  return total;
}

nlohmann::ordered_json ToJson(const Fingerprint::Intensities& of) {
  nlohmann::ordered_json json = ToJson(of.values);
  json["sum"] = of.sum;
  json["squares"] = of.squares;
  return json;
}

void Read(const nlohmann::json& json, const std::string& what, const Fingerprint& whole, const IntensityPart& part,
          Fingerprint::Intensities& of) {
  const std::int64_t total = Read(json, what, whole.patients, whole.cases * kValuesOfCase, of.values);
  JsonReader reader(json, what);
  reader.Field("sum", of.sum);
  reader.Field("squares", of.squares);
  Require(total % kValuesOfCase == 0, what + ": it is not of so many values of each case");
  const auto count = static_cast<double>(total), most = static_cast<double>(part.most_steps);
  const auto sum = static_cast<double>(of.sum), squares = static_cast<double>(of.squares);
  Require(std::abs(sum) <= count * most && squares >= 0 && squares <= count * most * most &&
              squares * count >= sum * sum * (1 - 1e-9),
          what + ": no values have these sums");
}

// A part that must be there.
const nlohmann::json& Part(const nlohmann::json& in, std::string_view key, const std::string& what) {
  const auto found = in.find(std::string(key));
  Require(found != in.end(), what + ": `" + std::string(key) + "` is missing");
  return *found;
}

void RequireKnown(const nlohmann::json& json, const std::string& what) {
  static const std::vector<std::string> kKeys = {"format",  "patients", "cases",  "voxels", "tumour_voxels",
                                                 "spacing", "size",     "extent", "pet",    "ct"};
  for (const auto& [key, value] : json.items())
    Require(std::find(kKeys.begin(), kKeys.end(), key) != kKeys.end(),
            what + ": unknown field `" + key.substr(0, 60) + "`", "A newer program wrote it.");
}

}  // namespace

std::string ToJson(const Fingerprint& fingerprint) {
  nlohmann::ordered_json out = {{"format", 1},
                                {"patients", fingerprint.patients},
                                {"cases", fingerprint.cases},
                                {"voxels", fingerprint.voxels},
                                {"tumour_voxels", fingerprint.tumour_voxels}};
  for (const GeometryPart& part : GeometryParts()) {
    nlohmann::ordered_json axes = nlohmann::ordered_json::array();
    for (const Histogram& axis : fingerprint.*part.axes) axes.push_back(ToJson(axis));
    out[std::string(part.name)] = std::move(axes);
  }
  for (const IntensityPart& part : IntensityParts()) out[std::string(part.name)] = ToJson(fingerprint.*part.of);
  return out.dump();
}

Fingerprint FingerprintFromJson(std::string_view json, const std::string& what) {
  const nlohmann::json parsed = ParseJson(json, what);
  JsonReader reader(parsed, what);
  Fingerprint out;
  std::int64_t format = 0;
  reader.Field("format", format);
  Require(format == 1, what + ": it has format " + std::to_string(format) + ", this program knows 1",
          "Use the program version that wrote it.");
  const auto count = [&](std::string_view key, std::int64_t& value, std::int64_t most) {
    reader.Field(key, value);
    Require(value >= 0 && value <= most, what + ": `" + std::string(key) + "` is out of bounds");
  };
  RequireKnown(parsed, what);
  count("cases", out.cases, kMostFingerprintCases);
  count("patients", out.patients, out.cases);
  count("voxels", out.voxels, out.cases * kMostVoxelsOfCase);
  count("tumour_voxels", out.tumour_voxels, out.voxels);
  for (const GeometryPart& part : GeometryParts()) {
    const std::string table = what + ": `" + std::string(part.name) + "`";
    const nlohmann::json& axes = Part(parsed, part.name, what);
    Require(axes.is_array() && axes.size() == 3, table + ": it has no three axes");
    for (std::size_t d = 0; d < 3; ++d)
      Require(Read(axes[d], table, out.patients, out.cases, (out.*part.axes)[d]) == out.cases,
              table + ": an axis does not count every case");
  }
  for (const IntensityPart& part : IntensityParts()) {
    const std::string table = what + ": `" + std::string(part.name) + "`";
    Read(Part(parsed, part.name, what), table, out, part, out.*part.of);
  }
  return out;
}

}  // namespace consilium
