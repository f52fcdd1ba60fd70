// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "tools/demo/result.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "core/base/file_store.h"
#include "core/base/terminal.h"

namespace consilium {
namespace {

std::string Two(double value) { return fmt::format("{:.2f}", value); }

std::vector<std::string> Strings(const std::vector<std::filesystem::path>& paths) {
  std::vector<std::string> texts;
  for (const auto& path : paths) texts.push_back(path.string());
  return texts;
}

std::string Megabytes(std::uint64_t bytes) { return fmt::format("{:.1f} MB", static_cast<double>(bytes) / 1e6); }

// Dice by round as an SVG polyline, 0 at the bottom, 1 at the top.
std::string Curve(const DemoResult& result) {
  std::string points;
  const auto last = std::max<std::size_t>(result.rounds.size(), 2) - 1;
  for (std::size_t i = 0; i < result.rounds.size(); ++i) {
    points += fmt::format("{:.1f},{:.1f} ", 40 + 500.0 * static_cast<double>(i) / static_cast<double>(last),
                          200 - 180 * result.rounds[i].dice);
  }
  std::string svg = "<svg viewBox=\"0 0 560 230\" role=\"img\" aria-label=\"Dice by round\">";
  for (int tenth = 0; tenth <= 10; tenth += 2) {
    const double y = 200 - 18.0 * tenth;
    svg += fmt::format(
        "<line x1=\"40\" x2=\"540\" y1=\"{0}\" y2=\"{0}\" stroke=\"#ddd\"/>"
        "<text x=\"8\" y=\"{1}\" font-size=\"12\">{2:.1f}</text>",
        y, y + 4, tenth / 10.0);
  }
  return svg + "<polyline fill=\"none\" stroke=\"#0a6\" stroke-width=\"2.5\" points=\"" + points +
         "\"/><text x=\"230\" y=\"224\" font-size=\"12\">round</text></svg>";
}

std::string HtmlTable(const DemoResult& result) {
  std::string rows = "<table><tr><th>held-out Dice</th><th>pooled</th><th>own patients</th></tr>";
  for (const auto& [site, local] : result.local) {
    rows += fmt::format("<tr><td>{} alone ({} steps)</td><td>{:.3f}</td><td>{:.3f}</td></tr>", site, local.steps,
                        local.pooled, local.own);
  }
  rows += fmt::format("<tr class=\"us\"><td>together</td><td>{:.3f}</td><td>", result.federated.Mean());
  for (const auto& [site, dice] : result.by_site) rows += fmt::format("{} {:.3f} &nbsp; ", site, dice.Mean());
  rows += "</td></tr>";
  rows += fmt::format("<tr><td>SUV &ge; {:.2f} (best on the training patients)</td><td>{:.3f}</td><td></td></tr>",
                      result.threshold_suv, result.threshold_dice);
  rows += fmt::format("<tr><td>SUV &ge; 2.5</td><td>{:.3f}</td><td></td></tr></table>", result.suv25_dice);
  return rows;
}

}  // namespace

std::string DemoResult::BestLocal() const {
  const auto best = std::max_element(local.begin(), local.end(),
                                     [](const auto& a, const auto& b) { return a.second.pooled < b.second.pooled; });
  return best == local.end() ? "" : best->first;
}

std::string ToJson(const DemoResult& result) {
  using nlohmann::ordered_json;
  ordered_json json;
  json["seed"] = result.seed;
  json["model_digest"] = result.model_digest;
  json["rounds"] = ordered_json::array();
  for (const auto& round : result.rounds) {
    json["rounds"].push_back({{"round", round.round},
                              {"seconds", round.seconds},
                              {"dice", round.dice},
                              {"loss", round.loss},
                              {"sites", round.sites}});
  }
  ordered_json by_site = ordered_json::object(), local = ordered_json::object();
  for (const auto& [site, dice] : result.by_site) by_site[site] = dice.Mean();
  for (const auto& [site, model] : result.local) {
    local[site] = {{"pooled", model.pooled}, {"own", model.own}, {"steps", model.steps}};
  }
  json["dice"] = {{"federated", {{"pooled", result.federated.Mean()}, {"by_site", by_site}}},
                  {"local", local},
                  {"threshold", {{"suv", result.threshold_suv}, {"pooled", result.threshold_dice}}},
                  {"suv_2_5", {{"pooled", result.suv25_dice}}}};
  json["seg"] = Strings(result.seg);
  json["dciodvfy"] = result.dciodvfy;
  json["pictures"] = Strings(result.pictures);
  json["bytes"] = {{"up", result.bytes_up}, {"down", result.bytes_down}, {"images_that_stayed", result.image_bytes}};
  json["seconds"] = result.seconds;
  return json.dump(2) + "\n";
}

std::string ToText(const DemoResult& result) {
  Table table({"held-out Dice", "pooled", "own patients", "steps"});
  for (const auto& [site, local] : result.local) {
    table.Row({site + " alone", Two(local.pooled), Two(local.own), std::to_string(local.steps)});
  }
  table.Row({"together", Two(result.federated.Mean()), "", ""});
  for (const auto& [site, dice] : result.by_site) table.Row({"  at " + site, "", Two(dice.Mean()), ""});
  table.Row({fmt::format("SUV >= {:.2f}, best on training", result.threshold_suv), Two(result.threshold_dice), "", ""});
  table.Row({"SUV >= 2.5", Two(result.suv25_dice), "", ""});

  std::string phases = "Seconds            ";
  for (const auto& [phase, seconds] : result.seconds) phases += fmt::format("  {} {:.0f}", phase, seconds);
  return table.Text() + phases + "\n" +
         fmt::format("No image left a hospital: {} of images stayed, {} of updates went, {} of models came back.\n",
                     Megabytes(result.image_bytes), Megabytes(result.bytes_up), Megabytes(result.bytes_down));
}

void WriteReport(const DemoResult& result, const std::filesystem::path& file) {
  std::string page =
      "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>Consilium: a federation on this machine</title>"
      "<style>body{font:16px/1.5 sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#222}"
      "table{border-collapse:collapse;margin:1rem 0}td,th{padding:.3rem .9rem;text-align:left;border-bottom:1px solid "
      "#ddd}"
      "tr.us{font-weight:bold;background:#e9f7f1}img{width:100%;margin:.6rem 0;border-radius:4px}"
      "footer{margin-top:2rem;color:#a00;font-weight:bold}</style><h1>A federation on this machine</h1>";
  page += fmt::format("<p>{} hospitals, {} rounds, seed {}. Model {}.</p>", result.by_site.size(), result.rounds.size(),
                      result.seed, result.model_digest.substr(0, 12));
  page += HtmlTable(result);
  page += "<h2>Validation Dice by round</h2>" + Curve(result);
  page +=
      fmt::format("<p>No image left a hospital: {} of images stayed, {} of updates went, {} of models came back.</p>",
                  Megabytes(result.image_bytes), Megabytes(result.bytes_up), Megabytes(result.bytes_down));
  page += fmt::format("<h2>Predictions</h2><p>{} DICOM SEG files{}.</p>", result.seg.size(),
                      result.dciodvfy ? "; dciodvfy finds no error in any" : "");
  for (const auto& picture : result.pictures) {
    const auto relative = std::filesystem::relative(picture, file.parent_path()).string();
    page += fmt::format("<img src=\"{}\" alt=\"{}\">", relative, picture.stem().string());
  }
  page += "<footer>Research use only. Not for diagnosis.</footer></html>\n";
  WriteFileDurably(file, page);
}

}  // namespace consilium
