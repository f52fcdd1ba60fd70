// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cuda/kernel_context.h"

namespace consilium {

// sum[i] += weight * round(delta[i] * 2^32) modulo 2^64; a number that is not within -1024 to 1024 adds nothing and is
// counted in *refused (one atomic addition a block). Any one-dimensional grid; blocks of whole warps; shared memory:
// one uint64 for each warp of a block.
struct FixedPointSumKernel {
  static constexpr std::uint32_t kBlock = 256;
  static constexpr std::uint32_t kSharedBytes = kBlock / kWarpSize * 8;

  template <KernelContext Context>
  CONSILIUM_KERNEL static void Run(Context& context, const float* delta, std::int64_t count, std::uint64_t weight,
                                   std::int64_t* sum, std::uint64_t* refused) {
    const Strided all =
        Along(context.ThreadIndex().x, context.BlockIndex().x, context.BlockSize().x, context.GridSize().x);
    std::uint64_t bad = 0;
    for (std::int64_t i = all.first; i < count; i += all.step) {
      const float x = delta[i];
      if (x >= -1024.0F && x <= 1024.0F) {
        const std::int64_t q = context.RoundToInt(static_cast<double>(x) * 4294967296.0);
        sum[i] = static_cast<std::int64_t>(static_cast<std::uint64_t>(sum[i]) + static_cast<std::uint64_t>(q) * weight);
      } else {
        ++bad;
      }
    }
    CountRefused(context, bad, refused);
  }

 private:
  template <KernelContext Context>
  CONSILIUM_KERNEL static void CountRefused(Context& context, std::uint64_t bad, std::uint64_t* refused) {
    const std::uint32_t thread = ThreadInBlock(context);
    auto* of_warp = context.template Shared<std::uint64_t>();
    bad = context.WarpSum(bad);
    if (thread % kWarpSize == 0) of_warp[thread / kWarpSize] = bad;
    context.SyncThreads();
    if (thread != 0) return;
    std::uint64_t of_block = 0;
    for (std::uint32_t w = 0; w < context.BlockSize().x / kWarpSize; ++w) of_block += of_warp[w];
    if (of_block > 0) context.AtomicAdd(refused, of_block);
  }
};

}  // namespace consilium
