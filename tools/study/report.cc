// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "tools/study/report.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "core/base/error.h"
#include "core/base/readable.h"
#include "core/base/terminal.h"

namespace consilium {
namespace {

std::string Cell(double dice) { return std::isnan(dice) ? "-" : fmt::format("{:.3f}", dice); }

std::string SvgHead(int width, int height) {
  return fmt::format(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{0}\" height=\"{1}\" viewBox=\"0 0 {0} {1}\" "
      "font-family=\"DejaVu Sans, Arial, sans-serif\" font-size=\"12\" fill=\"#222222\">\n"
      "<rect width=\"{0}\" height=\"{1}\" fill=\"#ffffff\"/>\n",
      width, height);
}

std::string Matrix(std::span<const ModelScores> models) {
  const std::vector<std::string> sites = SitesOf(models.front());
  std::string html = "<table><tr><th>model</th><th>steps</th><th>all</th>";
  for (const std::string& site : sites) html += "<th>" + EscapedMarkup(site) + "</th>";
  html += "</tr>\n";
  const auto cell = [](double dice) {
    const double share = std::isnan(dice) ? 0 : std::clamp(dice, 0.0, 1.0);
    return fmt::format("<td style=\"background:hsl({:.0f},55%,82%)\">{}</td>", 120 * share, Cell(dice));
  };
  for (const ModelScores& model : models) {
    html += fmt::format("<tr><td>{}</td><td>{}</td>{}", EscapedMarkup(model.model), model.steps,
                        cell(BootstrapMean(model.Dice(), {.resamples = 1}).mean));
    for (const std::string& site : sites) html += cell(model.MeanAt(site));
    html += "</tr>\n";
  }
  return html + "</table>\n";
}

std::string Dots(std::span<const ModelScores> models) {
  constexpr int kLeft = 240, kWide = 520, kRow = 26;
  const int height = 40 + kRow * static_cast<int>(models.size());
  std::string svg = SvgHead(kLeft + kWide + 40, height);
  for (int tenth = 0; tenth <= 10; tenth += 2) {
    const double x = kLeft + kWide * tenth / 10.0;
    svg += fmt::format(
        "<line x1=\"{0:.0f}\" y1=\"20\" x2=\"{0:.0f}\" y2=\"{1}\" stroke=\"#dddddd\"/>"
        "<text x=\"{0:.0f}\" y=\"14\" text-anchor=\"middle\">{2:.1f}</text>\n",
        x, height - 14, tenth / 10.0);
  }
  int y = 38;
  for (const ModelScores& model : models) {
    svg += fmt::format("<text x=\"{}\" y=\"{}\" text-anchor=\"end\">{}</text>\n", kLeft - 12, y + 4,
                       EscapedMarkup(model.model));
    for (const CaseScore& score : model.cases) {
      svg += fmt::format(
          "<circle cx=\"{:.1f}\" cy=\"{}\" r=\"4\" fill=\"#3b6fa0\" fill-opacity=\"0.5\"><title>{} {}: "
          "{:.3f}</title></circle>\n",
          kLeft + kWide * score.metrics.dice, y, EscapedMarkup(score.site), EscapedMarkup(score.name),
          score.metrics.dice);
    }
    const MeanInterval mean = BootstrapMean(model.Dice());
    svg += fmt::format(
        "<line x1=\"{0:.1f}\" y1=\"{3}\" x2=\"{1:.1f}\" y2=\"{3}\" stroke=\"#b03030\" stroke-width=\"2\"/>"
        "<line x1=\"{2:.1f}\" y1=\"{4}\" x2=\"{2:.1f}\" y2=\"{5}\" stroke=\"#b03030\" stroke-width=\"2\"/>\n",
        kLeft + kWide * mean.low, kLeft + kWide * mean.high, kLeft + kWide * mean.mean, y, y - 8, y + 8);
    y += kRow;
  }
  return svg + "</svg>\n";
}

std::string Curves(std::span<const LossCurve> curves) {
  constexpr int kLeft = 60, kWide = 560, kHigh = 240, kTop = 20;
  constexpr std::array<const char*, 6> kColours = {"#3b6fa0", "#b03030", "#3a7d44", "#8a5fb0", "#c08020", "#555555"};
  double low = 0, high = -2, last = 1;
  for (const LossCurve& curve : curves) {
    for (const double loss : curve.loss) low = std::min(low, loss), high = std::max(high, loss);
    last = std::max(last, static_cast<double>(curve.steps) * static_cast<double>(curve.loss.size()));
  }
  const auto y_of = [&](double loss) { return kTop + kHigh * (high - loss) / std::max(high - low, 1e-9); };
  std::string svg = SvgHead(kLeft + kWide + 200, kTop + kHigh + 40);
  for (int i = 0; i <= 4; ++i) {
    const double loss = low + (high - low) * i / 4;
    svg += fmt::format(
        "<line x1=\"{0}\" y1=\"{1:.1f}\" x2=\"{2}\" y2=\"{1:.1f}\" stroke=\"#dddddd\"/>"
        "<text x=\"{3}\" y=\"{4:.1f}\" text-anchor=\"end\">{5:.2f}</text>\n",
        kLeft, y_of(loss), kLeft + kWide, kLeft - 6, y_of(loss) + 4, loss);
  }
  svg += fmt::format("<text x=\"{}\" y=\"{}\" text-anchor=\"end\">{:.0f} steps</text>\n", kLeft + kWide,
                     kTop + kHigh + 18, last);
  int n = 0;
  for (const LossCurve& curve : curves) {
    const char* colour = kColours[static_cast<std::size_t>(n) % kColours.size()];
    std::string points;
    for (std::size_t i = 0; i < curve.loss.size(); ++i) {
      points += fmt::format("{:.1f},{:.1f} ",
                            kLeft + kWide * static_cast<double>(i + 1) * static_cast<double>(curve.steps) / last,
                            y_of(curve.loss[i]));
    }
    svg += fmt::format(
        "<polyline points=\"{}\" fill=\"none\" stroke=\"{}\" stroke-width=\"2\"/>"
        "<text x=\"{}\" y=\"{}\" fill=\"{}\">{}</text>\n",
        points, colour, kLeft + kWide + 14, kTop + 14 + 18 * n, colour, EscapedMarkup(curve.model));
    ++n;
  }
  return svg + "</svg>\n";
}

std::string Base64(std::span<const unsigned char> bytes) {
  constexpr std::string_view kLetters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string text;
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    std::uint32_t three = 0;
    for (std::size_t b = 0; b < 3; ++b) three = three << 8 | (i + b < bytes.size() ? bytes[i + b] : 0U);
    for (std::size_t c = 0; c < 4; ++c) text += i + c <= bytes.size() ? kLetters[three >> (18 - 6 * c) & 63U] : '=';
  }
  return text;
}

void PutU32(std::vector<unsigned char>& out, std::uint32_t value) {
  for (int shift = 24; shift >= 0; shift -= 8) out.push_back(static_cast<unsigned char>(value >> shift));
}

void PutChunk(std::vector<unsigned char>& png, std::string_view type, std::span<const unsigned char> data) {
  PutU32(png, static_cast<std::uint32_t>(data.size()));
  const std::size_t begin = png.size();
  png.insert(png.end(), type.begin(), type.end());
  png.insert(png.end(), data.begin(), data.end());
  std::uint32_t crc = 0xFFFFFFFFU;
  for (std::size_t i = begin; i < png.size(); ++i) {
    crc ^= png[i];
    for (int bit = 0; bit < 8; ++bit) crc = crc >> 1 ^ ((crc & 1U) != 0 ? 0xEDB88320U : 0U);
  }
  PutU32(png, ~crc);
}

// Lines along the edges between a mask's voxels and the others of slice k.
std::string Outline(const LabelMap& mask, std::int64_t k, const char* colour, double pixel, double aspect) {
  const Size3 size = mask.geometry.size;
  const auto in = [&](std::int64_t i, std::int64_t j) {
    return i >= 0 && j >= 0 && i < size.x && j < size.y &&
           mask.voxels[static_cast<std::size_t>(mask.geometry.Offset(i, j, k))] != 0;
  };
  std::string path;
  for (std::int64_t j = 0; j <= size.y; ++j) {
    for (std::int64_t i = 0; i <= size.x; ++i) {
      const double x = pixel * static_cast<double>(i), y = pixel * aspect * static_cast<double>(j);
      if (in(i, j) != in(i, j - 1)) path += fmt::format("M{:.1f} {:.1f}h{:.1f}", x, y, pixel);
      if (in(i, j) != in(i - 1, j)) path += fmt::format("M{:.1f} {:.1f}v{:.1f}", x, y, pixel * aspect);
    }
  }
  return fmt::format("<path d=\"{}\" stroke=\"{}\" stroke-width=\"1.5\" fill=\"none\"/>\n", path, colour);
}

std::int64_t FullestSlice(const LabelMap& mask) {
  const Size3 size = mask.geometry.size;
  std::int64_t best = size.z / 2, most = 0;
  for (std::int64_t k = 0; k < size.z; ++k) {
    const auto begin = mask.voxels.begin() + k * size.x * size.y;
    const auto count = std::count_if(begin, begin + size.x * size.y, [](std::uint8_t v) { return v != 0; });
    if (count > most) best = k, most = count;
  }
  return best;
}

}  // namespace

