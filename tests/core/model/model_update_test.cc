// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "core/model/model_update.h"

#include <gtest/gtest.h>

#include <limits>

#include "core/model/safetensors.h"
#include "tests/support/expect_error.h"

namespace consilium {
namespace {

ModelUpdate Update() {
  ModelUpdate update;
  update.id = {RunId("sarcoma-1"), RoundNumber(4), SiteId("north"), 2};
  update.base = DigestOf("base");
  update.metrics = {0.1 + 0.2, 50, 12, {1.0 / 3.0, 2}, 12.5, {"bfloat16", "cuda:1", 8}};
  update.delta = {{{"a", {2}, {0.25f, -1}}}};
  return update;
}

TEST(ModelUpdateTest, RoundTripKeepsEveryBit) {
  const ModelUpdate update = Update();
  const ModelUpdate back = ParseUpdate(SerializeUpdate(update), "u");
  EXPECT_EQ(back.id, update.id);
  EXPECT_EQ(back.base, update.base);
  EXPECT_EQ(back.metrics, update.metrics);
  EXPECT_EQ(back.delta, update.delta);
}

TEST(ModelUpdateTest, TheHeaderAloneSaysAllButTheNumbers) {
  const ModelUpdate update = Update();
  const auto bytes = SerializeUpdate(update);
  const std::size_t data = update.delta.arrays[0].values.size() * sizeof(float);
  const auto header = ParseUpdateHeader(std::span(bytes).first(bytes.size() - data), bytes.size(), "u");
  EXPECT_EQ(header.id, update.id);
  EXPECT_EQ(header.base, update.base);
  EXPECT_EQ(header.metrics, update.metrics);
  EXPECT_EQ(header.layout.data_begin, bytes.size() - data);
}

TEST(ModelUpdateTest, SubmissionHasOneName) { EXPECT_EQ(Update().id.Text(), "sarcoma-1/4/north/2"); }

TEST(ModelUpdateTest, WhatNoHonestSiteCanMeasureIsRefused) {
  const auto refused = [](std::string_view words, auto change) {
    ModelUpdate update = Update();
    change(update);
    ExpectError(ErrorCode::kInvalidArgument, words, [&] { ParseUpdate(SerializeUpdate(update), "update of north"); });
  };
  refused("update of north: `loss` has the wrong type",
          [](ModelUpdate& u) { u.metrics.loss = std::numeric_limits<double>::quiet_NaN(); });
  refused("it comes from no training patient", [](ModelUpdate& u) { u.metrics.samples = 0; });
  refused("the number of steps is negative", [](ModelUpdate& u) { u.metrics.steps = -1; });
  refused("the sum of Dice does not lie between", [](ModelUpdate& u) { u.metrics.validation = {2.5, 2}; });
  refused("the sum of Dice does not lie between", [](ModelUpdate& u) { u.metrics.validation = {-0.1, 2}; });
  refused("the number of validation patients is negative", [](ModelUpdate& u) { u.metrics.validation = {0, -1}; });
  refused("its time is no time", [](ModelUpdate& u) { u.metrics.seconds = -1; });
  const std::string_view machine = "its precision, device or threads are not what a machine has";
  refused(machine, [](ModelUpdate& u) { u.metrics.with.precision = std::string(41, 'f'); });
  refused(machine, [](ModelUpdate& u) { u.metrics.with.device = "cpu\x1b[2J"; });
  refused(machine, [](ModelUpdate& u) { u.metrics.with.threads = -1; });
  refused("`attempt` must be at least 1", [](ModelUpdate& u) { u.id.attempt = 0; });
  refused("`a` holds an infinity", [](ModelUpdate& u) { u.delta.arrays[0].values[0] = 1e38f * 10; });
}

TEST(ModelUpdateTest, AnOlderFileDoesNotSayWhatItTrainedWith) {
  const std::string text = R"({"format":1,"run":"r","round":1,"site":"north","attempt":1,"base":")" +
                           DigestOf("base").Hex() +
                           R"(","loss":0.5,"steps":5,"samples":7,"dice_sum":0.5,"dice_cases":1,"seconds":2})";
  const auto bytes = SerializeParameters({{{"a", {1}, {1}}}}, {{"consilium.update", text}});
  const ModelUpdate update = ParseUpdate(bytes, "u");
  EXPECT_EQ(update.metrics, (TrainMetrics{0.5, 5, 7, {0.5, 1}, 2, {}}));
}

TEST(ModelUpdateTest, AModelIsNoUpdate) {
  const auto bytes = SerializeParameters({{{"a", {1}, {1}}}}, {{"consilium.card", "{}"}});
  ExpectError(ErrorCode::kInvalidArgument, "m holds no update", [&] { ParseUpdate(bytes, "m"); });
}

TEST(ModelUpdateTest, ANewerFormatIsNamed) {
  auto bytes = SerializeParameters({{{"a", {1}, {1}}}}, {{"consilium.update", "{\"format\":9}"}});
  ExpectError(ErrorCode::kInvalidArgument, "u: it has format 9, this program knows 1",
              [&] { ParseUpdate(bytes, "u"); });
}

TEST(MetricsTest, MeansPoolCasesNotSites) {
  const DiceSummary pooled = Merge({0.9, 1}, {1.5, 3});
  EXPECT_DOUBLE_EQ(pooled.Mean(), 0.6);  // the mean of the sites' means would be 0.7
  EXPECT_EQ(DiceSummary{}.Mean(), 0);
  RequireSensible(DiceSummary{3, 3}, "x");
}

}  // namespace
}  // namespace consilium
