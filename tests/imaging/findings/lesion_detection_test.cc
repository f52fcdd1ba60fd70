// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "imaging/findings/lesion_detection.h"

#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>
#include <vector>

#include "core/base/error.h"
#include "imaging/findings/calibration.h"
#include "tests/support/expect_error.h"

namespace consilium {
namespace {

// 20 x 10 x 6 voxels of 5 mm: 0.125 ml each.
Geometry Grid() {
  Geometry grid;
  grid.size = {20, 10, 6};
  grid.spacing_mm = {5, 5, 5};
  return grid;
}

struct Block {
  std::array<std::int64_t, 3> low, high;
  float value = 1;
};

ProbabilityMap Probabilities(const std::vector<Block>& blocks) {
  ProbabilityMap map{Grid(), std::vector<float>(static_cast<std::size_t>(Grid().size.count()))};
  for (const Block& b : blocks)
    for (std::int64_t k = b.low[2]; k <= b.high[2]; ++k)
      for (std::int64_t j = b.low[1]; j <= b.high[1]; ++j)
        for (std::int64_t i = b.low[0]; i <= b.high[0]; ++i)
          map.tumour[static_cast<std::size_t>(map.grid.Offset(i, j, k))] = b.value;
  return map;
}

LabelMap Mask(const std::vector<Block>& blocks) {
  const ProbabilityMap map = Probabilities(blocks);
  return {map.grid, {map.tumour.begin(), map.tumour.end()}};
}

nlohmann::json Oracle() {
  std::ifstream in(CONSILIUM_TESTS_DIR "/imaging/oracles/detection.json");
  return nlohmann::json::parse(in);
}

TEST(LesionDetectionTest, FoundMissedAndFalse) {
  const LabelMap reference = Mask({{{0, 0, 0}, {2, 2, 2}}, {{6, 0, 0}, {8, 2, 2}}, {{12, 0, 0}, {12, 1, 0}}});
  // Touches the first by a corner voxel; the second is missed; the third (0.25 ml) is hit; one false alarm of 1 ml and
  // a speck of one voxel.
  const LabelMap prediction =
      Mask({{{2, 2, 2}, {4, 4, 4}}, {{12, 1, 0}, {13, 1, 0}}, {{16, 6, 2}, {17, 7, 3}}, {{19, 9, 0}, {19, 9, 0}}});
  const LesionCounts n = CompareLesions(prediction, reference, {.min_volume_ml = 0.2});
  EXPECT_EQ(n.reference, 3);
  EXPECT_EQ(n.found, 2);
  EXPECT_EQ(n.missed(), 1);
  EXPECT_EQ(n.predicted, 3);
  EXPECT_EQ(n.false_alarms, 1);
  EXPECT_DOUBLE_EQ(n.missed_ml, 27 * 0.125);
  EXPECT_DOUBLE_EQ(n.false_alarm_ml, 1);
  EXPECT_DOUBLE_EQ(n.F1(), 4.0 / 6);
  EXPECT_EQ(CompareLesions(prediction, reference, {.min_volume_ml = 0.1}).false_alarms, 2);  // the speck counts now
}

TEST(LesionDetectionTest, AHitMayNeedMoreThanOneVoxel) {
  const LabelMap reference = Mask({{{0, 0, 0}, {3, 3, 3}}});
  const LabelMap half = Mask({{{2, 0, 0}, {5, 3, 3}}});  // 32 voxels in common of 96
  EXPECT_EQ(CompareLesions(half, reference, {.min_iou = 0.3}).found, 1);
  const LesionCounts strict = CompareLesions(half, reference, {.min_iou = 0.34});
  EXPECT_EQ(strict.found, 0);
  EXPECT_EQ(strict.false_alarms, 1);
}

TEST(LesionDetectionTest, OneLesionInTwoPiecesIsFoundOnce) {
  const LabelMap reference = Mask({{{0, 0, 0}, {9, 2, 2}}});
  const LabelMap pieces = Mask({{{0, 0, 0}, {1, 2, 2}}, {{6, 0, 0}, {8, 2, 2}}});
  const LesionCounts n = CompareLesions(pieces, reference);
  EXPECT_EQ(n.found, 1);
  EXPECT_EQ(n.predicted, 2);
  EXPECT_EQ(n.false_alarms, 0);
  EXPECT_EQ(n.F1(), 1);
}

TEST(LesionDetectionTest, NothingToFind) {
  const LabelMap nothing = Mask({});
  EXPECT_EQ(CompareLesions(nothing, nothing).F1(), 1);
  const LesionCounts alarm = CompareLesions(Mask({{{0, 0, 0}, {1, 1, 1}}}), nothing);
  EXPECT_EQ(alarm.F1(), 0);
  EXPECT_EQ(alarm.false_alarm_ml, 1);
  const LesionCounts sum = alarm + CompareLesions(nothing, Mask({{{0, 0, 0}, {1, 1, 1}}}));
  EXPECT_EQ(sum.reference, 1);
  EXPECT_EQ(sum.false_alarms, 1);
  EXPECT_EQ(sum.missed_ml, 1);
}

TEST(LesionDetectionTest, CandidatesCarryTheirHighestProbability) {
  const LabelMap reference = Mask({{{0, 0, 0}, {3, 1, 1}}, {{5, 0, 0}, {6, 1, 1}}});
  // One candidate over both lesions, more of it on the second; one beside; one below the threshold.
  const ProbabilityMap p = Probabilities({{{3, 0, 0}, {7, 1, 1}, 0.5F},
                                          {{4, 1, 1}, {4, 1, 1}, 0.875F},
                                          {{12, 5, 2}, {14, 6, 4}, 0.25F},
                                          {{18, 0, 0}, {19, 3, 3}, 0.05F}});
  const FrocCase got = Detect(p, reference);
  EXPECT_EQ(got.lesions, 2);
  ASSERT_EQ(got.detections.size(), 2U);
  EXPECT_DOUBLE_EQ(got.detections[0].score, 0.875);
  EXPECT_EQ(got.detections[0].lesion, 2);
  EXPECT_DOUBLE_EQ(got.detections[1].score, 0.25);
  EXPECT_EQ(got.detections[1].lesion, 0);
}

// tools/oracles/detection.py.
TEST(LesionDetectionTest, FrocEqualsMonai) {
  const nlohmann::json oracle = Oracle();
  for (const auto& c : oracle.at("froc")) {
    std::vector<FrocCase> cases;
    for (const auto& one : c.at("cases")) {
      FrocCase next;
      next.lesions = one.at("lesions");
      for (const auto& d : one.at("detections")) next.detections.push_back({d[0], d[1]});
      cases.push_back(next);
    }
    const std::vector<FrocPoint> curve = FrocCurve(cases);
    ASSERT_EQ(curve.size(), c.at("sensitivity").size());
    for (std::size_t n = 0; n < curve.size(); ++n) {  // MONAI's runs from the lowest score to the highest
      EXPECT_NEAR(curve[n].sensitivity, c.at("sensitivity")[curve.size() - 1 - n].get<double>(), 1e-12);
      EXPECT_NEAR(curve[n].false_alarms_per_case, c.at("false_alarms")[curve.size() - 1 - n].get<double>(), 1e-12);
    }
    EXPECT_NEAR(FrocScore(curve), c.at("score").get<double>(), 1e-12);
  }
}

TEST(LesionDetectionTest, ALesionHitTwiceCountsOnceInTheCurve) {
  const std::vector<FrocCase> cases = {{{{0.9, 1}, {0.8, 1}, {0.7, 0}, {0.7, 2}}, 2}};
  const std::vector<FrocPoint> curve = FrocCurve(cases);
  ASSERT_EQ(curve.size(), 4U);
  EXPECT_EQ(curve[1].sensitivity, 0.5);
  EXPECT_EQ(curve[2].sensitivity, 0.5);
  EXPECT_EQ(curve[3].sensitivity, 1);
  EXPECT_EQ(curve[3].false_alarms_per_case, 1);
  EXPECT_TRUE(FrocCurve({}).empty());
  EXPECT_TRUE(std::isnan(FrocScore({})));
}

TEST(LesionDetectionTest, OtherGridsAreRefused) {
  LabelMap other = Mask({});
  other.geometry.spacing_mm.z = 4;
  constexpr const char* kWords = "prediction and reference lie on different grids";
  ExpectError(ErrorCode::kInvalidArgument, kWords, [&] { CompareLesions(Mask({}), other); });
  ExpectError(ErrorCode::kInvalidArgument, kWords, [&] { Detect(Probabilities({}), other); });
  ExpectError(ErrorCode::kInvalidArgument, kWords, [&] { Calibrate(Probabilities({}), other); });
}

// tools/oracles/detection.py, by its definition in numpy.
TEST(CalibrationTest, EqualsTheDefinition) {
  const nlohmann::json c = Oracle().at("calibration");
  Geometry grid;
  grid.size = {c.at("size")[0], c.at("size")[1], c.at("size")[2]};
  grid.spacing_mm = {c.at("spacing")[0], c.at("spacing")[1], c.at("spacing")[2]};
  const ProbabilityMap p{grid, c.at("probability").get<std::vector<float>>()};
  const LabelMap truth{grid, c.at("truth").get<std::vector<std::uint8_t>>()};
  const Calibration got = Calibrate(p, truth, c.at("margin"));
  EXPECT_EQ(got.voxels(), c.at("voxels").get<std::int64_t>());
  EXPECT_NEAR(got.Ece(), c.at("ece").get<double>(), 1e-12);
  EXPECT_NEAR(got.Brier(), c.at("brier").get<double>(), 1e-12);
  EXPECT_NEAR(got.LogLoss(), c.at("log_loss").get<double>(), 1e-12);
  const Calibration twice = got + got;
  EXPECT_EQ(twice.voxels(), 2 * got.voxels());
  EXPECT_NEAR(twice.Ece(), got.Ece(), 1e-12);
}

TEST(CalibrationTest, SureAndRightIsZeroSureAndWrongIsTheWorst) {
  const std::vector<Block> blocks = {{{3, 3, 2}, {5, 5, 4}, 1}};
  const Calibration right = Calibrate(Probabilities(blocks), Mask(blocks));
  EXPECT_GT(right.voxels(), 27);
  EXPECT_EQ(right.Ece(), 0);
  EXPECT_EQ(right.Brier(), 0);
  EXPECT_EQ(right.LogLoss(), 0);
  const Calibration wrong = Calibrate(Probabilities({{{3, 3, 2}, {5, 5, 4}, 1}}), Mask({}), 0);
  EXPECT_EQ(wrong.voxels(), 27);
  EXPECT_EQ(wrong.Ece(), 1);
  EXPECT_NEAR(wrong.LogLoss(), -std::log(1e-7), 1e-12);
}

TEST(CalibrationTest, NothingAnywhereHasNoNumber) {
  const Calibration none = Calibrate(Probabilities({}), Mask({}));
  EXPECT_EQ(none.voxels(), 0);
  EXPECT_TRUE(std::isnan(none.Ece()));
  ExpectError(ErrorCode::kInvalidArgument, "a probability is not between 0 and 1", [] {
    Calibrate(Probabilities({{{0, 0, 0}, {0, 0, 0}, 1.5F}}), Mask({}));
  });
}

}  // namespace
}  // namespace consilium
