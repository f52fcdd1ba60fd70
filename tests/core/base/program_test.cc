// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "core/base/program.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <stdexcept>

#include "core/base/error.h"

namespace consilium {
namespace {

struct Ended {
  int code = 0;
  std::string errors;
};
Ended EndOf(const std::function<int()>& body) {
  std::string name = "consilium-hub";
  char* argv[] = {name.data(), nullptr};
  testing::internal::CaptureStderr();
  const int code = RunProgram(1, argv, body);
  return {code, testing::internal::GetCapturedStderr()};
}

TEST(ProgramTest, PassesTheExitCodeOn) {
  EXPECT_EQ(EndOf([] { return 0; }).code, 0);
  EXPECT_EQ(EndOf([] { return 7; }).code, 7);
  EXPECT_EQ(EndOf([] { return 0; }).errors, "");
}

TEST(ProgramTest, AnErrorIsTwoLinesForAPerson) {
  const Ended ended = EndOf([]() -> int { throw Error(ErrorCode::kNotFound, "cannot read x", "Check the path."); });
  EXPECT_EQ(ended.code, 1);
  EXPECT_EQ(ended.errors, "error: cannot read x\n  Check the path.\n");
}

TEST(ProgramTest, AFolderWithoutRightsIsNoBug) {
  const Ended ended = EndOf([]() -> int {
    std::filesystem::create_directories("/proc/self/no-such-folder");
    return 0;
  });
  EXPECT_EQ(ended.code, 1);
  EXPECT_NE(ended.errors.find("/proc/self/no-such-folder"), std::string::npos) << ended.errors;
  EXPECT_NE(ended.errors.find("\n  Check the disk, the folder and its rights.\n"), std::string::npos) << ended.errors;
}

TEST(ProgramTest, AnythingElseIsOurBug) {
  const Ended ended = EndOf([]() -> int { throw std::logic_error("oops"); });
  EXPECT_EQ(ended.code, 2);
  EXPECT_EQ(ended.errors,
            "error: oops\n  This is a bug of consilium-hub; please report it with the command that you gave.\n");
}

}  // namespace
}  // namespace consilium
