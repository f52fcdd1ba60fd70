// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "imaging/dicom/rtstruct_reader.h"

#include <cctype>
#include <cmath>
#include <map>

#include "core/base/error.h"
#include "imaging/dicom/dicom_file.h"
#include "imaging/dicom/slice_header.h"
#include "imaging/dicom/tags.h"

namespace consilium {
namespace {

constexpr double kFarthestMm = 1e6;

char Lower(char c) { return static_cast<char>(std::tolower(static_cast<unsigned char>(c))); }

// One pattern of '*' and '?'; linear in time with one point to go back to.
bool Fits(std::string_view name, std::string_view pattern) {
  std::size_t n = 0, p = 0, star = std::string_view::npos, after_star = 0;
  while (n < name.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      after_star = n;
    } else if (p < pattern.size() && (pattern[p] == '?' || Lower(pattern[p]) == Lower(name[n]))) {
      ++p;
      ++n;
    } else if (star != std::string_view::npos) {
      p = star + 1;
      n = ++after_star;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '*') ++p;
  return p == pattern.size();
}

[[noreturn]] void Bad(const std::filesystem::path& file, const std::string& what) {
  throw Error(ErrorCode::kDataLoss, "cannot use the RTSTRUCT " + file.string() + ": " + what,
              "Export the structure set again.");
}

std::vector<Vec3> ReadContour(DcmItem& item, const std::filesystem::path& file) {
  const std::vector<double> numbers = NumbersOf(item, tag::kContourData);
  if (numbers.empty() || numbers.size() % 3 != 0) Bad(file, TagWords(tag::kContourData) + " does not hold points");
  for (const double mm : numbers) {
    if (std::abs(mm) > kFarthestMm) Bad(file, TagWords(tag::kContourData) + " holds a point that no scanner reaches");
  }
  std::vector<Vec3> points;
  points.reserve(numbers.size() / 3);
  for (std::size_t i = 0; i < numbers.size(); i += 3) points.push_back({numbers[i], numbers[i + 1], numbers[i + 2]});
  if (points.size() > 1 && points.front() == points.back()) points.pop_back();
  return points;
}

bool IsClosed(const std::string& type) { return type == "CLOSED_PLANAR" || type == "CLOSEDPLANAR_XOR"; }

}  // namespace

RtStruct ReadRtStruct(const std::filesystem::path& file) {
  const DicomFile parsed = OpenDicom(file, ReadPart::kHeader);
  DcmItem& dataset = DataSet(*parsed);
  Require(KindOf(TextOf(dataset, tag::kSopClassUid)) == FileKind::kStructureSet, file.string() + " is not an RTSTRUCT",
          "Give a file of the class RT Structure Set Storage.");
  RtStruct out;
  out.file = file;
  out.source = ReadObjectSource(dataset);
  std::map<double, std::size_t> by_number;
  for (DcmItem* item : ItemsOf(dataset, tag::kStructureSetRois)) {
    const auto number = NumberOf(*item, tag::kRoiNumber);
    if (!number) Bad(file, "missing tag " + TagWords(tag::kRoiNumber));
    if (!by_number.emplace(*number, out.rois.size()).second) Bad(file, "two regions have one number");
    out.rois.push_back({LocalTextOf(dataset, *item, tag::kRoiName), {}});
  }
  for (DcmItem* item : ItemsOf(dataset, tag::kRoiContours)) {
    const auto number = NumberOf(*item, tag::kReferencedRoiNumber);
    const auto roi = number ? by_number.find(*number) : by_number.end();
    if (roi == by_number.end()) Bad(file, "contours of a region that is not listed (3006,0084)");
    for (DcmItem* contour : ItemsOf(*item, tag::kContours)) {
      if (!IsClosed(TextOf(*contour, tag::kContourType))) continue;
      out.rois[roi->second].contours.push_back(ReadContour(*contour, file));
    }
  }
  return out;
}

bool MatchesPattern(std::string_view name, std::string_view pattern) {
  while (true) {
    const std::size_t comma = pattern.find(',');
    std::string_view one = pattern.substr(0, comma);
    while (!one.empty() && one.front() == ' ') one.remove_prefix(1);
    while (!one.empty() && one.back() == ' ') one.remove_suffix(1);
    if (!one.empty() && Fits(name, one)) return true;
    if (comma == std::string_view::npos) return false;
    pattern.remove_prefix(comma + 1);
  }
}

std::vector<const Roi*> MatchingRois(const RtStruct& structures, std::string_view pattern) {
  std::vector<const Roi*> out;
  for (const Roi& roi : structures.rois) {
    if (MatchesPattern(roi.name, pattern)) out.push_back(&roi);
  }
  return out;
}

}  // namespace consilium
