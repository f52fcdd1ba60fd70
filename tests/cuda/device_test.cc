// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "cuda/device.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/base/error.h"

namespace consilium {
namespace {

using ::testing::HasSubstr;

// The error that `body` throws, so that its words can be looked at.
template <class Body>
Error ErrorOf(Body body) {
  try {
    body();
  } catch (const Error& error) {
    return error;
  }
  ADD_FAILURE() << "nothing was thrown";
  return Error(ErrorCode::kInternal, "nothing was thrown");
}

TEST(Device, CpuIsAlwaysThereAndFirst) {
  EXPECT_EQ(ParseDevice("cpu"), Device{});
  ASSERT_FALSE(AllDevices().empty());
  EXPECT_EQ(AllDevices().front(), Device{});
  EXPECT_EQ(ToString(Device{}), "cpu");
  EXPECT_EQ(ToString(Device{DeviceKind::kCuda, 3}), "cuda:3");
}

TEST(Device, EitherAGpuOrAReason) {
  const bool has_gpu = AllDevices().size() > 1;
  EXPECT_EQ(WhyNoCuda().empty(), has_gpu) << WhyNoCuda();
  EXPECT_EQ(ParseDevice("auto").kind, has_gpu ? DeviceKind::kCuda : DeviceKind::kCpu);
  EXPECT_EQ(FoundGpus().gpus.size() + 1, AllDevices().size());
}

TEST(Device, UnknownWordsAreRefusedWithTheWordsThatExist) {
  for (const char* text : {"", "gpu", "cuda:", "cuda:-1", "cuda:1x", "CPU", "cuda:99999999999999999999"}) {
    const Error error = ErrorOf([&] { ParseDevice(text); });
    EXPECT_EQ(error.code(), ErrorCode::kInvalidArgument) << text;
    EXPECT_THAT(error.what(), HasSubstr("device '" + std::string(text) + "' is not known"));
    EXPECT_THAT(error.next_step(), HasSubstr("auto, cpu or cuda:N"));
  }
}

TEST(Device, AGpuThatIsNotThereIsRefusedWithTheReason) {
  const Error error = ErrorOf([] { ParseDevice("cuda:4711"); });
  EXPECT_EQ(error.code(), ErrorCode::kUnavailable);
  if (WhyNoCuda().empty()) {
    EXPECT_THAT(error.what(), HasSubstr("cuda:4711 is not on this machine: it has"));
  } else {
    EXPECT_THAT(error.what(), HasSubstr("cuda:4711 cannot be used: " + WhyNoCuda()));
    EXPECT_THAT(error.next_step(), HasSubstr("auto or cpu"));
  }
}

}  // namespace
}  // namespace consilium
