// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
// Compiled with -ffp-contract=off: a fused multiply-add would change last bits from machine to machine.
#include "core/base/random.h"

#include <cmath>

#include "core/base/error.h"

namespace consilium {
namespace {

// Natural logarithm of 0 < x <= 1 by additions, multiplications and one division only, which IEEE 754 fixes bit for
// bit: x = m 2^e with m in [sqrt(1/2), sqrt(2)), log m = 2 atanh(s), s = (m - 1) / (m + 1). Error below 1e-15 relative.
double PortableLog(double x) {
  int exponent = 0;
  double m = std::frexp(x, &exponent);
  if (m < 0.70710678118654752) {
    m *= 2;
    --exponent;
  }
  const double s = (m - 1) / (m + 1), s2 = s * s;
  double series = 0;
  for (int k = 23; k >= 3; k -= 2) series = (series + 1.0 / k) * s2;
  return 2 * (s + s * series) + exponent * 0.69314718055994531;
}

}  // namespace

std::array<std::uint32_t, 4> Philox4x32(std::array<std::uint32_t, 4> counter, std::array<std::uint32_t, 2> key) {
  for (int round = 0; round < 10; ++round) {
    const std::uint64_t a = std::uint64_t{0xD2511F53u} * counter[0], b = std::uint64_t{0xCD9E8D57u} * counter[2];
    counter = {static_cast<std::uint32_t>(b >> 32) ^ counter[1] ^ key[0], static_cast<std::uint32_t>(b),
               static_cast<std::uint32_t>(a >> 32) ^ counter[3] ^ key[1], static_cast<std::uint32_t>(a)};
    key[0] += 0x9E3779B9u;
    key[1] += 0xBB67AE85u;
  }
  return counter;
}

Random::Random(std::uint64_t seed, std::uint64_t stream) : seed_(seed), stream_(stream) {}

std::uint32_t Random::NextU32() {
  if (used_ == 4) {
    block_ = Philox4x32({static_cast<std::uint32_t>(counter_), static_cast<std::uint32_t>(counter_ >> 32),
                         static_cast<std::uint32_t>(stream_), static_cast<std::uint32_t>(stream_ >> 32)},
                        {static_cast<std::uint32_t>(seed_), static_cast<std::uint32_t>(seed_ >> 32)});
    ++counter_;
    used_ = 0;
  }
  return block_[used_++];
}

std::uint64_t Random::NextU64() {
  const std::uint64_t low = NextU32();
  return low | std::uint64_t{NextU32()} << 32;
}

double Random::Uniform() { return static_cast<double>(NextU64() >> 11) * 0x1p-53; }

double Random::Uniform(double low, double high) { return low + (high - low) * Uniform(); }

std::int64_t Random::Integer(std::int64_t low, std::int64_t high) {
  Ensure(low <= high, "Random::Integer: low is above high");
  const std::uint64_t range = static_cast<std::uint64_t>(high) - static_cast<std::uint64_t>(low) + 1;
  if (range == 0) return static_cast<std::int64_t>(NextU64());  // all 64 bits
  const std::uint64_t reject = (0 - range) % range;             // 2^64 mod range: below it, some values come too often
  std::uint64_t word = NextU64();
  while (word < reject) word = NextU64();
  return static_cast<std::int64_t>(static_cast<std::uint64_t>(low) + word % range);
}

double Random::Normal() {
  if (has_spare_) {
    has_spare_ = false;
    return spare_;
  }
  double u = 0, v = 0, s = 0;
  do {
    u = 2 * Uniform() - 1;
    v = 2 * Uniform() - 1;
    s = u * u + v * v;
  } while (s >= 1 || s == 0);
  const double scale = std::sqrt(-2 * PortableLog(s) / s);
  spare_ = v * scale;
  has_spare_ = true;
  return u * scale;
}

std::uint64_t DeriveSeed(std::uint64_t seed, std::uint64_t purpose) {
  // A block far from those of Random: its counters reach 2^64 - 1 in words 0 and 1 only after 2^64 blocks.
  const auto block = Philox4x32(
      {0xFFFFFFFFu, 0xFFFFFFFFu, static_cast<std::uint32_t>(purpose), static_cast<std::uint32_t>(purpose >> 32)},
      {static_cast<std::uint32_t>(seed), static_cast<std::uint32_t>(seed >> 32)});
  return std::uint64_t{block[0]} | std::uint64_t{block[1]} << 32;
}

}  // namespace consilium
