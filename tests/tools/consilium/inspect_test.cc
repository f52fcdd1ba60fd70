// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

#include "core/base/file_store.h"
#include "core/model/model_card.h"
#include "core/model/model_update.h"
#include "core/model/safetensors.h"
#include "tests/tools/consilium/front_door.h"

namespace consilium {
namespace {

using ::testing::HasSubstr;
namespace fs = std::filesystem;

class Inspect : public testing::Test {
 protected:
  void SetUp() override { fs::create_directories(dir_); }
  void TearDown() override { fs::remove_all(dir_); }

  std::string Write(const std::string& name, std::span<const std::byte> bytes) const {
    WriteFileDurably(dir_ / name, bytes);
    return (dir_ / name).string();
  }

  static ModelCard Card() {
    ModelCard card;
    card.network.features = {2, 4};
    card.federation = FederationId("tumours");
    card.run = RunId("run-7");
    card.version = ModelVersion(3);
    card.seed = 11;
    card.sites = 3;
    card.samples = 27;
    return card;
  }

  static ModelUpdate Update() {
    ModelUpdate update;
    update.id = {RunId("run-7"), RoundNumber(4), SiteId("north"), 2};
    update.base = DigestOf("the model");
    update.metrics.samples = 9;
    update.metrics.steps = 120;
    update.metrics.loss = -0.5;
    update.metrics.validation = {.sum = 1.5, .cases = 2};
    update.delta.arrays = {{"a.weight", {2, 2}, {3, 0, 0, -4}}, {"a.bias", {1}, {12}}};
    return update;
  }

  fs::path dir_ = fs::path(testing::TempDir()) / ("inspect_test_" + std::to_string(getpid()));
};

TEST_F(Inspect, AModel) {
  const ModelCard card = Card();
  const std::vector<std::byte> bytes = SerializeModel(card, InitialParameters(card.network, card.seed));
  const Ran ran = RunConsilium("inspect " + Write("m.safetensors", bytes));
  EXPECT_EQ(ran.exit_code, 0) << ran.err;
  for (const std::string& words :
       {std::string("m.safetensors: a model"), DigestOf(bytes).Hex(), std::string("all finite"),
        std::string("federation  tumours, run run-7, version 3"), std::string("parent      none"),
        std::string("27 patients of 3 hospitals, seed 11"), std::string("features 2 4"), std::string("4 mm; SUV 1.04"),
        card.prep.digest().Short(), LayoutOf(card.network).front().name, std::string("2 x 2 x 3 x 3 x 3")}) {
    EXPECT_THAT(ran.out, HasSubstr(words));
  }
}

TEST_F(Inspect, AModelAsJson) {
  const ModelCard card = Card();
  const Parameters parameters = InitialParameters(card.network, card.seed);
  const std::vector<std::byte> bytes = SerializeModel(card, parameters);
  const Ran ran = RunConsilium("inspect --json " + Write("m.safetensors", bytes));
  ASSERT_EQ(ran.exit_code, 0) << ran.err;
  const auto json = nlohmann::json::parse(ran.out);
  EXPECT_EQ(json.at("kind"), "model");
  EXPECT_EQ(json.at("digest"), DigestOf(bytes).Hex());
  EXPECT_EQ(json.at("numbers"), parameters.Count());
  EXPECT_NEAR(json.at("norm").get<double>(), parameters.Norm(), 1e-9 * parameters.Norm());
  EXPECT_EQ(json.at("arrays").size(), parameters.arrays.size());
  EXPECT_EQ(json.at("card").at("run"), "run-7");
  EXPECT_EQ(json.at("problem"), "");
}

TEST_F(Inspect, AnUpdate) {
  const std::string file = Write("u.safetensors", SerializeUpdate(Update()));
  const Ran ran = RunConsilium("inspect " + file);
  EXPECT_EQ(ran.exit_code, 0) << ran.err;
  for (const char* words :
       {"an update", "5 numbers in 2 arrays", "norm        13, all finite", "run run-7, round 4, site north, attempt 2",
        "9 patients, 120 steps, loss -0.5000", "Dice 0.7500 over 2 patients", "a.weight", "2 x 2"}) {
    EXPECT_THAT(ran.out, HasSubstr(words));
  }
  EXPECT_THAT(ran.out, HasSubstr(DigestOf("the model").Hex()));
  const auto json = nlohmann::json::parse(RunConsilium("inspect --json " + file).out);
  EXPECT_EQ(json.at("update").at("site"), "north");
  EXPECT_EQ(json.at("arrays").at(0).at("lowest"), -4);
  EXPECT_EQ(json.at("arrays").at(0).at("norm"), 5);
}

TEST_F(Inspect, WhatTheProgramWouldRefuseIsShownAndSaid) {
  ModelUpdate update = Update();
  update.delta.arrays[0].values[1] = std::numeric_limits<float>::quiet_NaN();
  const Ran nan = RunConsilium("inspect " + Write("nan.safetensors", SerializeUpdate(update)));
  EXPECT_EQ(nan.exit_code, 1);
  EXPECT_THAT(nan.out, HasSubstr("1 NOT FINITE"));
  EXPECT_THAT(nan.out, HasSubstr("a.weight (1 not finite)"));
  EXPECT_THAT(nan.err, HasSubstr("error: nan.safetensors"));

  const Ran other = RunConsilium("inspect " + Write("o.safetensors", SerializeModel(Card(), Update().delta)));
  EXPECT_EQ(other.exit_code, 1);
  EXPECT_THAT(other.out, HasSubstr("version 3"));
  EXPECT_THAT(other.err, HasSubstr("is missing"));
}

TEST_F(Inspect, ArraysOfAnotherProgramAreShown) {
  const Ran ran = RunConsilium("inspect " + Write("x.safetensors", SerializeParameters(Update().delta, {})));
  EXPECT_EQ(ran.exit_code, 0) << ran.err;
  EXPECT_THAT(ran.out, HasSubstr("arrays of another program"));
}

TEST_F(Inspect, OtherFilesAreRefusedWithWords) {
  const std::string text = "patient list, not a model at all";
  const Ran ran = RunConsilium("inspect " + Write("t.txt", std::as_bytes(std::span(text))));
  EXPECT_EQ(ran.exit_code, 1);
  EXPECT_THAT(ran.err, HasSubstr("t.txt is neither a model nor an update"));
  EXPECT_THAT(ran.err, HasSubstr("Give a .safetensors file"));
  const Ran gone = RunConsilium("inspect " + (dir_ / "gone").string());
  EXPECT_EQ(gone.exit_code, 1);
  EXPECT_THAT(gone.err, HasSubstr("gone"));
  std::vector<std::byte> cut = SerializeUpdate(Update());
  cut.resize(cut.size() - 3);
  const Ran damaged = RunConsilium("inspect " + Write("cut.safetensors", cut));
  EXPECT_EQ(damaged.exit_code, 1);
  EXPECT_THAT(damaged.err, HasSubstr("cut.safetensors"));
}

}  // namespace
}  // namespace consilium
