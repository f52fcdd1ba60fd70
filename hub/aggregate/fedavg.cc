// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "hub/aggregate/fedavg.h"

#include <algorithm>
#include <vector>

#include "core/base/error.h"
#include "cuda/ops/fixed_point_sum.h"

namespace consilium {
namespace {

constexpr std::size_t kPiece = std::size_t{1} << 18;  // numbers of each update in memory at once: 1 MiB

}  // namespace

Parameters FedAvg::Combine(const Parameters& base, std::span<const UpdateSource> updates) const {
  Require(!updates.empty(), "there is no update to average");
  std::int64_t total_weight = 0;
  for (const UpdateSource& update : updates) total_weight += update.weight;
  Parameters next = base;
  std::vector<float> values(kPiece), mean(kPiece);
  std::vector<std::int64_t> sum(kPiece);
  std::int64_t array_begin = 0;
  for (NamedArray& array : next.arrays) {
    for (std::size_t done = 0; done < array.values.size(); done += kPiece) {
      const std::size_t size = std::min(kPiece, array.values.size() - done);
      std::fill_n(sum.begin(), size, 0);
      for (const UpdateSource& update : updates) {
        update.read(array_begin + static_cast<std::int64_t>(done), std::span(values).first(size));
        AddFixedPoint(std::span(values).first(size), update.weight, std::span(sum).first(size));
      }
      MeanFromFixedPoint(std::span(sum).first(size), total_weight, std::span(mean).first(size));
      for (std::size_t i = 0; i < size; ++i) array.values[done + i] += mean[i];
    }
    array_begin += static_cast<std::int64_t>(array.values.size());
  }
  return next;
}

}  // namespace consilium
