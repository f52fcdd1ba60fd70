// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "tools/consilium/inspect_seg.h"

#include <fmt/core.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "core/base/terminal.h"
#include "imaging/dicom/seg_reader.h"
#include "tools/consilium/machine.h"

namespace consilium {

std::string OneLine(std::string text) {
  std::replace_if(
      text.begin(), text.end(), [](unsigned char c) { return c < 0x20 || c == 0x7f; }, '?');
  return text;
}

namespace {

std::string Json(const SegInfo& info, const std::filesystem::path& file, const Digest& digest, std::uint64_t bytes) {
  nlohmann::ordered_json out = {{"file", file.string()},
                                {"kind", "seg"},
                                {"bytes", bytes},
                                {"digest", digest.Hex()},
                                {"columns", info.size.x},
                                {"rows", info.size.y},
                                {"frames", info.frames},
                                {"references_series", !info.source.series_uids.empty()},
                                {"frame_of_reference", !info.source.frames_of_reference.empty()}};
  out["segments"] = nlohmann::ordered_json::array();
  for (const Segment& segment : info.segments) {
    out["segments"].push_back({{"number", segment.number}, {"label", segment.label}, {"algorithm", segment.algorithm}});
  }
  // A label in another character set than UTF-8 is shown with replacement characters.
  return out.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
}

}  // namespace

std::string DescribeSeg(const std::filesystem::path& file, const Digest& digest, std::uint64_t bytes, bool json) {
  const SegInfo info = ReadSegInfo(file);
  if (json) return Json(info, file, digest, bytes);
  constexpr auto kNamed = [](const std::vector<PatientText>& uids) { return uids.empty() ? "MISSING" : "present"; };
  std::string text = fmt::format("{}: a DICOM SEG\n", file.string());
  text += fmt::format("  digest      {} (SHA-256 of the file)\n", digest.Hex());
  text += fmt::format("  size        {}, {} frames of {} x {} pixels\n", Bytes(bytes), info.frames, info.size.x,
                      info.size.y);
  text += fmt::format("  source      series {}, frame of reference {}\n\n", kNamed(info.source.series_uids),
                      kNamed(info.source.frames_of_reference));
  Table table({"segment", "label", "algorithm"});
  for (const Segment& segment : info.segments) {
    const std::string& algorithm = segment.algorithm;
    table.Row({std::to_string(segment.number), OneLine(segment.label),
               algorithm.empty() ? "none: drawn by a person" : OneLine(algorithm)});
  }
  return text + table.Text();
}

}  // namespace consilium