std::string ResultTable(std::span<const ModelScores> models) {
  const std::vector<std::string> sites = SitesOf(models.front());
  std::vector<std::string> head{"model", "steps", "n", "Dice", "95 %"};
  head.insert(head.end(), sites.begin(), sites.end());
  Table table(head);
  for (const ModelScores& model : models) {
    const MeanInterval mean = BootstrapMean(model.Dice());
    std::vector<std::string> cells{model.model, std::to_string(model.steps), std::to_string(mean.n), Cell(mean.mean),
                                   fmt::format("{:.3f}-{:.3f}", mean.low, mean.high)};
    for (const std::string& site : sites) cells.push_back(Cell(model.MeanAt(site)));
    table.Row(cells);
  }
  return table.Text();
}

std::string CurvesCsv(std::span<const LossCurve> curves) {
  std::string csv = "model,step,loss\n";
  for (const LossCurve& curve : curves) {
    for (std::size_t i = 0; i < curve.loss.size(); ++i)
      csv += fmt::format("{},{},{:.6f}\n", curve.model, static_cast<std::int64_t>(i + 1) * curve.steps, curve.loss[i]);
  }
  return csv;
}

std::vector<unsigned char> EncodePng(std::span<const unsigned char> grey, std::int64_t width, std::int64_t height) {
  Require(width > 0 && height > 0 && static_cast<std::int64_t>(grey.size()) == width * height,
          "a picture whose pixels are not width x height");
  std::vector<unsigned char> rows;  // each begins with its filter: none
  for (std::int64_t y = 0; y < height; ++y) {
    rows.push_back(0);
    rows.insert(rows.end(), grey.begin() + y * width, grey.begin() + (y + 1) * width);
  }
  std::vector<unsigned char> zlib{0x78, 0x01};  // RFC 1950; then stored blocks of RFC 1951
  std::uint32_t a = 1, b = 0;
  for (const unsigned char byte : rows) a = (a + byte) % 65521, b = (b + a) % 65521;
  for (std::size_t at = 0; at < rows.size();) {
    const std::size_t n = std::min<std::size_t>(65535, rows.size() - at);
    zlib.push_back(at + n == rows.size() ? 1 : 0);
    for (const std::size_t length : {n, ~n}) {
      zlib.push_back(static_cast<unsigned char>(length & 0xFFU));
      zlib.push_back(static_cast<unsigned char>(length >> 8 & 0xFFU));
    }
    zlib.insert(zlib.end(), rows.begin() + static_cast<std::ptrdiff_t>(at),
                rows.begin() + static_cast<std::ptrdiff_t>(at + n));
    at += n;
  }
  PutU32(zlib, b << 16 | a);
  std::vector<unsigned char> png{0x89, 'P', 'N', 'G', '\r', '\n', 0x1A, '\n'};
  std::vector<unsigned char> head;
  PutU32(head, static_cast<std::uint32_t>(width));
  PutU32(head, static_cast<std::uint32_t>(height));
  for (const unsigned char byte : {8, 0, 0, 0, 0}) head.push_back(byte);  // 8 bits, grey, not interlaced
  PutChunk(png, "IHDR", head);
  PutChunk(png, "IDAT", zlib);
  PutChunk(png, "IEND", {});
  return png;
}

