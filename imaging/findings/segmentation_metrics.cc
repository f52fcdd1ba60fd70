// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "imaging/findings/segmentation_metrics.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <future>
#include <limits>
#include <thread>
#include <utility>
#include <vector>

#include "core/base/error.h"
#include "cuda/ops/nearest_distance.h"

namespace consilium {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
constexpr double kInfinity = std::numeric_limits<double>::infinity();

struct Counts {
  std::int64_t both = 0, prediction = 0, reference = 0;
};

// The smallest box that holds every voxel of either mask.
struct Box {
  std::int64_t low[3] = {0, 0, 0}, high[3] = {-1, -1, -1};  // inclusive
  bool empty() const { return high[0] < low[0]; }
  Size3 size() const { return {high[0] - low[0] + 1, high[1] - low[1] + 1, high[2] - low[2] + 1}; }
  void Add(std::int64_t first, std::int64_t last, std::int64_t j, std::int64_t k) {
    const std::int64_t from[3] = {first, j, k}, to[3] = {last, j, k};
    const bool fresh = empty();
    for (int axis = 0; axis < 3; ++axis) {
      low[axis] = fresh ? from[axis] : std::min(low[axis], from[axis]);
      high[axis] = fresh ? to[axis] : std::max(high[axis], to[axis]);
    }
  }
};

void RequireOneGrid(const LabelMap& a, const LabelMap& b) {
  Require(SameGrid(a.geometry, b.geometry, 0.01) && a.voxels.size() == b.voxels.size(),
          "two label maps on different grids cannot be compared", "Bring both to one grid first.");
}

// One pass over both masks.
Counts Count(const LabelMap& a, const LabelMap& b, Box& box) {
  const Size3 n = a.geometry.size;
  Counts out;
  for (std::int64_t row = 0; row < n.y * n.z; ++row) {
    const std::uint8_t* p = a.voxels.data() + row * n.x;
    const std::uint8_t* r = b.voxels.data() + row * n.x;
    std::int64_t both = 0, in_p = 0, in_r = 0;
    for (std::int64_t i = 0; i < n.x; ++i) {
      both += (p[i] != 0) & (r[i] != 0);
      in_p += p[i] != 0;
      in_r += r[i] != 0;
    }
    if (in_p + in_r == 0) continue;
    std::int64_t first = 0, last = n.x - 1;
    while (p[first] == 0 && r[first] == 0) ++first;
    while (p[last] == 0 && r[last] == 0) --last;
    box.Add(first, last, row % n.y, row / n.y);
    out.both += both;
    out.prediction += in_p;
    out.reference += in_r;
  }
  return out;
}

// The surface of a mask within the box: as a field, and as a list of offsets.
struct Surface {
  std::vector<std::uint8_t> field;
  std::vector<std::int64_t> at;
};

Surface SurfaceOf(const LabelMap& mask, const Box& box) {
  const Size3 n = box.size(), all = mask.geometry.size;
  // The mask with a margin of background, so that every voxel has six neighbours.
  const std::int64_t row = n.x + 2, slice = row * (n.y + 2);
  std::vector<std::uint8_t> in(static_cast<std::size_t>(slice * (n.z + 2)));
  for (std::int64_t k = 0; k < n.z; ++k) {
    for (std::int64_t j = 0; j < n.y; ++j) {
      const std::uint8_t* from = mask.voxels.data() + box.low[0] + all.x * (box.low[1] + j + all.y * (box.low[2] + k));
      std::uint8_t* to = in.data() + 1 + row * (j + 1) + slice * (k + 1);
      for (std::int64_t i = 0; i < n.x; ++i) to[i] = from[i] != 0 ? 1 : 0;
    }
  }
  Surface out{std::vector<std::uint8_t>(static_cast<std::size_t>(n.count())), {}};
  for (std::int64_t k = 0; k < n.z; ++k) {
    for (std::int64_t j = 0; j < n.y; ++j) {
      const std::uint8_t* m = in.data() + 1 + row * (j + 1) + slice * (k + 1);
      const std::int64_t first = n.x * (j + n.y * k);
      std::uint8_t* field = out.field.data() + first;
      for (std::int64_t i = 0; i < n.x; ++i) {
        const auto inner = m[i - 1] & m[i + 1] & m[i - row] & m[i + row] & m[i - slice] & m[i + slice];
        field[i] = static_cast<std::uint8_t>(m[i] & (inner ^ 1));
      }
      for (std::int64_t i = 0; i < n.x; ++i) {
        if (field[i] != 0) out.at.push_back(first + i);
      }
    }
  }
  return out;
}

// Linear interpolation between the two values around rank 0.95 * (n - 1). `mm` is reordered.
double Percentile95(std::vector<float>& mm, bool in_float) {
  double rank = 0.95 * static_cast<double>(mm.size() - 1);
  if (in_float) rank = static_cast<double>(0.95F * static_cast<float>(mm.size() - 1));  // as torch.quantile of float32
  const auto below = static_cast<std::size_t>(rank);
  const auto at = mm.begin() + static_cast<std::ptrdiff_t>(below);
  std::nth_element(mm.begin(), at, mm.end());
  const double low = *at;
  if (below + 1 >= mm.size()) return low;
  const double high = *std::min_element(at + 1, mm.end());
  return low + (rank - static_cast<double>(below)) * (high - low);
}

// One direction: from the surface of one mask to that of the other.
struct Direction {
  double largest = 0, percentile95 = 0, sum = 0;
  std::int64_t voxels = 0, within_2mm = 0, within_3mm = 0;
};

Direction Measure(const Size3& size, const Vec3& spacing, const Surface& from, const Surface& to,
                  MetricsConvention convention, Device device) {
  std::vector<float> mm = NearestDistances(size, spacing, to.field, from.at, device);
  Direction out;
  out.voxels = std::ssize(mm);
  for (const float d : mm) {
    out.largest = std::max(out.largest, static_cast<double>(d));
    out.sum += static_cast<double>(d);
    out.within_2mm += d <= 2;
    out.within_3mm += d <= 3;
  }
  out.percentile95 = Percentile95(mm, convention == MetricsConvention::kMonai);
  return out;
}

void AddDistances(const LabelMap& prediction, const LabelMap& reference, const Box& box, MetricsConvention convention,
                  Device device, SegmentationMetrics& out) {
  const Size3 size = box.size();
  const Vec3 spacing = prediction.geometry.spacing_mm;
  const Surface p = SurfaceOf(prediction, box), r = SurfaceOf(reference, box);
  constexpr std::int64_t kWorthAThread = 1 << 16;  // voxels
  std::packaged_task<Direction()> task([&] { return Measure(size, spacing, r, p, convention, device); });
  auto backward = task.get_future();
  std::jthread helper;  // declared after what its task uses: joined before
  if (size.count() >= kWorthAThread)
    helper = std::jthread(std::move(task));
  else
    task();
  const Direction there = Measure(size, spacing, p, r, convention, device);
  const Direction back = backward.get();
  const auto voxels = static_cast<double>(there.voxels + back.voxels);
  out.hd_mm = std::max(there.largest, back.largest);
  out.hd95_mm = std::max(there.percentile95, back.percentile95);
  out.assd_mm = (there.sum + back.sum) / voxels;
  out.nsd_2mm = static_cast<double>(there.within_2mm + back.within_2mm) / voxels;
  out.nsd_3mm = static_cast<double>(there.within_3mm + back.within_3mm) / voxels;
}

double Diagonal(const Geometry& g) {
  return Norm({static_cast<double>(g.size.x - 1) * g.spacing_mm.x, static_cast<double>(g.size.y - 1) * g.spacing_mm.y,
               static_cast<double>(g.size.z - 1) * g.spacing_mm.z});
}

CaseStatus StatusOf(const Counts& n) {
  if (n.prediction == 0) return n.reference == 0 ? CaseStatus::kBothEmpty : CaseStatus::kMissed;
  return n.reference == 0 ? CaseStatus::kFalseAlarm : CaseStatus::kOk;
}

double Ratio(std::int64_t part, std::int64_t all) {
  return all == 0 ? kNaN : static_cast<double>(part) / static_cast<double>(all);
}

// The numbers that a convention decides, because a mask is empty.
void FillEmpty(const Geometry& grid, MetricsConvention convention, SegmentationMetrics& out) {
  const bool both = out.status == CaseStatus::kBothEmpty;
  if (convention == MetricsConvention::kConsilium) {
    out.hd_mm = out.hd95_mm = out.assd_mm = both ? 0 : Diagonal(grid);
    out.nsd_2mm = out.nsd_3mm = both ? 1 : 0;
    if (!both) out.dice = out.iou = 0;
    return;
  }
  if (out.status != CaseStatus::kMissed) out.dice = out.iou = kNaN;
  out.hd95_mm = kNaN;
  out.hd_mm = out.assd_mm = both ? kNaN : kInfinity;
  out.nsd_2mm = out.nsd_3mm = both ? kNaN : 0;
}

}  // namespace

