// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
// `consilium study` in two processes: the pooled model of one.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "core/base/file_store.h"
#include "core/model/model_card.h"
#include "core/round/run_plan.h"
#include "imaging/phantom/phantom.h"
#include "tests/support/free_port.h"
#include "tests/support/temporary_folder.h"
#include "tests/tools/consilium/front_door.h"
#include "tools/demo/process.h"

namespace consilium {
namespace {

using testing::AllOf;
using testing::HasSubstr;

class StudyInTwo : public testing::Test {
 protected:
  StudyInTwo() {
    for (const char* site : {"north", "coast"}) {
      WritePhantoms({.dir = folder_ / ("data/" + std::string(site)), .patients = 3, .style = site, .seed = 3});
    }
    RunPlan plan;
    plan.name = "two";
    plan.rounds = 2;
    plan.network.features = {4, 8};
    plan.prep.spacing_mm = 12;
    plan.train.steps = 5;
    plan.train.patch = 16;
    plan.train.gradient_clip = 1;
    plan.train.precision = "float32";
    WriteFileDurably(folder_ / "plan.toml", ToToml(plan));
  }
  std::string Words(const std::string& out) const {
    return "study --plan plan.toml --data data --arms pooled --threads 1 --out " + out;
  }
  std::string In(const std::vector<std::string>& variables) const {
    std::string prefix = "cd " + folder_.path().string() + " &&";
    for (const std::string& variable : variables) prefix += " " + variable;
    return prefix;
  }
  Parameters Pooled(const std::string& out) const {
    return ReadModelFile(folder_ / (out + "/models/pooled.safetensors")).parameters;
  }

  TemporaryFolder folder_;
  int port_ = FreePort();
};

TEST_F(StudyInTwo, ThePooledModelIsThatOfOne) {
  const Ran one = RunConsilium(Words("one"), In({}));
  ASSERT_EQ(one.exit_code, 0) << one.err;
  ChildProcess second({"/bin/sh", "-c", In(PlaceOfTwo(1, port_)) + " " CONSILIUM_PROGRAM " " + Words("nothing")},
                      folder_ / "second.log");
  const Ran first = RunConsilium(Words("two"), In(PlaceOfTwo(0, port_)));
  EXPECT_EQ(first.exit_code, 0) << first.err;
  EXPECT_EQ(second.Wait(), 0) << ReadTextFile(folder_ / "second.log");
  EXPECT_FALSE(std::filesystem::exists(folder_ / "nothing")) << "only process 0 writes";
  const Parameters alone = Pooled("one"), together = Pooled("two");
  double largest = 0;
  for (std::size_t i = 0; i < alone.arrays.size(); ++i) {
    for (std::size_t v = 0; v < alone.arrays[i].values.size(); ++v)
      largest =
          std::max(largest, std::abs(double{alone.arrays[i].values[v]} - double{together.arrays.at(i).values.at(v)}));
  }
  EXPECT_LT(largest, 1e-5);
}

TEST_F(StudyInTwo, WhatItCannotDoIsRefused) {
  const Ran arms = RunConsilium("study --plan plan.toml --data data --out out", In(PlaceOfTwo(0, port_)));
  EXPECT_EQ(arms.exit_code, 1);
  EXPECT_THAT(arms.err, AllOf(HasSubstr("a study trains the pooled arm only"), HasSubstr("Give --arms pooled.")));
  const Ran phantoms = RunConsilium("study --plan plan.toml --arms pooled --out out", In(PlaceOfTwo(0, port_)));
  EXPECT_THAT(phantoms.err, HasSubstr("takes patients that are there"));
  const Ran rank = RunConsilium(Words("out"), In({"RANK=5", "WORLD_SIZE=2"}));
  EXPECT_THAT(rank.err, HasSubstr("RANK must be between 0 and WORLD_SIZE - 1 = 1, not 5"));
}

}  // namespace
}  // namespace consilium
