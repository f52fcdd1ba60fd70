// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>

namespace consilium {

// Synthetic patients as a hospital's scanner would store them, for demonstrations and tests:
//   DIR/north-001/PET/image/0001.dcm ..   PET in SUV (Units GML), another rescale slope in every slice
//   DIR/north-001/PET/RTSTRUCT.dcm        contours of the tumours, ROI GTV_1, GTV_2, ..; without a tumour GTV_1 is
//   empty DIR/north-001/CT/image/0001.dcm ..    CT in HU, the same frame of reference
// Equal options give equal bytes.
struct PhantomOptions {
  std::filesystem::path dir;
  std::int64_t patients = 1;    // 1 to 10,000
  std::string style = "north";  // see imaging/phantom/style.h
  std::uint64_t seed = 1;
  std::int64_t first_patient = 1;  // number of the first; patient N is the same whatever the others are

  void Validate() const;  // throws Error(kInvalidArgument)
};

struct PhantomSummary {
  std::int64_t patients = 0;
  std::int64_t tumours = 0;
  std::int64_t files = 0;
  std::uint64_t bytes = 0;
};

// Calls `progress(done, total)` after each patient. Throws Error(kUnavailable) naming a file that could not be written,
// Error(kAlreadyExists) if a patient's folder is there already.
PhantomSummary WritePhantoms(const PhantomOptions& options,
                             const std::function<void(std::int64_t done, std::int64_t total)>& progress = {});

}  // namespace consilium
