// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "site-node/library/statistics.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>

#include "core/base/as_error.h"
#include "core/base/error.h"
#include "core/base/log.h"
#include "core/base/readable.h"
#include "core/base/terminal.h"
#include "imaging/findings/find_lesions.h"
#include "site-node/library/import_text.h"

namespace consilium {
namespace {

constexpr std::string_view kMigrations[] = {R"sql(
CREATE TABLE features(case_id TEXT PRIMARY KEY, data TEXT NOT NULL, features TEXT NOT NULL);
)sql"};

SeriesFeatures FeaturesOf(const Series& series) {
  const Vec3 spacing = series.geometry.spacing_mm;
  return {series.modality, series.info.scanner, std::max(spacing.x, spacing.y), spacing.z};
}

nlohmann::json ToJson(const CaseFeatures& features) {
  nlohmann::json series = nlohmann::json::array();
  for (const SeriesFeatures& one : features.series)
    series.push_back({static_cast<int>(one.modality), one.scanner, one.in_plane_mm, one.slice_mm});
  nlohmann::json out = {{"series", series}};
  if (features.lesion_ml) out["lesion_ml"] = *features.lesion_ml;
  return out;
}

Modality ModalityNumbered(int number) {
  for (const Modality modality : {Modality::kPet, Modality::kCt, Modality::kMr})
    if (static_cast<int>(modality) == number) return modality;
  throw Error(ErrorCode::kDataLoss, "no modality has this number");
}

CaseFeatures FromJson(const nlohmann::json& json) {
  CaseFeatures out;
  for (const auto& one : json.at("series"))
    out.series.push_back({ModalityNumbered(one.at(0).get<int>()), one.at(1).get<std::string>(), one.at(2).get<double>(),
                          one.at(3).get<double>()});
  if (json.contains("lesion_ml")) out.lesion_ml = json.at("lesion_ml").get<std::vector<double>>();
  return out;
}

// A row of a table or a bar of a picture.
struct Row {
  std::string label;
  StatisticsBin bin;
};

struct Chart {
  std::string name, title, things;
  std::vector<Row> rows;
  bool hidden = false;
};

// The bins from the first to the last that holds something.
std::vector<Row> RowsOf(const NamedHistogram& named, const Histogram& histogram) {
  const auto edge = [&](std::size_t n) { return fmt::format("{:g}", named.edges[n]); };
  std::vector<Row> rows;
  std::size_t filled = 0;
  for (std::size_t n = 0; n < histogram.bins.size(); ++n) {
    std::string label = n == 0                    ? "below " + edge(0)
                        : n == named.edges.size() ? edge(n - 1) + " and more"
                                                  : edge(n - 1) + " to " + edge(n);
    const bool something = histogram.bins[n].count > 0;
    if (!something && rows.empty()) continue;
    rows.push_back({label + " " + std::string(named.unit), histogram.bins[n]});
    if (something) filled = rows.size();
  }
  rows.resize(filled);
  return rows;
}

std::vector<Chart> ChartsOf(const LibraryStatistics& statistics) {
  std::vector<Chart> charts;
  const auto names = [&](const char* name, const char* title, const std::map<std::string, StatisticsBin>& table) {
    Chart chart{name, title, "series", {}, statistics.names_hidden};
    for (const auto& [label, bin] : table) chart.rows.push_back({label, bin});
    charts.push_back(std::move(chart));
  };
  names("modalities", "Modalities", statistics.modalities);
  names("scanners", "Scanners", statistics.scanners);
  for (const NamedHistogram& named : StatisticsHistograms()) {
    const Histogram& histogram = statistics.*named.histogram;
    charts.push_back({std::string(named.name), std::string(named.title), std::string(named.things),
                      RowsOf(named, histogram), histogram.hidden});
  }
  return charts;
}

constexpr const char* kHiddenWords = "Bins of too few patients are left out.";

std::string Svg(const Chart& chart) {
  constexpr int kTop = 58, kRow = 26, kBar = 18, kLongest = 330, kLetter = 9;  // a letter is never wider than 9
  std::int64_t most = 1;
  std::size_t letters = 16;
  for (const Row& row : chart.rows) {
    most = std::max(most, row.bin.count);
    letters = std::max(letters, row.label.size());
  }
  const int label = 20 + kLetter * static_cast<int>(letters), width = label + kLongest + 140;
  const int rows = std::max(1, static_cast<int>(chart.rows.size()));
  const int height = kTop + rows * kRow + 34;
  std::string svg = fmt::format(
      "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
      "<svg xmlns=\"http://www.w3.org/2000/svg\" version=\"1.1\" width=\"{0}\" height=\"{1}\" viewBox=\"0 0 {0} {1}\" "
      "font-family=\"DejaVu Sans, Arial, sans-serif\" font-size=\"13\" fill=\"#222222\">\n"
      "<rect width=\"{0}\" height=\"{1}\" fill=\"#ffffff\"/>\n"
      "<text x=\"20\" y=\"28\" font-size=\"17\" font-weight=\"bold\">{2}</text>\n"
      "<text x=\"{3}\" y=\"46\" fill=\"#666666\" font-size=\"11\">{4} (patients)</text>\n",
      width, height, EscapedMarkup(chart.title), label + 10, EscapedMarkup(chart.things));
  int y = kTop;
  for (const Row& row : chart.rows) {
    const auto length = static_cast<double>(row.bin.count) / static_cast<double>(most) * kLongest;
    svg += fmt::format(
        "<text x=\"{}\" y=\"{}\" text-anchor=\"end\">{}</text>"
        "<rect x=\"{}\" y=\"{}\" width=\"{:.1f}\" height=\"{}\" fill=\"#3b6fa0\"/>"
        "<text x=\"{:.1f}\" y=\"{}\">{} ({})</text>\n",
        label, y + 14, EscapedMarkup(row.label), label + 10, y, length, kBar, label + 16 + length, y + 14,
        row.bin.count, row.bin.patients);
    y += kRow;
  }
  if (chart.rows.empty()) svg += fmt::format("<text x=\"{}\" y=\"{}\">nothing</text>\n", label + 10, y + 14);
  if (chart.hidden) {
    svg +=
        fmt::format("<text x=\"20\" y=\"{}\" fill=\"#666666\" font-size=\"11\">{}</text>\n", height - 12, kHiddenWords);
  }
  return svg + "</svg>\n";
}

}  // namespace

CaseFeatures FeaturesOf(const CaseImages& images) {
  CaseFeatures out;
  out.series = {FeaturesOf(images.pet_series), FeaturesOf(images.ct_series)};
  if (!images.reference) return out;
  out.lesion_ml.emplace();
  for (const Lesion& lesion : FindLesions(*images.reference, images.pet, nullptr).lesions)
    out.lesion_ml->push_back(lesion.volume_ml);
  return out;
}

FeatureStore::FeatureStore(const std::filesystem::path& dir) : database_(dir / "statistics.sqlite", kMigrations) {}

std::optional<CaseFeatures> FeatureStore::Find(const CaseId& id, const Digest& data) {
  Statement read(database_, "SELECT features FROM features WHERE case_id = ? AND data = ?");
  read.Bind(1, id.text()).Bind(2, data.Hex());
  if (!read.Step()) return std::nullopt;
  const auto json = nlohmann::json::parse(read.Text(0), nullptr, false);
  try {
    return FromJson(json);
  } catch (const std::exception&) {  // of another program: the case is read again
    return std::nullopt;
  }
}

void FeatureStore::Put(const CaseId& id, const Digest& data, const CaseFeatures& features) {
  Statement write(database_, "INSERT OR REPLACE INTO features(case_id, data, features) VALUES(?,?,?)");
  write.Bind(1, id.text()).Bind(2, data.Hex()).Bind(3, ToJson(features).dump()).Execute();
}

CollectedStatistics CollectStatistics(CaseLibrary& library, FeatureStore& store,
                                      const std::function<void(double fraction)>& progress) {
  CollectedStatistics out;
  std::map<std::string, std::vector<CaseFeatures>> patients;
  std::vector<CaseRecord> cases = library.Cases();
  std::erase_if(cases, [](const CaseRecord& record) { return !record.present; });
  for (std::size_t n = 0; n < cases.size(); ++n) {
    const CaseId& id = cases[n].id;
    try {
      const Digest data = library.DataKey(id);
      std::optional<CaseFeatures> features = store.Find(id, data);
      if (!features) {
        features = FeaturesOf(library.Images(id));
        store.Put(id, data, *features);
      }
      patients[cases[n].patient.Reveal()].push_back(std::move(*features));
    } catch (const std::exception& failure) {  // its words may name a file, and that a patient
      LogWarning("a case is not in the statistics", {{"case", id}, {"code", Name(AsError(failure).code())}});
      ++out.unread;
    }
    if (progress) progress(static_cast<double>(n + 1) / static_cast<double>(cases.size()));
  }
  for (const auto& [patient, features] : patients) out.statistics.AddPatient(features);
  return out;
}

std::string StatisticsText(const LibraryStatistics& statistics) {
  std::string text = fmt::format("{}, {}, {} of them with a label, {}\n", Counted(statistics.patients, "patient"),
                                 Counted(statistics.cases, "case"), Thousands(statistics.labelled),
                                 Counted(statistics.lesions, "lesion"));
  for (const Chart& chart : ChartsOf(statistics)) {
    if (chart.rows.empty() && !chart.hidden) continue;
    Table table({chart.title, chart.things, "patients"});
    for (const Row& row : chart.rows)
      table.Row({row.label, std::to_string(row.bin.count), std::to_string(row.bin.patients)});
    text += "\n" + table.Text() + (chart.hidden ? std::string(kHiddenWords) + "\n" : "");
  }
  return text;
}

std::vector<Picture> StatisticsPictures(const LibraryStatistics& statistics) {
  std::vector<Picture> pictures;
  for (const Chart& chart : ChartsOf(statistics)) pictures.push_back({chart.name + ".svg", Svg(chart)});
  return pictures;
}

}  // namespace consilium
