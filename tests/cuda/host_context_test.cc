// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
// The instrument itself: does running a kernel's body on the host find the faults it is there to find?
#include "tests/support/host_context.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <numeric>
#include <stdexcept>

#include "tests/support/host_blocks.h"

namespace consilium {
namespace {

using ::testing::HasSubstr;

// Each block reverses its piece of the data through shared memory.
struct ReverseKernel {
  template <KernelContext Context>
  static void Run(Context& context, std::uint64_t* data) {
    const std::uint32_t t = context.ThreadIndex().x;
    const std::uint32_t n = context.BlockSize().x;
    std::uint64_t* mine = data + context.BlockIndex().x * n;
    auto* shared = context.template Shared<std::uint64_t>();
    shared[t] = mine[t];
    context.SyncThreads();
    mine[t] = shared[n - 1 - t];
  }
};

// The same with the barrier forgotten.
struct ForgottenBarrierKernel {
  template <KernelContext Context>
  static void Run(Context& context, std::uint64_t* data) {
    const std::uint32_t t = context.ThreadIndex().x;
    auto* shared = context.template Shared<std::uint64_t>();
    shared[t] = data[t];
    data[t] = shared[context.BlockSize().x - 1 - t];
  }
};

std::vector<std::uint64_t> Counting(std::size_t count) {
  std::vector<std::uint64_t> data(count);
  std::iota(data.begin(), data.end(), 0U);
  return data;
}

template <class Body>
std::string WordsOf(const HostLaunch& launch, Body body) {
  try {
    RunOnHost(launch, body);
  } catch (const std::logic_error& error) {
    return error.what();
  }
  return "nothing was thrown";
}

class HostContextIn : public testing::TestWithParam<HostOrder> {};

TEST_P(HostContextIn, EveryThreadRunsOnceWithItsOwnIndices) {
  const HostLaunch launch{.grid = {2, 3, 2}, .block = {4, 2, 2}, .order = GetParam()};
  std::vector<std::uint64_t> visits(2 * 3 * 2 * 16);
  RunOnHost(launch, [&](HostContext& c) {
    EXPECT_EQ(c.GridSize(), launch.grid);
    EXPECT_EQ(c.BlockSize(), launch.block);
    const Index3 b = c.BlockIndex();
    c.AtomicAdd(&visits[ThreadInBlock(c) + 16 * (b.x + 2 * (b.y + 3 * b.z))], 1);
  });
  EXPECT_THAT(visits, testing::Each(1U));
}

TEST_P(HostContextIn, BarrierAndSharedMemoryWork) {
  std::vector<std::uint64_t> data = Counting(3 * 64);
  const HostLaunch launch{.grid = {3, 1, 1}, .block = {64, 1, 1}, .shared_bytes = 64 * 8, .order = GetParam()};
  RunOnHost(launch, [&](HostContext& c) { ReverseKernel::Run(c, data.data()); });
  for (std::uint64_t i = 0; i < data.size(); ++i) ASSERT_EQ(data[i], i / 64 * 64 + 63 - i % 64);
}

TEST_P(HostContextIn, WarpSumAddsThe32LanesOfEachWarp) {
  std::vector<std::uint64_t> sums(96);
  const HostLaunch launch{.grid = {1, 1, 1}, .block = {96, 1, 1}, .order = GetParam()};
  RunOnHost(launch, [&](HostContext& c) {
    const std::uint32_t t = ThreadInBlock(c);
    const std::uint64_t first = c.WarpSum(t);
    sums[t] = c.WarpSum(first + t);  // twice in a row: lanes must not overwrite each other
  });
  for (std::uint64_t t = 0; t < 96; ++t) {
    const std::uint64_t own = 32 * (t / 32 * 32) + 31 * 32 / 2;
    ASSERT_EQ(sums[t], 33 * own) << t;
  }
}

TEST_P(HostContextIn, AThreadThatMissesTheBarrierIsTold) {
  const HostLaunch launch{.grid = {1, 1, 1}, .block = {32, 1, 1}, .order = GetParam()};
  EXPECT_THAT(WordsOf(launch,
                      [](HostContext& c) {
                        if (c.ThreadIndex().x != 5) c.SyncThreads();
                      }),
              HasSubstr("not every thread reached SyncThreads"));
  EXPECT_THAT(WordsOf(launch,
                      [](HostContext& c) {
                        if (c.ThreadIndex().x != 5) c.WarpSum(1);
                      }),
              HasSubstr("not every thread reached the warp operation"));
}

TEST_P(HostContextIn, AWarpOperationNeedsWholeWarps) {
  const HostLaunch launch{.grid = {1, 1, 1}, .block = {33, 1, 1}, .order = GetParam()};
  EXPECT_THAT(WordsOf(launch, [](HostContext& c) { c.WarpSum(1); }), HasSubstr("without whole warps"));
}

TEST_P(HostContextIn, UninitialisedSharedMemoryIsNeverZero) {
  std::uint64_t seen = 0;
  std::vector<std::uint64_t> of_block(2);
  const HostLaunch launch{.grid = {2, 1, 1}, .block = {1, 1, 1}, .shared_bytes = 8, .order = GetParam()};
  RunOnHost(launch, [&](HostContext& c) {
    auto* shared = c.Shared<std::uint64_t>();
    of_block[c.BlockIndex().x] = *shared;
    seen += *shared;
    *shared = 0;  // the next block must not find it
  });
  EXPECT_EQ(of_block, (std::vector<std::uint64_t>(2, 0xCDCDCDCDCDCDCDCDU)));
}

TEST_P(HostContextIn, AnErrorInAKernelComesOut) {
  const HostLaunch launch{.grid = {1, 1, 1}, .block = {32, 1, 1}, .order = GetParam()};
  EXPECT_THROW(RunOnHost(launch,
                         [](HostContext& c) {
                           if (c.ThreadIndex().x == 7) throw std::out_of_range("seven");
                         }),
               std::out_of_range);
}

INSTANTIATE_TEST_SUITE_P(Orders, HostContextIn, testing::ValuesIn(HostOrders()), testing::PrintToStringParamName());

TEST(HostContextFinds, AForgottenBarrierBecauseTheOrderChangesTheResult) {
  if (kUnderThreadSanitizer) GTEST_SKIP() << "fibers do not run under ThreadSanitizer, which finds this race itself";
  std::vector<std::vector<std::uint64_t>> results;
  for (const HostOrder order : {HostOrder::kForward, HostOrder::kReverse, HostOrder::kShuffled}) {
    std::vector<std::uint64_t> data = Counting(32);
    const HostLaunch launch{.grid = {1, 1, 1}, .block = {32, 1, 1}, .shared_bytes = 32 * 8, .order = order};
    RunOnHost(launch, [&](HostContext& c) { ForgottenBarrierKernel::Run(c, data.data()); });
    results.push_back(data);
  }
  EXPECT_NE(results[0], results[1]);
  EXPECT_NE(results[0], results[2]);
  EXPECT_THAT(results[0], testing::Contains(0xCDCDCDCDCDCDCDCDU));  // and unwritten shared memory shows
}

TEST(HostContextFinds, AWriteBehindTheSharedMemory) {
  const auto overrun = [] {
    const HostLaunch launch{
        .grid = {1, 1, 1}, .block = {32, 1, 1}, .shared_bytes = 31 * 8, .order = HostOrders().front()};
    RunOnHost(launch, [](HostContext& c) {
      volatile std::uint64_t* shared = c.Shared<std::uint64_t>();
      shared[c.ThreadIndex().x] = 1;
    });
  };
  if (kUnderAddressSanitizer) {
    EXPECT_DEATH(overrun(), "heap-buffer-overflow");
  } else if (kUnderThreadSanitizer) {
    GTEST_SKIP() << "two threads do not race here; the other builds find it";
  } else {
    try {
      overrun();
      FAIL() << "nothing was thrown";
    } catch (const std::logic_error& error) {
      EXPECT_THAT(error.what(), HasSubstr("outside its 248 bytes of shared memory"));
    }
  }
}

TEST(HostContextFinds, AWrongIndexIntoGlobalMemoryUnderAddressSanitizer) {
  if (!kUnderAddressSanitizer) GTEST_SKIP() << "only the asan build can see this";
  const auto overrun = [] {
    std::vector<std::uint64_t> data(31);
    const HostLaunch launch{.grid = {1, 1, 1}, .block = {32, 1, 1}};
    RunOnHost(launch, [&](HostContext& c) { data.data()[c.ThreadIndex().x] = 1; });
  };
  EXPECT_DEATH(overrun(), "heap-buffer-overflow");
}

}  // namespace
}  // namespace consilium
