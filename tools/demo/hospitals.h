// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "tools/demo/options.h"
#include "tools/study/cohort.h"

namespace consilium {

// One hospital of a demo and where its DICOM files lie.
struct DemoHospital {
  std::string site;
  std::filesystem::path patients;  // imported before the run
  std::filesystem::path held_out;  // imported after it; empty: the validation patients are measured
  std::int64_t validation = kDemoValidation;
};

// Phantoms under DIR/phantoms, one scanner style a hospital, or the folders of real data.
std::vector<DemoHospital> MakeHospitals(const DemoOptions& options, const std::filesystem::path& dir,
                                        const std::function<void(double)>& progress);
std::vector<Cohort> LoadCohorts(const std::vector<DemoHospital>& hospitals, const RunPlan& plan);

// Takes the contours of the held-out patients out of their hospitals (true), or puts them back (false): a site must
// predict them as it would a new patient. They lie in DIR/contours meanwhile.
void HideContours(const std::vector<DemoHospital>& hospitals, const std::filesystem::path& dir, bool hide);

std::uint64_t BytesBelow(const std::filesystem::path& folder);

}  // namespace consilium
