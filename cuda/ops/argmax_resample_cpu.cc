// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "cuda/ops/argmax_resample_cpu.h"

#include <algorithm>
#include <limits>
#include <span>
#include <vector>

#include "core/base/parallel.h"
#include "cuda/ops/trilinear_cpu.h"

namespace consilium {
namespace {

constexpr std::int64_t kLanes = 16;  // cells looked at together

// A cell is the box between voxel (x, y, z) and the next one along each axis; at the far edge both are the same.
// The classes that can win somewhere in the cells of one z: classes[first[cell]] to classes[first[cell + 1] - 1].
struct Layer {
  std::vector<std::uint32_t> first;
  std::vector<std::uint8_t> classes;
};

// One row of cells; made once for each thread.
struct Row {
  explicit Row(const ConsiliumArgmax& w)
      : width((w.in_x + kLanes - 1) / kLanes * kLanes),
        column_low(Padded()),
        column_high(Padded()),
        best_low(Padded(), std::numeric_limits<float>::infinity()),  // no class of a lane beyond the row competes
        size(Padded()),
        high(Padded() * static_cast<std::size_t>(w.classes)),
        next(Padded()) {}
  std::size_t Padded() const { return static_cast<std::size_t>(width) + 1; }

  std::int64_t width;                          // in_x, to whole lanes
  std::vector<float> column_low, column_high;  // of the four corners at x
  std::vector<float> best_low;                 // the highest of the classes' lowest corners
  std::vector<float> size;                     // the largest |score| of a corner
  std::vector<float> high;                     // [class][x]: highest corner
  std::vector<std::uint32_t> next;             // where the cell's next class is written
};

// The lowest and highest corner of each cell of the row, for one class.
CONSILIUM_INLINE void LowAndHigh(const ConsiliumArgmax& w, const float* plane0, const float* plane1, std::int64_t y,
                                 float* __restrict high, Row& row) {
  const std::int64_t y0 = y * w.in_x, y1 = std::min(y + 1, w.in_y - 1) * w.in_x;
  const float *a = plane0 + y0, *b = plane0 + y1, *c = plane1 + y0, *d = plane1 + y1;
  float* __restrict column_low = row.column_low.data(), * __restrict column_high = row.column_high.data();
  for (std::int64_t x = 0; x < w.in_x; ++x) {
    column_low[x] = std::min(std::min(a[x], b[x]), std::min(c[x], d[x]));
    column_high[x] = std::max(std::max(a[x], b[x]), std::max(c[x], d[x]));
  }
  column_low[w.in_x] = column_low[w.in_x - 1];
  column_high[w.in_x] = column_high[w.in_x - 1];
  float* __restrict best_low = row.best_low.data(), * __restrict size = row.size.data();
  for (std::int64_t x = 0; x < w.in_x; ++x) {
    const float low = std::min(column_low[x], column_low[x + 1]);
    high[x] = std::max(column_high[x], column_high[x + 1]);
    best_low[x] = std::max(best_low[x], low);
    size[x] = std::max(size[x], std::max(-low, high[x]));
  }
}

// Adds the row's cells to the layer.
CONSILIUM_INLINE void Compete(const ConsiliumArgmax& w, const float* scores, std::int64_t y, std::int64_t z, Row& row,
                              Layer& layer) {
  const std::int64_t plane = w.in_x * w.in_y, z1 = std::min(z + 1, w.in_z - 1);
  std::fill_n(row.best_low.data(), w.in_x, -std::numeric_limits<float>::infinity());
  std::ranges::fill(row.size, 0.0F);
  for (std::int64_t c = 0; c < w.classes; ++c) {
    const float* of = scores + c * plane * w.in_z;
    LowAndHigh(w, of + z * plane, of + z1 * plane, y, row.high.data() + c * row.width, row);
  }
  // Three blends round by at most 4.5 * 2^-23 of the largest corner, and so does the rival: 2^-19 is more than both.
  float* least = row.best_low.data();
  std::uint32_t* next = row.next.data();
  for (std::int64_t x = 0; x < w.in_x; ++x) least[x] -= row.size[static_cast<std::size_t>(x)] * 0x1p-19F;
  std::fill_n(next, row.width, 0U);
  for (std::int64_t c = 0; c < w.classes; ++c) {
    const float* high = row.high.data() + c * row.width;
    for (std::int64_t x = 0; x < w.in_x; ++x) next[x] += high[x] >= least[x] ? 1U : 0U;
  }
  std::uint32_t* first = layer.first.data() + y * w.in_x;
  for (std::int64_t x = 0; x < w.in_x; ++x) {
    first[x + 1] = first[x] + next[x];
    next[x] = first[x];
  }
  layer.classes.resize(first[w.in_x]);
  for (std::int64_t c = 0; c < w.classes; ++c) {
    const float* high = row.high.data() + c * row.width;
    for (std::int64_t begin = 0; begin < w.in_x; begin += kLanes) {
      int any = 0;
      for (std::int64_t l = 0; l < kLanes; ++l) any |= high[begin + l] >= least[begin + l] ? 1 : 0;
      if (any == 0) continue;
      for (std::int64_t x = begin; x < std::min(begin + kLanes, w.in_x); ++x) {
        if (high[x] >= least[x]) layer.classes[next[x]++] = static_cast<std::uint8_t>(c);
      }
    }
  }
}

CONSILIUM_INLINE Layer LayerOf(const ConsiliumArgmax& w, const float* scores, std::int64_t z, Row& row) {
  Layer layer;
  layer.first.resize(static_cast<std::size_t>(w.in_x * w.in_y + 1));
  for (std::int64_t y = 0; y < w.in_y; ++y) Compete(w, scores, y, z, row, layer);
  return layer;
}

// Offsets of the four rows around (y, z).
struct RowsAround {
  CONSILIUM_INLINE RowsAround(const ConsiliumArgmax& w, const Neighbours& y, const Neighbours& z)
      : y0z0(w.in_x * (y.first + w.in_y * z.first)),
        y1z0(w.in_x * (y.second + w.in_y * z.first)),
        y0z1(w.in_x * (y.first + w.in_y * z.second)),
        y1z1(w.in_x * (y.second + w.in_y * z.second)),
        ty(y.t),
        tz(z.t) {}
  // The blend at column x of one class.
  CONSILIUM_INLINE float At(const float* of, std::int64_t x) const {
    return Lerp(tz, Lerp(ty, of[y0z0 + x], of[y1z0 + x]), Lerp(ty, of[y0z1 + x], of[y1z1 + x]));
  }
  std::int64_t y0z0, y1z0, y0z1, y1z1;
  float ty, tz;
};

// The winner among the classes of one cell; column(c, x) is class c's blend at column x.
template <class Column>
CONSILIUM_INLINE std::uint8_t Winner(std::span<const std::uint8_t> classes, const Neighbours& x, const Column& column) {
  std::uint8_t winner = 0;
  float best = -std::numeric_limits<float>::infinity();
  for (const std::uint8_t c : classes) {
    const float score = Lerp(x.t, column(c, x.first), column(c, x.second));
    winner = score > best ? c : winner;
    best = score > best ? score : best;
  }
  return winner;
}

CONSILIUM_INLINE std::span<const std::uint8_t> Classes(const ConsiliumArgmax& w, const Layer& layer,
                                                       const Neighbours& x, const Neighbours& y) {
  const std::uint32_t* cell = layer.first.data() + x.first + y.first * w.in_x;
  return {layer.classes.data() + cell[0], cell[1] - cell[0]};
}

// Any affine: every voxel finds its own neighbours.
CONSILIUM_INLINE void GeneralRow(const ConsiliumArgmax& w, const float* scores, const std::vector<Layer>& layers,
                                 const double* base, std::uint8_t* labels) {
  for (std::int64_t i = 0; i < w.out_x; ++i) {
    const auto at = static_cast<double>(i);
    const Neighbours x = Around(__builtin_fma(w.m[0], at, base[0]), w.in_x);
    const Neighbours y = Around(__builtin_fma(w.m[4], at, base[1]), w.in_y);
    const Neighbours z = Around(__builtin_fma(w.m[8], at, base[2]), w.in_z);
    labels[i] = w.outside;
    if (!x.inside || !y.inside || !z.inside) continue;
    const RowsAround rows(w, y, z);
    labels[i] =
        Winner(Classes(w, layers[static_cast<std::size_t>(z.first)], x, y), x,
               [&](std::int64_t c, std::int64_t of_x) { return rows.At(scores + c * w.in_x * w.in_y * w.in_z, of_x); });
  }
}

// Grids with parallel axes, the usual case. In most rows few cells have rivals, and only those are blended; where many
// do, the four rows around are blended once for all classes, into `columns` [class][x].
CONSILIUM_INLINE void AlignedRow(const ConsiliumArgmax& w, const float* scores, const std::vector<Layer>& layers,
                                 const double* base, const std::vector<Neighbours>& xs, std::vector<float>& columns,
                                 std::uint8_t* labels) {
  const Neighbours y = Around(base[1], w.in_y), z = Around(base[2], w.in_z);
  if (!y.inside || !z.inside) {
    std::fill_n(labels, w.out_x, w.outside);
    return;
  }
  const Layer& layer = layers[static_cast<std::size_t>(z.first)];
  const RowsAround rows(w, y, z);
  const std::int64_t volume = w.in_x * w.in_y * w.in_z;
  const std::uint32_t* first = layer.first.data() + y.first * w.in_x;
  const bool crowded = first[w.in_x] - first[0] > w.in_x + w.in_x * w.classes / 16;
  for (std::int64_t c = 0; crowded && c < w.classes; ++c) {
    float* __restrict of_class = columns.data() + c * w.in_x;
    for (std::int64_t x = 0; x < w.in_x; ++x) of_class[x] = rows.At(scores + c * volume, x);
  }
  for (std::int64_t i = 0; i < w.out_x; ++i) {
    const Neighbours& x = xs[static_cast<std::size_t>(i)];
    labels[i] = w.outside;
    if (!x.inside) continue;
    const std::span<const std::uint8_t> classes = Classes(w, layer, x, y);
    if (classes.size() == 1) {
      labels[i] = classes[0];
    } else if (crowded) {
      labels[i] = Winner(classes, x, [&](std::int64_t c, std::int64_t at) {
        return columns[static_cast<std::size_t>(c * w.in_x + at)];
      });
    } else {
      labels[i] = Winner(classes, x, [&](std::int64_t c, std::int64_t at) { return rows.At(scores + c * volume, at); });
    }
  }
}

// One slice of labels.
CONSILIUM_INLINE void Slice(const ConsiliumArgmax& w, const float* scores, const std::vector<Layer>& layers,
                            std::int64_t slice, std::uint8_t* labels) {
  const bool aligned = HasParallelAxes(w.m);
  const auto k = static_cast<double>(slice);
  std::vector<Neighbours> xs;
  std::vector<float> columns;
  if (aligned) {
    columns.resize(static_cast<std::size_t>(w.classes * w.in_x));
    for (std::int64_t i = 0; i < w.out_x; ++i) {
      xs.push_back(Around(__builtin_fma(w.m[0], static_cast<double>(i), w.m[3]), w.in_x));
    }
  }
  for (std::int64_t row = 0; row < w.out_y; ++row) {
    const auto j = static_cast<double>(row);
    const double base[3] = {Base(w.m, j, k), Base(w.m + 4, j, k), Base(w.m + 8, j, k)};
    std::uint8_t* out = labels + row * w.out_x;
    aligned ? AlignedRow(w, scores, layers, base, xs, columns, out) : GeneralRow(w, scores, layers, base, out);
  }
}

// The same code twice: with fused multiply-adds as instructions, and with the C library's (slower, same bits).
CONSILIUM_TARGET_AVX2 Layer LayerAvx2(const ConsiliumArgmax& w, const float* scores, std::int64_t z, Row& row) {
  return LayerOf(w, scores, z, row);
}
Layer LayerPlain(const ConsiliumArgmax& w, const float* scores, std::int64_t z, Row& row) {
  return LayerOf(w, scores, z, row);
}
CONSILIUM_TARGET_AVX2 void SliceAvx2(const ConsiliumArgmax& w, const float* scores, const std::vector<Layer>& layers,
                                     std::int64_t slice, std::uint8_t* labels) {
  Slice(w, scores, layers, slice, labels);
}
void SlicePlain(const ConsiliumArgmax& w, const float* scores, const std::vector<Layer>& layers, std::int64_t slice,
                std::uint8_t* labels) {
  Slice(w, scores, layers, slice, labels);
}

}  // namespace

void ArgmaxResampleCpu(const ConsiliumArgmax& what, const float* scores, std::uint8_t* labels) {
  const bool avx2 = CpuHasAvx2AndFma();
  const int threads = WorkingThreads();
  std::vector<Row> rows(static_cast<std::size_t>(threads), Row(what));
  std::vector<Layer> layers(static_cast<std::size_t>(what.in_z));
  InParallel(what.in_z, threads, {}, [&](int thread, std::int64_t z) {
    Row& row = rows[static_cast<std::size_t>(thread)];
    layers[static_cast<std::size_t>(z)] = (avx2 ? LayerAvx2 : LayerPlain)(what, scores, z, row);
  });
  InParallel(what.out_z, threads, {}, [&](int /*thread*/, std::int64_t k) {
    (avx2 ? SliceAvx2 : SlicePlain)(what, scores, layers, k, labels + k * what.out_x * what.out_y);
  });
}

}  // namespace consilium
