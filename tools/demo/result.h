// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "core/model/metrics.h"

namespace consilium {

// What a demo brought; the source of its table, its JSON and its page.
struct DemoResult {
  struct Round {
    std::int64_t round = 0;
    double seconds = 0;
    double dice = 0;  // pooled, on the sites' validation patients, of the round's incoming model
    double loss = 0;
    std::vector<std::string> sites;
  };
  struct Local {
    double pooled = 0;       // on every site's held-out patients
    double own = 0;          // on its own site's
    std::int64_t steps = 0;  // of the better of its two trainings
  };

  std::int64_t seed = 0;
  std::string model_digest;
  std::vector<Round> rounds;
  DiceSummary federated;                       // pooled, held-out patients
  std::map<std::string, DiceSummary> by_site;  // of the federated model
  std::map<std::string, Local> local;
  double threshold_suv = 0;  // best on the training patients
  double threshold_dice = 0;
  double suv25_dice = 0;  // SUV >= 2.5
  std::vector<std::filesystem::path> seg, pictures;
  bool dciodvfy = false;                       // the SEG files were checked with it (it is installed)
  std::uint64_t bytes_up = 0, bytes_down = 0;  // of updates and models
  std::uint64_t image_bytes = 0;               // DICOM files that stayed where they were
  std::map<std::string, double> seconds;       // by phase: setup, phantom, import, train, predict, local, total

  std::string BestLocal() const;  // the site whose own model is best pooled
};

std::string ToJson(const DemoResult& result);
std::string ToText(const DemoResult& result);                                   // the closing table
void WriteReport(const DemoResult& result, const std::filesystem::path& file);  // one HTML page beside the pictures

}  // namespace consilium
