// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "gui/render/slice_sampler.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <vector>

#include "core/base/error.h"

namespace consilium {
namespace {

std::int64_t Size(const Geometry& grid, int axis) {
  return axis == 0 ? grid.size.x : axis == 1 ? grid.size.y : grid.size.z;
}
std::int64_t Stride(const Geometry& grid, int axis) {
  return axis == 0 ? 1 : axis == 1 ? grid.size.x : grid.size.x * grid.size.y;
}

struct VolumeSource {
  const Volume& volume;
  float At(std::int64_t offset, std::int64_t k) const {
    const auto z = static_cast<std::size_t>(k);
    return volume.slope[z] * static_cast<float>(volume.voxels[static_cast<std::size_t>(offset)]) + volume.intercept[z];
  }
  // A line of voxels within slice k.
  void Line(std::int64_t start, std::int64_t stride, std::int64_t k, std::span<float> out) const {
    const float slope = volume.slope[static_cast<std::size_t>(k)];
    const float intercept = volume.intercept[static_cast<std::size_t>(k)];
    const std::int16_t* voxel = volume.voxels.data() + start;
    if (stride == 1) {  // on its own, because it is vectorised
      for (std::size_t i = 0; i < out.size(); ++i) out[i] = slope * static_cast<float>(voxel[i]) + intercept;
    } else {
      for (std::size_t i = 0; i < out.size(); ++i, voxel += stride)
        out[i] = slope * static_cast<float>(*voxel) + intercept;
    }
  }
};

struct LabelSource {
  const LabelMap& map;
  std::uint8_t label;
  float At(std::int64_t offset, std::int64_t) const {
    const std::uint8_t voxel = map.voxels[static_cast<std::size_t>(offset)];
    return (label == 0 ? voxel != 0 : voxel == label) ? 1.0F : 0.0F;
  }
  void Line(std::int64_t start, std::int64_t stride, std::int64_t k, std::span<float> out) const {
    for (std::size_t i = 0; i < out.size(); ++i, start += stride) out[i] = At(start, k);
  }
};

// Two neighbours along one axis and the weight of the second.
struct Pair {
  std::int64_t low = 0, high = 0;
  float weight = 0;
  bool inside = false;
};

Pair PairAt(double index, std::int64_t size) {
  Pair pair;
  pair.inside = index >= -0.5 - 1e-6 && index <= static_cast<double>(size) - 0.5 + 1e-6;
  if (!pair.inside) return pair;
  const double held = std::clamp(index, 0.0, static_cast<double>(size - 1));
  pair.low = static_cast<std::int64_t>(held);
  pair.high = std::min(pair.low + 1, size - 1);
  pair.weight = static_cast<float>(held - static_cast<double>(pair.low));
  if (pair.weight < 1e-4F) pair.high = pair.low;
  return pair;
}

// index = start + x * across + y * down
struct IndexMap {
  std::array<double, 3> start, across, down;
};

IndexMap MapOf(const Geometry& grid, const SlicePlane& plane) {
  const Vec3 o = grid.PointToIndex(plane.origin_mm);
  const Vec3 a = grid.PointToIndex(plane.origin_mm + plane.across_mm) - o;
  const Vec3 d = grid.PointToIndex(plane.origin_mm + plane.down_mm) - o;
  return {{o.x, o.y, o.z}, {a.x, a.y, a.z}, {d.x, d.y, d.z}};
}

// The one axis along which `step` moves over `count` pixels; -1 if there are several.
int OnlyAxis(const std::array<double, 3>& step, int count) {
  static constexpr double kVoxels = 1e-3;  // a drift that no eye and no 8-bit picture can show
  int only = -1;
  for (int axis = 0; axis < 3; ++axis) {
    if (std::abs(step[static_cast<std::size_t>(axis)]) * count < kVoxels) continue;
    if (only >= 0) return -1;
    only = axis;
  }
  return only;
}

// The grid's axes lie along the picture's: every picture row is a blend of two grid rows.
template <class Source>
class SeparableSlice {
 public:
  SeparableSlice(const Source& source, const Geometry& grid, const IndexMap& map, int across_axis, int down_axis,
                 const SlicePlane& plane)
      : source_(source), grid_(grid), across_axis_(across_axis), down_axis_(down_axis), width_(plane.width) {
    const int through_axis = 3 - across_axis - down_axis;
    through_stride_ = Stride(grid, through_axis);
    through_is_k_ = through_axis == 2;
    through_ = PairAt(map.start[static_cast<std::size_t>(through_axis)], Size(grid, through_axis));
    PlaceColumns(map.start[static_cast<std::size_t>(across_axis)], map.across[static_cast<std::size_t>(across_axis)]);
    const auto count = static_cast<std::size_t>(std::max<std::int64_t>(0, last_ - first_ + 1));
    for (auto& row : rows_) row.values.resize(count);
    blend_.resize(count);
  }

  bool empty() const { return !through_.inside || last_ < first_; }

  void Row(double down_index, float* out) {
    const Pair pair = PairAt(down_index, Size(grid_, down_axis_));
    if (!pair.inside) {
      std::fill(out, out + width_, kOutside);
      return;
    }
    const std::vector<float>& low = GridRow(pair.low);
    const std::vector<float>& high = GridRow(pair.high);
    const float w = pair.weight;
    for (std::size_t i = 0; i < blend_.size(); ++i) blend_[i] = low[i] + w * (high[i] - low[i]);
    std::fill(out, out + start_x_, kOutside);
    float* pixel = out + start_x_;
    for (const Column& column : columns_) {
      const float a = blend_[column.low], b = blend_[column.high];
      *pixel++ = a + column.weight * (b - a);
    }
    std::fill(pixel, out + width_, kOutside);
  }

