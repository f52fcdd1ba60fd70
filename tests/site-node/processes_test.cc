// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
// consilium-site in two processes, run as people run it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <thread>

#include "core/base/file_store.h"
#include "core/model/model_update.h"
#include "imaging/phantom/phantom.h"
#include "tests/site-node/small_samples.h"
#include "tests/support/free_port.h"
#include "tests/support/temporary_folder.h"
#include "tests/tools/consilium/front_door.h"
#include "tools/demo/process.h"

namespace consilium {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

// A site with three patients to train with, and a plan with two patches a step.
class SiteProcesses : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    folder_ = new TemporaryFolder();
    WritePhantoms({.dir = At("images"), .patients = 3, .style = "north", .seed = 11});
    WriteFileDurably(At("roles.csv"), "patient,role\nnorth-001,training\nnorth-002,training\nnorth-003,training\n");
    std::filesystem::create_directories(At("site"));
    WriteFileDurably(At("site/site.toml"), "device = \"cpu\"\nthreads = 1\n");
    ASSERT_EQ(Run("import " + At("images").string() + " --roles roles.csv").exit_code, 0);
    RunPlan plan = SmallPlan();
    plan.prep.spacing_mm = 16;
    plan.train.batch = 2;
    plan.train.gradient_clip = 1;
    WriteFileDurably(At("plan.toml"), ToToml(plan));
    plan.train.batch = 3;
    WriteFileDurably(At("uneven.toml"), ToToml(plan));
    plan.train.batch = 2;
    plan.train.steps = 300;  // some seconds
    WriteFileDurably(At("long.toml"), ToToml(plan));
  }
  static void TearDownTestSuite() { delete folder_; }

  static std::filesystem::path At(const std::string& name) { return *folder_ / name; }

  // As one of two processes, if `rank` is not negative.
  static Ran Run(const std::string& words, int rank = -1, int port = 0) {
    std::string prefix = "cd " + folder_->path().string() + " &&";
    if (rank >= 0) {
      for (const std::string& variable : PlaceOfTwo(rank, port)) prefix += " " + variable;
    }
    return RunConsilium(words + " --dir site < /dev/null", prefix);
  }
  ChildProcess Along(const std::string& site = "site") const {
    std::filesystem::remove(At("along.log"));  // of the test before
    std::vector<std::string> command{"/usr/bin/env"};
    for (std::string& variable : PlaceOfTwo(1, port_)) command.push_back(std::move(variable));
    for (const char* word : {CONSILIUM_PROGRAM, "work-along", "--dir"}) command.emplace_back(word);
    command.push_back(At(site).string());
    return {command, At("along.log")};
  }
  static Parameters Delta(const std::string& file) { return ParseUpdate(ReadFile(At(file)), file).delta; }
  static double Apart(const std::string& one, const std::string& other) {
    const Parameters a = Delta(one), b = Delta(other);
    double largest = 0;
    for (std::size_t i = 0; i < a.arrays.size(); ++i) {
      for (std::size_t v = 0; v < a.arrays[i].values.size(); ++v)
        largest = std::max(largest, std::abs(double{a.arrays[i].values[v]} - double{b.arrays.at(i).values.at(v)}));
    }
    return largest;
  }

  static inline TemporaryFolder* folder_ = nullptr;
  int port_ = FreePort();
};

TEST_F(SiteProcesses, TrainTheUpdateOfOneProcess) {
  ASSERT_EQ(Run("train --plan plan.toml --out alone").exit_code, 0);
  ChildProcess along = Along();
  const Ran together = Run("train --plan plan.toml --out together", 0, port_);
  EXPECT_EQ(together.exit_code, 0) << together.err;
  EXPECT_THAT(together.err, Not(HasSubstr("without the other processes")));
  EXPECT_EQ(along.Wait(), 0);
  EXPECT_THAT(ReadTextFile(At("along.log")),
              AllOf(HasSubstr("Process 1 of 2 works along."), HasSubstr("Took part in 1 trainings.")));
  EXPECT_GT(Delta("alone").Norm(), 1e-3);
  EXPECT_LT(Apart("alone", "together"), 1e-6);
}

TEST_F(SiteProcesses, GoOnAloneWithTheSameUpdateWhenTheOtherDies) {
  ASSERT_EQ(Run("train --plan long.toml --out long-alone").exit_code, 0);
  ChildProcess along = Along();
  std::jthread kills([&](const std::stop_token& stop) {
    while (!stop.stop_requested() && !std::filesystem::exists(At("along.log"))) std::this_thread::yield();
    while (!stop.stop_requested() && ReadTextFile(At("along.log")).find("works along") == std::string::npos)
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    std::this_thread::sleep_for(std::chrono::milliseconds(600));
    along.Stop();
  });
  const Ran led = Run("train --plan long.toml --out long-led", 0, port_);
  kills.join();
  EXPECT_EQ(led.exit_code, 0) << led.err;
  EXPECT_THAT(led.err, AllOf(HasSubstr("training goes on without the other processes"), HasSubstr("process 0 of 2"),
                             HasSubstr("another process has gone")));
  EXPECT_THAT(ReadTextFile(At("along.log")), HasSubstr("Stopped."));
  EXPECT_EQ(Delta("long-alone"), Delta("long-led"));
}

TEST_F(SiteProcesses, GoOnAloneWithABatchThatCannotBeShared) {
  ChildProcess along = Along();
  const Ran led = Run("train --plan uneven.toml --out uneven", 0, port_);
  EXPECT_EQ(led.exit_code, 0) << led.err;
  EXPECT_THAT(led.err, HasSubstr("2 processes cannot share a batch of 3 evenly"));
  EXPECT_EQ(along.Wait(), 1);
  EXPECT_THAT(ReadTextFile(At("along.log")), HasSubstr("2 processes cannot share a batch of 3 evenly"));
}

TEST_F(SiteProcesses, OtherPatientsAreRefusedInWords) {
  std::filesystem::create_directories(At("other"));
  const Ran import = RunConsilium("import images/north-001 --validation 0 --dir other < /dev/null",
                                  "cd " + folder_->path().string() + " &&");
  ASSERT_EQ(import.exit_code, 0) << import.err;
  ChildProcess along = Along("other");
  const Ran led = Run("train --plan plan.toml --out led", 0, port_);
  EXPECT_EQ(led.exit_code, 0) << led.err;
  EXPECT_THAT(led.err, HasSubstr("process 1 of 2 has other patients"));
  EXPECT_EQ(along.Wait(), 1);
  EXPECT_THAT(ReadTextFile(At("along.log")), HasSubstr("process 1 of 2 has other patients"));
}

TEST_F(SiteProcesses, EachRankHasItsCommand) {
  const Ran train = Run("train --plan plan.toml --out x", 1, port_);
  EXPECT_EQ(train.exit_code, 1);
  EXPECT_THAT(train.err, AllOf(HasSubstr("consilium-site train leads the others: it runs with RANK=0 only"),
                               HasSubstr("With RANK=1 start `consilium-site work-along` with the same --dir.")));
  EXPECT_THAT(Run("serve", 1, port_).err, HasSubstr("consilium-site serve leads the others"));
  for (const Ran& along : {Run("work-along"), Run("work-along", 0, port_)}) {
    EXPECT_EQ(along.exit_code, 1);
    EXPECT_THAT(along.err, AllOf(HasSubstr("work-along is for the other processes of a site"),
                                 HasSubstr("with RANK=0 and WORLD_SIZE=2, and this with RANK=1")));
  }
}

}  // namespace
}  // namespace consilium
