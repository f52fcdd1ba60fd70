// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "imaging/dicom/dicom_file.h"

#include <dcmtk/config/osconfig.h>
#include <dcmtk/dcmdata/dcdict.h>
#include <dcmtk/dcmdata/dcistrmb.h>
#include <dcmtk/dcmdata/dctk.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <mutex>
#include <string_view>
#include <system_error>
#include <utility>

#include "core/base/error.h"
#include "imaging/dicom/byte_source.h"
#include "imaging/dicom/character_set.h"

namespace consilium {
namespace {

DcmTagKey Key(TagNumber tag) { return {static_cast<Uint16>(tag >> 16), static_cast<Uint16>(tag & 0xFFFF)}; }

// The first `count` bytes that the pre-scan counted, from the start of the data set on.
std::vector<char> DataSetBytes(const OpenFile& file, const PixelPlace& place, std::uint64_t count) {
  const bool deflated = place.syntax->deflated;
  std::vector<char> bytes(deflated ? count : count - place.dataset);
  std::size_t got = 0;
  try {
    got = deflated ? Inflater(file, place.dataset).Read(bytes) : file.ReadAt(place.dataset, bytes);
  } catch (const ScanFault&) {
    got = 0;  // it has changed since it was inflated in the pre-scan
  }
  if (got != bytes.size()) {
    throw Error(ErrorCode::kDataLoss, "cannot read " + file.path().string(),
                "Check the disk, then copy the file again.");
  }
  return bytes;
}

// How DCMTK has to read the data set. What it does not know or would undo itself is Explicit VR Little Endian by now.
E_TransferSyntax SyntaxForDcmtk(const TransferSyntax& syntax) {
  const bool plain = syntax.deflated || syntax.coding == PixelCoding::kFragments;
  return plain ? EXS_LittleEndianExplicit : DcmXfer(std::string(syntax.uid).c_str()).getXfer();
}

}  // namespace

std::vector<double> ParseNumbers(std::string_view text) {
  std::vector<double> out;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\\'), text.size());
    std::string_view one = text.substr(0, end);
    while (!one.empty() && (one.front() == ' ' || one.front() == '+')) one.remove_prefix(1);
    while (!one.empty() && one.back() == ' ') one.remove_suffix(1);
    double value = 0;
    const auto [stop, error] = std::from_chars(one.data(), one.data() + one.size(), value);
    if (error != std::errc() || stop != one.data() + one.size() || !std::isfinite(value)) return {};
    out.push_back(value);
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return out;
}

void PrepareDcmtk() {
  static std::once_flag once;
  std::call_once(once, [] { OFLog::configure(OFLogger::OFF_LOG_LEVEL); });
}

void DicomFileDeleter::operator()(DcmFileFormat* file) const { delete file; }

DicomFile ParseDicom(const OpenFile& file, const PreScan& scan, ReadPart part) {
  PrepareDcmtk();
  // From memory: what was checked is what is parsed, and nothing after the pixels is ever looked at.
  const std::uint64_t count = part == ReadPart::kHeader ? scan.header_bytes : scan.checked_bytes;
  const std::vector<char> bytes = DataSetBytes(file, scan.pixels, count);
  DcmInputBufferStream stream;
  stream.setBuffer(bytes.data(), static_cast<offile_off_t>(bytes.size()));
  stream.setEos();
  DicomFile parsed(new DcmFileFormat);
  DcmDataset& dataset = *parsed->getDataset();
  dataset.transferInit();
  const OFCondition read = dataset.read(stream, SyntaxForDcmtk(*scan.pixels.syntax), EGL_noChange, DCM_MaxReadLength);
  dataset.transferEnd();
  if (read.bad()) {
    throw Error(ErrorCode::kDataLoss, "cannot read " + file.path().string() + " as DICOM: " + read.text(),
                "The file is damaged: export it again.");
  }
  parsed->loadAllDataIntoMemory();
  return parsed;
}

DicomFile OpenDicom(const std::filesystem::path& path, ReadPart part) {
  const OpenFile file(path);
  const PreScan scan = PreScanFile(file);
  Require(scan.is_dicom, path.string() + " is not a DICOM file", "Give a file that starts with a DICOM preamble.");
  Require(scan.fault.empty(), "cannot read " + path.string() + ": " + scan.fault, "Export the file again.");
  return ParseDicom(file, scan, part);
}

DcmItem& DataSet(DcmFileFormat& file) { return *file.getDataset(); }

std::string TextOf(DcmItem& item, TagNumber tag) {
  DcmElement* element = nullptr;
  if (item.findAndGetElement(Key(tag), element).bad() || element == nullptr) return {};
  char* text = nullptr;
  Uint32 length = 0;
  // The whole text at once: DCMTK's getOFStringArray starts over for every value, which is slow for long contours.
  if (!element->isaString() || element->getString(text, length).bad() || text == nullptr) return {};
  std::string out(text, length);
  while (!out.empty() && (out.back() == ' ' || out.back() == '\0')) out.pop_back();
  return out;
}

std::string LocalTextOf(DcmItem& dataset, DcmItem& item, TagNumber tag) {
  return ToUtf8(TextOf(item, tag), TextOf(dataset, tag::kCharacterSet));
}

std::vector<double> NumbersOf(DcmItem& item, TagNumber tag) {
  DcmElement* element = nullptr;
  if (item.findAndGetElement(Key(tag), element).bad() || element == nullptr) return {};
  if (element->isaString()) return ParseNumbers(TextOf(item, tag));
  std::vector<double> out;
  const unsigned long count = element->getVM();
  for (unsigned long i = 0; i < count; ++i) {
    OFString text;
    if (element->getOFString(text, i).bad()) return {};
    const std::vector<double> one = ParseNumbers({text.c_str(), text.length()});
    if (one.size() != 1) return {};
    out.push_back(one.front());
  }
  return out;
}

std::optional<double> NumberOf(DcmItem& item, TagNumber tag) {
  const std::vector<double> numbers = NumbersOf(item, tag);
  if (numbers.empty()) return std::nullopt;
  return numbers.front();
}

std::vector<DcmItem*> ItemsOf(DcmItem& item, TagNumber tag) {
  DcmSequenceOfItems* sequence = nullptr;
  std::vector<DcmItem*> out;
  if (item.findAndGetSequence(Key(tag), sequence).bad() || sequence == nullptr) return out;
  for (unsigned long i = 0; i < sequence->card(); ++i) out.push_back(sequence->getItem(i));
  return out;
}

std::string TagWords(TagNumber tag) {
  std::array<char, 16> numbers{};
  std::snprintf(numbers.data(), numbers.size(), " (%04X,%04X)", tag >> 16, tag & 0xFFFF);
  DcmTag named(Key(tag));
  return std::string(named.getTagName()) + numbers.data();
}

}  // namespace consilium
