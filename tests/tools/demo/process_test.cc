// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "tools/demo/process.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "core/base/error.h"

namespace consilium {
namespace {

using testing::HasSubstr;

class ProcessTest : public testing::Test {
 protected:
  ProcessTest() { std::filesystem::create_directories(dir_); }
  ~ProcessTest() override { std::filesystem::remove_all(dir_); }

  std::string Log() const {
    std::ifstream in(log_);
    std::stringstream text;
    text << in.rdbuf();
    return text.str();
  }

  const std::filesystem::path dir_ =
      std::filesystem::temp_directory_path() / ("process-test-" + std::to_string(getpid()));
  const std::filesystem::path log_ = dir_ / "log.txt";
};

TEST_F(ProcessTest, CommandGivesItsStandardOutputAndKeepsErrorsInTheLog) {
  EXPECT_EQ(RunCommand({"/bin/sh", "-c", "echo one; echo two >&2; echo three"}, log_), "one\nthree\n");
  EXPECT_EQ(Log(), "two\n");
}

TEST_F(ProcessTest, FailedCommandIsNamedWithItsLastLines) {
  try {
    RunCommand({"/bin/sh", "-c", "echo the disk is full >&2; exit 3"}, log_);
    FAIL() << "no error";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kFailedPrecondition);
    EXPECT_THAT(error.what(), HasSubstr("ended with code 3"));
    EXPECT_THAT(error.what(), HasSubstr("the disk is full"));
    EXPECT_THAT(error.next_step(), HasSubstr(log_.string()));
  }
}

TEST_F(ProcessTest, MissingProgramIsNamed) {
  try {
    ChildProcess child({(dir_ / "nothing").string()}, log_);
    FAIL() << "no error";
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("there is no program"));
    EXPECT_THAT(error.next_step(), HasSubstr("./dev build"));
  }
}

TEST_F(ProcessTest, LongOutputDoesNotBlock) {
  EXPECT_EQ(RunCommand({"/bin/sh", "-c", "head -c 300000 /dev/zero | tr '\\0' x"}, log_).size(), 300000U);
}

TEST_F(ProcessTest, ChildRunsBesideAndEndsWithTheObject) {
  const auto pid_file = dir_ / "pid";
  pid_t pid = 0;
  {
    ChildProcess child({"/bin/sh", "-c",
                        "echo $$ > " + (dir_ / "tmp").string() + "; mv " + (dir_ / "tmp").string() + " " +
                            pid_file.string() + "; exec sleep 100"},
                       log_);
    WaitForFile(pid_file, child, 10);
    std::ifstream(pid_file) >> pid;
    ASSERT_GT(pid, 1);
    EXPECT_FALSE(child.ExitCode().has_value());
    EXPECT_EQ(kill(pid, 0), 0);
  }
  EXPECT_EQ(kill(pid, 0), -1);
}

TEST_F(ProcessTest, ExitCodesAreThoseOfTheShell) {
  EXPECT_EQ(ChildProcess({"/bin/sh", "-c", "exit 7"}, log_).Wait(), 7);
  EXPECT_EQ(ChildProcess({"/bin/sh", "-c", "kill -9 $$"}, log_).Wait(), 137);
}

TEST_F(ProcessTest, WaitingEndsWhenTheChildDies) {
  ChildProcess child({"/bin/sh", "-c", "echo no port left; exit 4"}, log_);
  try {
    WaitForFile(dir_ / "never", child, 30);
    FAIL() << "no error";
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("code 4"));
    EXPECT_THAT(error.what(), HasSubstr("no port left"));
  }
}

}  // namespace
}  // namespace consilium
