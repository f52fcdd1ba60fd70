// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "imaging/dicom/pre_scan.h"
#include "imaging/dicom/tags.h"

class DcmFileFormat;
class DcmItem;

// The wall between DCMTK and the rest of imaging/dicom: files come in only through a pre-scan, and only here.
namespace consilium {

struct DicomFileDeleter {
  void operator()(DcmFileFormat* file) const;
};
using DicomFile = std::unique_ptr<DcmFileFormat, DicomFileDeleter>;

enum class ReadPart { kHeader, kWithPixels };

// Silences DCMTK's own log, which prints values: before anything else of DCMTK is used.
void PrepareDcmtk();

// Parses the data set of a pre-scanned file without a fault. Throws Error(kDataLoss) naming the file.
DicomFile ParseDicom(const OpenFile& file, const PreScan& scan, ReadPart part);

// Pre-scan and parse in one; throws Error(kInvalidArgument) if the file is not DICOM or has a fault.
DicomFile OpenDicom(const std::filesystem::path& file, ReadPart part);

DcmItem& DataSet(DcmFileFormat& file);

// All values of a text tag joined by '\', or empty.
std::string TextOf(DcmItem& item, TagNumber tag);
// A text that people gave, as UTF-8 by the SpecificCharacterSet of the data set in which the item lies.
std::string LocalTextOf(DcmItem& dataset, DcmItem& item, TagNumber tag);
// The numbers of a tag of any numeric kind; empty if missing or not all numbers.
std::vector<double> NumbersOf(DcmItem& item, TagNumber tag);
std::optional<double> NumberOf(DcmItem& item, TagNumber tag);
// The items of a sequence, in order; empty if missing.
std::vector<DcmItem*> ItemsOf(DcmItem& item, TagNumber tag);

// The numbers of a text like "1.5\\-2\\3e4"; empty if they are not all finite numbers.
std::vector<double> ParseNumbers(std::string_view text);

// "PixelSpacing (0028,0030)".
std::string TagWords(TagNumber tag);

}  // namespace consilium
