// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "core/data/library_statistics.h"

#include <algorithm>
#include <array>
#include <limits>
#include <nlohmann/json.hpp>
#include <numeric>

#include "core/base/error.h"
#include "core/model/json_fields.h"

namespace consilium {
namespace {

constexpr std::array kSpacingEdges = {0.5, 0.75, 1.0, 1.5, 2.0, 2.5, 3.0, 3.5, 4.0, 5.0, 6.0, 8.0};
constexpr std::array kVolumeEdges = {0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0, 300.0, 1000.0};
constexpr std::size_t kMostNames = 1000;
constexpr std::int64_t kMostThings = std::int64_t{1} << 40;  // sums of a thousand hospitals do not overflow

using S = LibraryStatistics;
constexpr std::array<NamedHistogram, 6> kHistograms{{
    {"pet_in_plane", "PET: pixel spacing", "mm", "series", kSpacingEdges, &S::pet_in_plane},
    {"pet_slices", "PET: distance of slices", "mm", "series", kSpacingEdges, &S::pet_slices},
    {"ct_in_plane", "CT: pixel spacing", "mm", "series", kSpacingEdges, &S::ct_in_plane},
    {"ct_slices", "CT: distance of slices", "mm", "series", kSpacingEdges, &S::ct_slices},
    {"lesion_volume", "Volume of a lesion", "ml", "lesions", kVolumeEdges, &S::lesion_volume},
    {"case_volume", "Volume of all lesions of a case", "ml", "cases", kVolumeEdges, &S::case_volume},
}};

std::string NameOf(Modality modality) {
  switch (modality) {
    case Modality::kPet: return "PET";
    case Modality::kCt: return "CT";
    case Modality::kMr: return "MR";
  }
  Ensure(false, "unknown modality");
  return {};
}

// One patient's things by bin: a patient counts once in a bin, however many things lie there.
template <class Key>
using Tally = std::map<Key, std::int64_t>;

void Add(const Tally<std::size_t>& tally, Histogram& to) {
  for (const auto& [bin, count] : tally) {
    to.bins[bin].count += count;
    to.bins[bin].patients += 1;
  }
}

void Add(const Tally<std::string>& tally, std::map<std::string, StatisticsBin>& to) {
  for (const auto& [name, count] : tally) {
    to[name].count += count;
    to[name].patients += 1;
  }
}

// Empties bins until nothing of 1 to k - 1 patients is left and what is hidden stands for at least k.
bool Hide(std::vector<StatisticsBin*> bins, std::int64_t k) {
  std::erase_if(bins, [](const StatisticsBin* bin) { return bin->patients == 0; });
  std::sort(bins.begin(), bins.end(), [](auto* a, auto* b) { return a->patients < b->patients; });
  std::int64_t hidden = 0;
  for (StatisticsBin* bin : bins) {
    if (bin->patients >= k && (hidden == 0 || hidden >= k)) break;
    hidden += bin->patients;
    *bin = {};
  }
  return hidden > 0;
}

bool Hide(std::map<std::string, StatisticsBin>& named, std::int64_t k) {
  std::vector<StatisticsBin*> bins;
  bins.reserve(named.size());
  for (auto& [name, bin] : named) bins.push_back(&bin);
  const bool hidden = Hide(bins, k);
  std::erase_if(named, [](const auto& entry) { return entry.second.patients == 0; });
  return hidden;
}

nlohmann::ordered_json ToJson(const StatisticsBin& bin) { return {bin.count, bin.patients}; }

StatisticsBin BinFrom(const nlohmann::json& json, const std::string& what) {
  const auto number = [](const nlohmann::json& v) { return v.is_number_integer() && v >= 0 && v <= kMostThings; };
  Require(json.is_array() && json.size() == 2 && number(json[0]) && number(json[1]) && json[1] <= json[0],
          what + ": a bin is not two counts, things and patients");
  return {json[0].get<std::int64_t>(), json[1].get<std::int64_t>()};
}

std::map<std::string, StatisticsBin> NamesFrom(const nlohmann::json& json, const std::string& what) {
  Require(json.is_object() && json.size() <= kMostNames, what + ": it holds no table of at most 1000 names");
  std::map<std::string, StatisticsBin> out;
  for (const auto& [name, bin] : json.items()) {
    Require(name.size() <= 80 && PlainName(name.substr(0, 64)) == name.substr(0, 64), what + ": a name is not plain");
    out[name] = BinFrom(bin, what);
  }
  return out;
}

}  // namespace

std::span<const double> SpacingEdgesMm() { return kSpacingEdges; }
std::span<const double> VolumeEdgesMl() { return kVolumeEdges; }
std::span<const NamedHistogram> StatisticsHistograms() { return kHistograms; }

LibraryStatistics::LibraryStatistics() {
  for (const NamedHistogram& named : kHistograms) (this->*named.histogram).bins.resize(named.edges.size() + 1);
}

void LibraryStatistics::AddPatient(std::span<const CaseFeatures> all) {
  if (all.empty()) return;
  Tally<std::string> modality, scanner;
  Tally<std::size_t> in_plane[2], slices[2], lesion, whole;  // PET, CT
  ++patients;
  for (const CaseFeatures& one : all) {
    ++cases;
    for (const SeriesFeatures& series : one.series) {
      ++modality[NameOf(series.modality)];
      ++scanner[NameOf(series.modality) + " " + PlainName(series.scanner)];
      if (series.modality == Modality::kMr) continue;
      const int kind = series.modality == Modality::kPet ? 0 : 1;
      ++in_plane[kind][BinOf(series.in_plane_mm, kSpacingEdges)];
      ++slices[kind][BinOf(series.slice_mm, kSpacingEdges)];
    }
    if (!one.lesion_ml) continue;
    ++labelled;
    lesions += std::ssize(*one.lesion_ml);
    for (const double ml : *one.lesion_ml) ++lesion[BinOf(ml, kVolumeEdges)];
    ++whole[BinOf(std::accumulate(one.lesion_ml->begin(), one.lesion_ml->end(), 0.0), kVolumeEdges)];
  }
  Add(modality, modalities);
  Add(scanner, scanners);
  Add(in_plane[0], pet_in_plane);
  Add(in_plane[1], ct_in_plane);
  Add(slices[0], pet_slices);
  Add(slices[1], ct_slices);
  Add(lesion, lesion_volume);
  Add(whole, case_volume);
}

LibraryStatistics Merge(const LibraryStatistics& a, const LibraryStatistics& b) {
  LibraryStatistics out = a;
  out.patients += b.patients;
  out.cases += b.cases;
  out.labelled += b.labelled;
  out.lesions += b.lesions;
  out.names_hidden = a.names_hidden || b.names_hidden;
  const auto add = [](StatisticsBin& to, const StatisticsBin& bin) {
    to.count += bin.count;
    to.patients += bin.patients;
  };
  for (const auto& [name, bin] : b.modalities) add(out.modalities[name], bin);
  for (const auto& [name, bin] : b.scanners) add(out.scanners[name], bin);
  for (const NamedHistogram& named : kHistograms) Add(b.*named.histogram, out.*named.histogram);
  return out;
}

LibraryStatistics Shareable(const LibraryStatistics& statistics, std::int64_t k) {
  Require(k >= 1, "statistics are shared of at least one patient");
  LibraryStatistics out = statistics;
  const bool modalities = Hide(out.modalities, k), scanners = Hide(out.scanners, k);
  out.names_hidden = statistics.names_hidden || modalities || scanners;
  for (const NamedHistogram& named : kHistograms) {
    Histogram& histogram = out.*named.histogram;
    std::vector<StatisticsBin*> bins;
    for (StatisticsBin& bin : histogram.bins) bins.push_back(&bin);
    histogram.hidden = Hide(bins, k) || histogram.hidden;
  }
  if (out.patients < k) out.patients = out.cases = out.labelled = out.lesions = 0;
  return out;
}

std::string ToJson(const LibraryStatistics& statistics) {
  nlohmann::ordered_json out = {{"format", 1},
                                {"patients", statistics.patients},
                                {"cases", statistics.cases},
                                {"labelled", statistics.labelled},
                                {"lesions", statistics.lesions},
                                {"names_hidden", statistics.names_hidden}};
  const auto names = [](const std::map<std::string, StatisticsBin>& table) {
    nlohmann::ordered_json json = nlohmann::ordered_json::object();
    for (const auto& [name, bin] : table) json[name] = ToJson(bin);
    return json;
  };
  out["modalities"] = names(statistics.modalities);
  out["scanners"] = names(statistics.scanners);
  for (const NamedHistogram& named : kHistograms) {
    const Histogram& histogram = statistics.*named.histogram;
    nlohmann::ordered_json json = {{"unit", named.unit},
                                   {"things", named.things},
                                   {"edges", std::vector<double>(named.edges.begin(), named.edges.end())},
                                   {"hidden", histogram.hidden}};
    for (const StatisticsBin& bin : histogram.bins) json["bins"].push_back(ToJson(bin));
    out[std::string(named.name)] = std::move(json);
  }
  return out.dump();
}

LibraryStatistics StatisticsFromJson(std::string_view json, const std::string& what) {
  const nlohmann::json parsed = ParseJson(json, what);
  JsonReader reader(parsed, what);
  LibraryStatistics out;
  std::int64_t format = 0;
  reader.Field("format", format);
  Require(format == 1, what + ": it has format " + std::to_string(format) + ", this program knows 1",
          "Use the program version that wrote it.");
  const auto count = [&](std::string_view key, std::int64_t& value) {
    reader.Field(key, value);
    Require(value >= 0 && value <= kMostThings, what + ": `" + std::string(key) + "` is out of bounds");
  };
  count("patients", out.patients);
  count("cases", out.cases);
  count("labelled", out.labelled);
  count("lesions", out.lesions);
  reader.Field("names_hidden", out.names_hidden);
  const auto part = [&](const std::string& key) -> const nlohmann::json& {
    Require(parsed.contains(key), what + ": `" + key + "` is missing");
    return parsed[key];
  };
  out.modalities = NamesFrom(part("modalities"), what);
  out.scanners = NamesFrom(part("scanners"), what);
  for (const NamedHistogram& named : kHistograms) {
    const std::string table = what + ": `" + std::string(named.name) + "`";
    const nlohmann::json& from = part(std::string(named.name));
    JsonReader histogram(from, table);
    Histogram& to = out.*named.histogram;
    std::vector<double> edges;
    histogram.Field("edges", edges);
    histogram.Field("hidden", to.hidden);
    Require(std::equal(edges.begin(), edges.end(), named.edges.begin(), named.edges.end()) && from.contains("bins") &&
                from["bins"].is_array() && from["bins"].size() == to.bins.size(),
            table + ": it has other bins than format 1");
    for (std::size_t n = 0; n < to.bins.size(); ++n) to.bins[n] = BinFrom(from["bins"][n], table);
  }
  return out;
}

std::string PlainName(std::string_view text) {
  constexpr std::string_view kKept = " ._/+()-";
  std::string out(text.substr(0, 64));
  for (char& c : out) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       kKept.find(c) != std::string_view::npos;
    if (!plain) c = '?';
  }
  return out;
}

}  // namespace consilium
