// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>

namespace consilium {

// Philox4x32-10: four random words out of a counter and a key (Salmon et al. 2011, figure 2; vectors: Random123 kat).
std::array<std::uint32_t, 4> Philox4x32(std::array<std::uint32_t, 4> counter, std::array<std::uint32_t, 2> key);

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
  double
  Normal();  // mean 0, sd 1 (Marsaglia's polar method with a logarithm of our own: libm's differ in the last bit)

 private:
  std::uint64_t seed_, stream_, counter_ = 0;
  std::array<std::uint32_t, 4> block_{};
  unsigned used_ = 4;
  double spare_ = 0;  // polar normals come in pairs
  bool has_spare_ = false;
};

// A seed for one purpose out of a run's seed, so that streams never overlap.
std::uint64_t DeriveSeed(std::uint64_t seed, std::uint64_t purpose);

}  // namespace consilium
