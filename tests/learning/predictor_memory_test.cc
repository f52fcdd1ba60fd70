// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
// A service predicts for months: what one prediction takes, the next one must find again.
#include <gtest/gtest.h>
#include <malloc.h>
#include <unistd.h>

#include <fstream>

#include "learning/predictor.h"
#include "tests/learning/oracle.h"
#include "tests/learning/toy_samples.h"

namespace consilium {
namespace {

// Before it is looked at, the allocator gives back what is free: how much of that it keeps goes up and down by 30 MB
// between two predictions that are alike.
std::int64_t ResidentBytes() {
  ::malloc_trim(0);
  std::ifstream in("/proc/self/statm");
  std::int64_t all = 0, resident = 0;
  in >> all >> resident;
  return resident * ::sysconf(_SC_PAGESIZE);
}

std::int64_t BytesInUse() {
  const struct mallinfo2 info = ::mallinfo2();
  return static_cast<std::int64_t>(info.uordblks + info.hblkhd);
}

class PredictorMemory : public testing::Test {
 protected:
  void SetUp() override {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    GTEST_SKIP() << "a sanitizer keeps freed memory on purpose";
#endif
  }
};

constexpr int kWarmUp = 4, kCounted = 20;
// One map of the larger sample is 0.44 MB, one accumulator 0.88 MB: keeping either of each prediction is seen.
constexpr std::int64_t kResidentTolerance = 3 << 20, kInUseTolerance = 64 << 10;

// Two sizes in turn, so that a buffer kept for each size is not taken for a leak, and one kept for each call is.
TEST_F(PredictorMemory, DoesNotGrowOverRepeatedPredictions) {
  const NetworkSpec spec{.features = {4, 8}};
  Predictor predictor(spec, {}, InitialParameters(spec, 3), {.threads = 1, .precision = "float32"});
  const Sample large = test::ToySample(1, {48, 48, 48}), small = test::ToySample(2, {40, 32, 32});
  const auto predict = [&](int times) {
    std::size_t voxels = 0;
    for (int i = 0; i < times; ++i) {
      voxels += predictor.Predict(i % 2 == 0 ? large : small, {.patch = 24, .overlap = 0}).tumour.size();
    }
    return voxels;
  };
  predict(kWarmUp);
  const std::int64_t before = ResidentBytes(), in_use = BytesInUse();
  ASSERT_GT(before, 0);
  ASSERT_GT(in_use, 0);
  EXPECT_EQ(predict(kCounted), kCounted / 2 * (large.label.size() + small.label.size()));
  EXPECT_LT(BytesInUse() - in_use, kInUseTolerance) << "bytes over " << kCounted << " predictions";
  EXPECT_LT(ResidentBytes() - before, kResidentTolerance) << "bytes over " << kCounted << " predictions";
}

// Models come and go with every round.
TEST_F(PredictorMemory, APredictorGivesItsNetworkBack) {
  const NetworkSpec spec{.features = {16, 32, 64, 128}};
  const Parameters parameters = InitialParameters(spec, 3);
  const std::int64_t bytes = parameters.Count() * 4;
  const Sample sample = test::ToySample(1, {16, 16, 16});
  const auto use = [&] {
    Predictor predictor(spec, {}, parameters, {.threads = 1});
    return predictor.Predict(sample, {.patch = 16}).tumour.size();
  };
  for (int i = 0; i < 3; ++i) use();
  const std::int64_t before = ResidentBytes();
  for (int i = 0; i < 12; ++i) EXPECT_EQ(use(), sample.label.size());
  EXPECT_LT(ResidentBytes() - before, 4 * bytes) << "of the " << 12 * bytes << " that 12 networks hold";
}

}  // namespace
}  // namespace consilium