std::string CasePicture(const StudyPatient& patient, const LabelMap& prediction, const std::string& title) {
  const Volume& pet = patient.pet;
  const Size3 size = pet.geometry.size;
  const bool empty = patient.reference.CountNonZero() == 0;
  const std::int64_t k = FullestSlice(empty ? prediction : patient.reference);
  std::vector<unsigned char> grey;
  for (std::int64_t i = 0; i < size.x * size.y; ++i) {
    const auto slice = static_cast<std::size_t>(k);
    const auto voxel = static_cast<std::size_t>(k * size.x * size.y + i);
    const float suv = pet.slope[slice] * static_cast<float>(pet.voxels[voxel]) + pet.intercept[slice];
    grey.push_back(static_cast<unsigned char>(255 - std::lround(std::clamp(suv / 10, 0.0F, 1.0F) * 255)));
  }
  const double aspect = pet.geometry.spacing_mm.y / pet.geometry.spacing_mm.x;
  const double pixel = std::max(2.0, 280.0 / static_cast<double>(size.x));
  const double width = pixel * static_cast<double>(size.x), height = pixel * aspect * static_cast<double>(size.y);
  return SvgHead(static_cast<int>(width), static_cast<int>(height) + 24) +
         fmt::format(
             "<text x=\"2\" y=\"16\">{}</text>\n<g transform=\"translate(0 24)\">\n"
             "<image width=\"{:.1f}\" height=\"{:.1f}\" preserveAspectRatio=\"none\" "
             "style=\"image-rendering:pixelated\" href=\"data:image/png;base64,{}\"/>\n",
             EscapedMarkup(title), width, height, Base64(EncodePng(grey, size.x, size.y))) +
         Outline(patient.reference, k, "#1f9d3a", pixel, aspect) + Outline(prediction, k, "#d02020", pixel, aspect) +
         "</g></svg>\n";
}

std::string ReportPage(const std::string& title, std::span<const ModelScores> models, std::span<const LossCurve> curves,
                       std::span<const std::string> pictures) {
  std::string html =
      "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>" + EscapedMarkup(title) +
      "</title><style>body{font:14px DejaVu "
      "Sans,Arial,sans-serif;margin:24px;color:#222}table{border-collapse:collapse}"
      "td,th{border:1px solid #ccc;padding:4px 9px;text-align:right}td:first-child,th:first-child{text-align:left}"
      "svg{margin:4px 14px 4px 0}</style></head><body>\n<h1>" +
      EscapedMarkup(title) +
      "</h1>\n<p>Research use only. Not for diagnosis.</p>\n<h2>Mean Dice of every model at every "
      "hospital</h2>\n" +
      Matrix(models) + "<h2>Each patient (dots), the mean with its 95 % interval (red)</h2>\n" + Dots(models);
  if (!curves.empty()) html += "<h2>Loss</h2>\n" + Curves(curves);
  if (!pictures.empty()) html += "<h2>Best, middle and worst patient: reference green, prediction red</h2>\n";
  for (const std::string& picture : pictures) html += picture;
  return html + "</body></html>\n";
}

}  // namespace consilium
