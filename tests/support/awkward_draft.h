// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "tests/support/awkward_studies.h"
#include "tests/support/small_study.h"

class DcmItem;

// The inside of awkward_studies.h: each defect is one function that spoils a sound study.
namespace consilium {

struct AwkwardDraft {
  std::filesystem::path root;  // of all studies
  SmallStudy study;            // sound at first
  AwkwardStudy result;

  const std::filesystem::path& folder() const { return result.place; }

  // Writes the study as it is now.
  void Write();
  // Writes it; it must be used, with its contour if it has one.
  void WriteUsed(double suv_factor = 1);
  // Writes it; it must not be used.
  void WriteRefused(QuarantineReason reason, std::string words);
  // It must be used for prediction only.
  void NoLabel(std::string words);
};

struct AwkwardDefect {
  const char* name;
  const char* story;
  void (*write)(AwkwardDraft& draft);
};

// By kind of defect, each list in a source of its own.
std::vector<AwkwardDefect> AwkwardSlices();  // tilt, copies, gaps, several acquisitions, other images among them
std::vector<AwkwardDefect> AwkwardFiles();   // encodings, names, damage, missing tags
std::vector<AwkwardDefect> AwkwardPets();    // units, doses, times, pairing
std::vector<AwkwardDefect> AwkwardLabels();  // contours and segmentations

// An object of the study that is no slice of a volume; `fill` adds what it needs beside patient, study and series.
void WriteObject(const std::filesystem::path& file, const AwkwardDraft& draft, const std::string& sop_class,
                 const std::string& series, const std::function<void(DcmItem&)>& fill);

// A text of one tag, 0xGGGGEEEE; and `count` bytes of pixels.
void PutText(DcmItem& item, std::uint32_t tag, const std::string& value);
void PutPixelBytes(DcmItem& item, std::size_t count);

// A file that was written, read by DCMTK, changed and written again in Explicit VR.
void ChangeFile(const std::filesystem::path& file, const std::function<void(DcmItem&)>& change);

}  // namespace consilium