std::string_view Name(CaseStatus status) {
  switch (status) {
    case CaseStatus::kOk: return "ok";
    case CaseStatus::kBothEmpty: return "both-empty";
    case CaseStatus::kMissed: return "missed";
    case CaseStatus::kFalseAlarm: return "false-alarm";
  }
  Ensure(false, "unknown status of a case");
  return {};
}

SegmentationMetrics CompareMasks(const LabelMap& prediction, const LabelMap& reference, MetricsConvention convention,
                                 Device device) {
  RequireOneGrid(prediction, reference);
  Box box;
  const Counts n = Count(prediction, reference, box);
  SegmentationMetrics out;
  out.status = StatusOf(n);
  const std::int64_t sum = n.prediction + n.reference;
  out.dice = sum == 0 ? 1 : Ratio(2 * n.both, sum);
  out.iou = sum == 0 ? 1 : Ratio(n.both, sum - n.both);
  out.precision = Ratio(n.both, n.prediction);
  out.recall = Ratio(n.both, n.reference);
  out.prediction_ml = static_cast<double>(n.prediction) * prediction.geometry.VoxelVolumeMl();
  out.reference_ml = static_cast<double>(n.reference) * reference.geometry.VoxelVolumeMl();
  if (out.status == CaseStatus::kOk)
    AddDistances(prediction, reference, box, convention, device, out);
  else
    FillEmpty(prediction.geometry, convention, out);
  return out;
}

double Dice(const LabelMap& a, const LabelMap& b) {
  RequireOneGrid(a, b);
  Box box;
  const Counts n = Count(a, b, box);
  const std::int64_t sum = n.prediction + n.reference;
  return sum == 0 ? 1.0 : Ratio(2 * n.both, sum);
}

}  // namespace consilium