 private:
  struct CachedRow {
    std::int64_t index = -1;
    std::vector<float> values;
  };

  // Where in a grid row a picture column lies, relative to `first_`.
  struct Column {
    std::uint32_t low = 0, high = 0;
    float weight = 0;
  };

  // The columns inside the grid are one run, from `start_x_` on.
  void PlaceColumns(double start, double step) {
    std::vector<Pair> pairs;
    first_ = Size(grid_, across_axis_);
    for (int x = 0; x < width_; ++x) {
      const Pair pair = PairAt(start + x * step, Size(grid_, across_axis_));
      if (!pair.inside) continue;
      if (pairs.empty()) start_x_ = x;
      pairs.push_back(pair);
      first_ = std::min(first_, pair.low);
      last_ = std::max(last_, pair.high);
    }
    for (const Pair& pair : pairs)
      columns_.push_back(
          {static_cast<std::uint32_t>(pair.low - first_), static_cast<std::uint32_t>(pair.high - first_), pair.weight});
  }

  // Two rows are kept; neighbours have different parity, so the pair that a picture row needs never collides.
  const std::vector<float>& GridRow(std::int64_t index) {
    CachedRow& row = rows_[static_cast<std::size_t>(index & 1)];
    if (row.index == index) return row.values;
    row.index = index;
    Fill(index, through_.low, row.values);
    if (through_.high != through_.low) {
      other_.resize(row.values.size());
      Fill(index, through_.high, other_);
      for (std::size_t i = 0; i < other_.size(); ++i) row.values[i] += through_.weight * (other_[i] - row.values[i]);
    }
    return row.values;
  }

  void Fill(std::int64_t down, std::int64_t through, std::span<float> values) const {
    const std::int64_t stride = Stride(grid_, across_axis_);
    const std::int64_t start = down * Stride(grid_, down_axis_) + through * through_stride_ + first_ * stride;
    if (across_axis_ == 2) {
      for (std::size_t i = 0; i < values.size(); ++i)
        values[i] = source_.At(start + static_cast<std::int64_t>(i) * stride, first_ + static_cast<std::int64_t>(i));
      return;
    }
    source_.Line(start, stride, through_is_k_ ? through : down, values);
  }

  const Source& source_;
  const Geometry& grid_;
  const int across_axis_, down_axis_, width_;
  std::int64_t through_stride_ = 0, first_ = 0, last_ = -1;
  bool through_is_k_ = false;
  Pair through_;
  std::vector<Column> columns_;
  int start_x_ = 0;
  std::array<CachedRow, 2> rows_;
  std::vector<float> other_, blend_;
};

template <class Source>
float PointValue(const Source& source, const Geometry& grid, const std::array<double, 3>& index) {
  const Pair i = PairAt(index[0], grid.size.x), j = PairAt(index[1], grid.size.y), k = PairAt(index[2], grid.size.z);
  if (!i.inside || !j.inside || !k.inside) return kOutside;
  const auto line = [&](std::int64_t row, std::int64_t slice) {
    const float a = source.At(grid.Offset(i.low, row, slice), slice);
    const float b = source.At(grid.Offset(i.high, row, slice), slice);
    return a + i.weight * (b - a);
  };
  const auto face = [&](std::int64_t slice) {
    const float a = line(j.low, slice), b = line(j.high, slice);
    return a + j.weight * (b - a);
  };
  const float a = face(k.low), b = face(k.high);
  return a + k.weight * (b - a);
}

template <class Source>
void Sample(const Source& source, const Geometry& grid, const SlicePlane& plane, std::span<float> values) {
  Require(values.size() == static_cast<std::size_t>(plane.width) * static_cast<std::size_t>(plane.height),
          "the buffer of a slice has another size than its plane");
  const IndexMap map = MapOf(grid, plane);
  const int across = OnlyAxis(map.across, plane.width), down = OnlyAxis(map.down, plane.height);
  if (across >= 0 && down >= 0 && across != down) {
    SeparableSlice<Source> slice(source, grid, map, across, down, plane);
    if (slice.empty()) {
      std::ranges::fill(values, kOutside);
      return;
    }
    const auto axis = static_cast<std::size_t>(down);
    for (int y = 0; y < plane.height; ++y)
      slice.Row(map.start[axis] + y * map.down[axis], values.data() + static_cast<std::ptrdiff_t>(y) * plane.width);
    return;
  }
  float* out = values.data();
  for (int y = 0; y < plane.height; ++y) {
    for (int x = 0; x < plane.width; ++x) {
      std::array<double, 3> index;
      for (std::size_t a = 0; a < 3; ++a) index[a] = map.start[a] + x * map.across[a] + y * map.down[a];
      *out++ = PointValue(source, grid, index);
    }
  }
}

}  // namespace

void SampleSlice(const Volume& volume, const SlicePlane& plane, std::span<float> values) {
  Sample(VolumeSource{volume}, volume.geometry, plane, values);
}

void SampleLabel(const LabelMap& map, std::uint8_t label, const SlicePlane& plane, std::span<float> values) {
  Sample(LabelSource{map, label}, map.geometry, plane, values);
}

}  // namespace consilium
