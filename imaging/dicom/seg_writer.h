// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>

#include "core/base/digest.h"
#include "core/data/coded_concept.h"
#include "core/data/label_map.h"
#include "imaging/dicom/series.h"

namespace consilium {

// Who drew a segmentation: a model named by its digest, or a person.
enum class SegOrigin { kAutomatic, kManual };

struct SegDescription {
  std::string algorithm_name = "Consilium";  // with the model's digest it becomes SegmentAlgorithmName
  std::string algorithm_version = {};
  Digest model_digest = {};  // of an automatic one
  SegOrigin origin = SegOrigin::kAutomatic;
  std::string series_description = "Tumour, predicted (research use only)";
  std::string segment_label = "Tumour";
  CodedConcept code = kNeoplasm;  // what every segment is (SegmentedPropertyTypeCodeSequence)
  int series_number = 9000;
};

// Writes a label map as a binary DICOM SEG (DICOM PS3.3 A.51) that belongs into the source series' study and patient.
// Label n becomes segment n (labels must be 1..n without a hole), each coded as the description says. Only
// slices with content become frames; an empty map becomes one empty frame, because a SEG without frames is not valid.
// Throws Error(kInvalidArgument) if the map is not on the series' grid, Error(kDataLoss) if the file cannot be written.
// The file appears whole or not at all.
void WriteSeg(const std::filesystem::path& file, const Series& source, const LabelMap& map,
              const SegDescription& description);

}  // namespace consilium
