// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace consilium {

// A counter-based generator (Philox4x32-10, Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3"):
// the same seed and stream give the same numbers on every machine. For learning and tests; never for keys.
class Random {
 public:
  explicit Random(std::uint64_t seed, std::uint64_t stream = 0);

  std::uint32_t NextU32();
  std::uint64_t NextU64();
  double Uniform();  // [0, 1), 53 bits
  double Uniform(double low, double high);
  std::int64_t Integer(std::int64_t low, std::int64_t high);  // inclusive, without modulo bias
  double Normal();  // mean 0, sd 1 (Box-Muller, own log and cos: bit-stable is std's)

 private:
  std::uint64_t seed_, stream_, counter_ = 0;
  std::uint32_t block_[4] = {};
  int used_ = 4;
};

// A seed for one purpose out of a run's seed, so that streams never overlap.
std::uint64_t DeriveSeed(std::uint64_t seed, std::uint64_t purpose);

}  // namespace consilium
