// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "imaging/dicom/object_source.h"
#include "imaging/dicom/series.h"

namespace consilium {

// An RTSTRUCT or SEG in which a person outlined what is looked for.
struct DrawnFile {
  std::filesystem::path file;
  ObjectSource source;
  std::vector<std::string> names;  // of the regions or segments that fit; empty: none does
};

// The regions of an RTSTRUCT whose names fit the pattern. Throws as ReadRtStruct.
DrawnFile ReadDrawnRtStruct(const std::filesystem::path& file, const std::string& pattern);

// The segments of a SEG that are coded as a neoplasm or whose labels fit the pattern. Nothing if a program alone drew
// all its segments: no model learns from a model. Throws as ReadSegInfo.
std::optional<DrawnFile> ReadDrawnSeg(const std::filesystem::path& file, const std::string& pattern);

// The file that fits a PET best: it refers to the PET series, then it shares the frame of reference; among equals one
// whose region's name says PET, then the first. Null if none fits.
const DrawnFile* BestDrawn(std::span<const DrawnFile* const> files, const Series& pet);

}  // namespace consilium
