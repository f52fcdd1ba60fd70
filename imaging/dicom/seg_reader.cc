// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "imaging/dicom/seg_reader.h"

#include <dcmtk/config/osconfig.h>
#include <dcmtk/dcmdata/dctk.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <functional>
#include <iterator>
#include <optional>
#include <set>

#include "core/base/error.h"
#include "imaging/dicom/dicom_file.h"
#include "imaging/dicom/slice_header.h"
#include "imaging/dicom/tags.h"

// Read by dcmdata alone, not by dcmseg that writes: a second reading of the standard, and nothing is allocated for what
// the file only claims.
namespace consilium {
namespace {

[[noreturn]] void Bad(const std::filesystem::path& file, const std::string& what) {
  throw Error(ErrorCode::kDataLoss, "cannot use the SEG " + file.string() + ": " + what, "Export it again.");
}

DicomFile OpenSeg(const std::filesystem::path& file, ReadPart part) {
  DicomFile parsed = OpenDicom(file, part);
  DcmItem& dataset = DataSet(*parsed);
  Require(KindOf(TextOf(dataset, tag::kSopClassUid)) == FileKind::kSegmentation, file.string() + " is not a DICOM SEG",
          "Give a file of the class Segmentation Storage.");
  Require(
      TextOf(dataset, tag::kSegmentationType) == "BINARY", file.string() + " is not a binary SEG",
      "It holds probabilities or parts of voxels. Where the tumour ends in them a person decides, not this program: "
      "export it as a binary segmentation.");
  return parsed;
}

// The first item of a sequence inside a functional group: of the frame, else shared by all frames.
DcmItem* GroupItem(DcmItem* frame, DcmItem* shared, TagNumber group) {
  for (DcmItem* groups : {frame, shared}) {
    if (groups == nullptr) continue;
    const auto items = ItemsOf(*groups, group);
    if (!items.empty()) return items.front();
  }
  return nullptr;
}

std::vector<double> GroupNumbers(DcmItem* frame, DcmItem* shared, TagNumber group, TagNumber tag, std::size_t count,
                                 const std::filesystem::path& file) {
  DcmItem* item = GroupItem(frame, shared, group);
  std::vector<double> numbers = item == nullptr ? std::vector<double>{} : NumbersOf(*item, tag);
  if (numbers.size() != count) Bad(file, "missing tag " + TagWords(tag));
  return numbers;
}

// A frame as a map from (column, row) to voxels of the grid, exact in whole steps.
struct Placement {
  std::array<std::int64_t, 3> first, per_column, per_row;
};

constexpr double kFarthestStep = 1e6;  // voxels: no grid is that large

std::optional<std::int64_t> Whole(double value) {
  const double rounded = std::round(value);
  if (!(std::abs(value - rounded) < 0.05) || std::abs(rounded) > kFarthestStep) return std::nullopt;
  return static_cast<std::int64_t>(rounded);
}

std::optional<std::array<std::int64_t, 3>> Whole(Vec3 v) {
  const auto x = Whole(v.x), y = Whole(v.y), z = Whole(v.z);
  if (!x || !y || !z) return std::nullopt;
  return std::array<std::int64_t, 3>{*x, *y, *z};
}

// Whether columns and rows of the SEG run along two different axes of the grid, voxel by voxel: pixels twice as wide
// would mark every second voxel only.
bool AreVoxelSteps(const std::array<std::int64_t, 3>& per_column, const std::array<std::int64_t, 3>& per_row) {
  std::int64_t columns = 0, rows = 0, both = 0;
  for (std::size_t a = 0; a < 3; ++a) {
    columns += std::abs(per_column[a]);
    rows += std::abs(per_row[a]);
    both += std::abs(per_column[a] * per_row[a]);
  }
  return columns == 1 && rows == 1 && both == 0;
}

Placement PlaceFrame(DcmItem* frame, DcmItem* shared, const Geometry& grid, Size3 size,
                     const std::filesystem::path& file) {
  const auto p = GroupNumbers(frame, shared, tag::kPlanePosition, tag::kPosition, 3, file);
  const auto o = GroupNumbers(frame, shared, tag::kPlaneOrientation, tag::kOrientation, 6, file);
  const auto s = GroupNumbers(frame, shared, tag::kPixelMeasures, tag::kPixelSpacing, 2, file);
  const Vec3 position{p[0], p[1], p[2]};
  const Vec3 across{o[0] * s[1], o[1] * s[1], o[2] * s[1]}, down{o[3] * s[0], o[4] * s[0], o[5] * s[0]};
  const Vec3 origin = grid.PointToIndex(position);
  const Vec3 step_c = grid.PointToIndex(position + across) - origin;
  const Vec3 step_r = grid.PointToIndex(position + down) - origin;
  const auto first = Whole(origin), per_column = Whole(step_c), per_row = Whole(step_r);
  const auto last = Whole(origin + static_cast<double>(size.x - 1) * step_c + static_cast<double>(size.y - 1) * step_r);
  if (!first || !per_column || !per_row || !last || !AreVoxelSteps(*per_column, *per_row)) {
    throw Error(ErrorCode::kInvalidArgument, "the frames of " + file.string() + " do not lie on the grid of the series",
                "Use the series that the segmentation was made on.");
  }
  return {*first, *per_column, *per_row};
}

// Whether the slices of a SEG are thicker than those of the grid: each would mark one slice of several. Empty frames
// may be left out, so that gaps alone say nothing; neighbours on the grid show that it is the grid's. Where there are
// none, SpacingBetweenSlices decides; SliceThickness only if all gaps are whole thicknesses, because slices that
// overlap are thicker than they are apart.
class SliceSteps {
 public:
  SliceSteps(const Geometry& grid, const std::filesystem::path& file) : grid_(grid), file_(file) {}

  void Add(const Placement& at, DcmItem* frame, DcmItem* shared) {
    std::size_t axis = 0;  // across the slices
    while (axis < 2 && (at.per_column[axis] != 0 || at.per_row[axis] != 0)) ++axis;
    const double slice_mm = axis == 0 ? grid_.spacing_mm.x : axis == 1 ? grid_.spacing_mm.y : grid_.spacing_mm.z;
    planes_.insert(at.first[axis]);
    if (said_ > 0) return;
    DcmItem* measures = GroupItem(frame, shared, tag::kPixelMeasures);
    if (measures == nullptr) return;
    const auto spacing = NumberOf(*measures, tag::kSpacingBetweenSlices);
    by_spacing_ = spacing.has_value();
    said_ = std::abs(by_spacing_ ? *spacing : NumberOf(*measures, tag::kSliceThickness).value_or(0)) / slice_mm;
  }

  void RequireSame() const {
    if (!(said_ > 1.5) || !(said_ < kFarthestStep)) return;
    const std::int64_t step = std::llround(said_);
    bool near = false, whole = true;
    for (auto plane = planes_.begin(); plane != planes_.end() && std::next(plane) != planes_.end(); ++plane) {
      const std::int64_t gap = *std::next(plane) - *plane;
      near = near || gap < step;
      whole = whole && gap % step == 0;
    }
    if (near || (!by_spacing_ && (planes_.size() < 2 || !whole))) return;
    throw Error(ErrorCode::kInvalidArgument,
                "the frames of " + file_.string() + " do not lie on the grid of the series: its slices are " +
                    std::to_string(step) + " times as " + (by_spacing_ ? "far apart" : "thick"),
                "Use the series that the segmentation was made on.");
  }

 private:
  const Geometry& grid_;
  const std::filesystem::path& file_;
  std::set<std::int64_t> planes_;
  double said_ = 0;  // in slices of the grid; 0: it does not say
  bool by_spacing_ = false;
};

int SegmentOf(DcmItem* frame, DcmItem* shared, const std::filesystem::path& file) {
  DcmItem* item = GroupItem(frame, shared, tag::kSegmentIdentification);
  const double number = item == nullptr ? 0.0 : NumberOf(*item, tag::kReferencedSegmentNumber).value_or(0.0);
  if (!(number >= 1 && number <= 255)) Bad(file, TagWords(tag::kReferencedSegmentNumber) + " is not 1 to 255");
  return static_cast<int>(number);
}

// What a set pixel of a segment writes into the map; 0: nothing.
using SegmentValues = std::function<std::uint8_t(int segment)>;

void PutFrame(const Uint8* bits, std::size_t first_bit, Size3 size, std::uint8_t value, const Placement& at,
              LabelMap& map, const std::filesystem::path& file) {
  const Size3& grid = map.geometry.size;
  for (std::int64_t r = 0; r < size.y; ++r) {
    for (std::int64_t c = 0; c < size.x; ++c) {
      const std::size_t bit = first_bit + static_cast<std::size_t>(c + size.x * r);
      if (((bits[bit / 8] >> (bit % 8)) & 1) == 0) continue;
      std::array<std::int64_t, 3> v{};
      for (std::size_t a = 0; a < 3; ++a) v[a] = at.first[a] + c * at.per_column[a] + r * at.per_row[a];
      if (v[0] < 0 || v[1] < 0 || v[2] < 0 || v[0] >= grid.x || v[1] >= grid.y || v[2] >= grid.z) {
        throw Error(ErrorCode::kInvalidArgument, "the SEG " + file.string() + " reaches beyond the grid of the series",
                    "Use the series that the segmentation was made on.");
      }
      auto& voxel = map.voxels[static_cast<std::size_t>(map.geometry.Offset(v[0], v[1], v[2]))];
      voxel = std::max(voxel, value);
    }
  }
}

Size3 SizeOf(DcmItem& dataset, const std::filesystem::path& file) {
  const auto number = [&](TagNumber tag, double most) {
    const double value = NumberOf(dataset, tag).value_or(0);
    if (!(value >= 1 && value <= most)) Bad(file, TagWords(tag) + " is missing or out of bounds");
    return static_cast<std::int64_t>(value);
  };
  return {number(tag::kColumns, 65535), number(tag::kRows, 65535), number(tag::kFrames, 1e6)};
}

LabelMap LabelsOf(DcmDataset& dataset, const std::filesystem::path& file, const Geometry& grid,
                  const SegmentValues& values) {
  const Size3 size = SizeOf(dataset, file);
  const auto frames = ItemsOf(dataset, tag::kPerFrameGroups);
  if (static_cast<std::int64_t>(frames.size()) != size.z)
    Bad(file, "its frames and their descriptions differ in count");
  const auto shared = ItemsOf(dataset, tag::kSharedGroups);
  const Uint8* bits = nullptr;
  unsigned long bytes = 0;
  const std::size_t in_frame = static_cast<std::size_t>(size.x * size.y);
  DcmElement* pixels = nullptr;
  Uint8* raw = nullptr;
  if (dataset.findAndGetElement(DCM_PixelData, pixels).bad() || pixels->getUint8Array(raw).bad() || raw == nullptr) {
    Bad(file, "missing tag PixelData (7FE0,0010)");
  }
  bits = raw;
  bytes = pixels->getLength();
  if (bytes < (in_frame * frames.size() + 7) / 8) Bad(file, "fewer pixels than frames, rows and columns say");
  LabelMap map{grid, std::vector<std::uint8_t>(static_cast<std::size_t>(grid.size.count()))};
  SliceSteps steps(grid, file);
  for (std::size_t f = 0; f < frames.size(); ++f) {
    DcmItem* all = shared.empty() ? nullptr : shared.front();
    const std::uint8_t value = values(SegmentOf(frames[f], all, file));
    if (value == 0) continue;
    const Placement place = PlaceFrame(frames[f], all, grid, size, file);
    steps.Add(place, frames[f], all);
    PutFrame(bits, f * in_frame, size, value, place, map, file);
  }
  steps.RequireSame();
  return map;
}

std::uint8_t OwnNumber(int segment) { return static_cast<std::uint8_t>(segment); }

Segment ReadSegment(DcmItem& dataset, DcmItem& item) {
  Segment out;
  out.number = static_cast<int>(std::clamp(NumberOf(item, tag::kSegmentNumber).value_or(0), 0.0, 65535.0));
  out.label = LocalTextOf(dataset, item, tag::kSegmentLabel);
  const auto codes = ItemsOf(item, tag::kSegmentType);
  if (!codes.empty()) {
    out.type = {TextOf(*codes.front(), tag::kCodeValue), TextOf(*codes.front(), tag::kCodeScheme),
                LocalTextOf(dataset, *codes.front(), tag::kCodeMeaning)};
  }
  out.algorithm = LocalTextOf(dataset, item, tag::kAlgorithmName);
  const std::string type = TextOf(item, tag::kAlgorithmType);
  const bool by_person = type.empty() ? out.algorithm.empty() : type == "MANUAL";
  if (type == "SEMIAUTOMATIC") {
    out.origin = SegmentOrigin::kSemiautomatic;
  } else if (!by_person) {
    out.origin = SegmentOrigin::kAutomatic;
  }
  return out;
}

}  // namespace

SegInfo ReadSegInfo(const std::filesystem::path& file) {
  const DicomFile parsed = OpenSeg(file, ReadPart::kHeader);
  DcmItem& dataset = DataSet(*parsed);
  SegInfo info;
  info.series_description = LocalTextOf(dataset, dataset, tag::kSeriesDescription);
  info.size = SizeOf(dataset, file);
  info.frames = info.size.z;
  info.source = ReadObjectSource(dataset);
  for (DcmItem* segment : ItemsOf(dataset, tag::kSegments)) info.segments.push_back(ReadSegment(dataset, *segment));
  return info;
}

LabelMap ReadSeg(const std::filesystem::path& file, const Geometry& grid) {
  const DicomFile parsed = OpenSeg(file, ReadPart::kWithPixels);
  return LabelsOf(*parsed->getDataset(), file, grid, OwnNumber);
}

LabelMap ReadSeg(const std::filesystem::path& file, const Series& series) {
  const DicomFile parsed = OpenSeg(file, ReadPart::kWithPixels);
  RequireFit(ReadObjectSource(*parsed->getDataset()), series, "SEG", file);
  return LabelsOf(*parsed->getDataset(), file, series.geometry, OwnNumber);
}

LabelMap ReadSegments(const std::filesystem::path& file, const Series& series, std::span<const int> numbers) {
  const DicomFile parsed = OpenSeg(file, ReadPart::kWithPixels);
  RequireFit(ReadObjectSource(*parsed->getDataset()), series, "SEG", file);
  return LabelsOf(*parsed->getDataset(), file, series.geometry, [&](int segment) {
    return static_cast<std::uint8_t>(std::find(numbers.begin(), numbers.end(), segment) != numbers.end());
  });
}

}  // namespace consilium
