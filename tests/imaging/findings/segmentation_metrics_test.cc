// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "imaging/findings/segmentation_metrics.h"

#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <cstdint>
#include <fstream>
#include <limits>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "core/base/error.h"
#include "tests/support/expect_error.h"

namespace consilium {
namespace {

LabelMap Empty(Size3 size, Vec3 spacing = {1, 1, 1}) {
  LabelMap map;
  map.geometry.size = size;
  map.geometry.spacing_mm = spacing;
  map.voxels.resize(static_cast<std::size_t>(size.count()));
  return map;
}

LabelMap With(LabelMap map, std::int64_t i, std::int64_t j, std::int64_t k) {
  map.voxels[static_cast<std::size_t>(map.geometry.Offset(i, j, k))] = 1;
  return map;
}

LabelMap Block(Size3 size, Vec3 spacing, std::array<std::int64_t, 3> low, std::array<std::int64_t, 3> high) {
  LabelMap map = Empty(size, spacing);
  for (std::int64_t k = low[2]; k <= high[2]; ++k)
    for (std::int64_t j = low[1]; j <= high[1]; ++j)
      for (std::int64_t i = low[0]; i <= high[0]; ++i) map = With(std::move(map), i, j, k);
  return map;
}

// numpy.packbits of a [k][j][i] mask, in hexadecimal.
LabelMap Unpack(const nlohmann::json& size, const nlohmann::json& spacing, const std::string& hex) {
  LabelMap map = Empty({size[0], size[1], size[2]}, {spacing[0], spacing[1], spacing[2]});
  for (std::size_t n = 0; n < map.voxels.size(); ++n) {
    const int byte = std::stoi(hex.substr(n / 8 * 2, 2), nullptr, 16);
    map.voxels[n] = static_cast<std::uint8_t>((byte >> (7 - n % 8)) & 1);
  }
  return map;
}

double Number(const nlohmann::json& value) {
  if (!value.is_string()) return value;
  return value == "nan" ? std::numeric_limits<double>::quiet_NaN() : std::numeric_limits<double>::infinity();
}

std::map<std::string, double> ByName(const SegmentationMetrics& m) {
  return {{"dice", m.dice},    {"iou", m.iou},      {"precision", m.precision}, {"recall", m.recall}, {"hd", m.hd_mm},
          {"hd95", m.hd95_mm}, {"assd", m.assd_mm}, {"nsd2", m.nsd_2mm},        {"nsd3", m.nsd_3mm}};
}

nlohmann::json Oracle() {
  std::ifstream in(CONSILIUM_TESTS_DIR "/imaging/oracles/segmentation_metrics.json");
  return nlohmann::json::parse(in);
}

// tools/oracles/segmentation_metrics.py. MONAI ends in float32: 1e-6 is some ten units of its last place.
TEST(SegmentationMetricsTest, EqualMonai) {
  std::map<CaseStatus, int> statuses;
  int compared = 0;
  for (const auto& c : Oracle()) {
    const LabelMap prediction = Unpack(c.at("size"), c.at("spacing"), c.at("prediction"));
    const LabelMap reference = Unpack(c.at("size"), c.at("spacing"), c.at("reference"));
    const SegmentationMetrics got = CompareMasks(prediction, reference, MetricsConvention::kMonai);
    ++statuses[got.status];
    for (const auto& [name, value] : ByName(got)) {
      const double expected = Number(c.at("monai").at(name));
      ++compared;
      if (std::isnan(expected)) {
        EXPECT_TRUE(std::isnan(value)) << name << " " << value << " " << c.dump();
      } else if (std::isinf(expected)) {
        EXPECT_EQ(value, expected) << name << " " << c.dump();
      } else {
        EXPECT_NEAR(value, expected, 1e-6 * std::max(1.0, expected)) << name << " " << c.dump();
      }
    }
  }
  EXPECT_EQ(compared, 520 * 9);
  for (const CaseStatus status :
       {CaseStatus::kOk, CaseStatus::kBothEmpty, CaseStatus::kMissed, CaseStatus::kFalseAlarm})
    EXPECT_GE(statuses[status], 5) << Name(status);
}

// Where MONAI has a number, ours is the same one; where it has none, ours is the worst there can be, or the best.
TEST(SegmentationMetricsTest, OursDifferFromMonaiOnlyWhereAMaskIsEmpty) {
  for (const auto& c : Oracle()) {
    const LabelMap prediction = Unpack(c.at("size"), c.at("spacing"), c.at("prediction"));
    const LabelMap reference = Unpack(c.at("size"), c.at("spacing"), c.at("reference"));
    const SegmentationMetrics ours = CompareMasks(prediction, reference);
    const SegmentationMetrics monai = CompareMasks(prediction, reference, MetricsConvention::kMonai);
    if (ours.status == CaseStatus::kOk) {
      // The percentile's rank is rounded to float in MONAI.
      EXPECT_NEAR(ours.hd95_mm, monai.hd95_mm, 1e-4);
      EXPECT_EQ(ours.hd_mm, monai.hd_mm);
      EXPECT_EQ(ours.dice, monai.dice);
      continue;
    }
    for (const double number : {ours.dice, ours.iou, ours.hd_mm, ours.hd95_mm, ours.assd_mm, ours.nsd_2mm})
      EXPECT_TRUE(std::isfinite(number)) << c.dump();
  }
}

TEST(SegmentationMetricsTest, TwoVoxelsInMillimetres) {
  const LabelMap a = With(Empty({10, 10, 10}, {1, 2, 3}), 1, 1, 1), b = With(Empty({10, 10, 10}, {1, 2, 3}), 4, 3, 1);
  const SegmentationMetrics m = CompareMasks(a, b);
  EXPECT_EQ(m.status, CaseStatus::kOk);
  EXPECT_EQ(m.dice, 0);
  EXPECT_DOUBLE_EQ(m.hd_mm, 5);  // 3 mm and 4 mm
  EXPECT_DOUBLE_EQ(m.hd95_mm, 5);
  EXPECT_DOUBLE_EQ(m.assd_mm, 5);
  EXPECT_EQ(m.nsd_3mm, 0);
  EXPECT_DOUBLE_EQ(m.prediction_ml, 0.006);
}

// A block of 5 x 5 x 5 against the same moved by one voxel of 2 mm along x.
TEST(SegmentationMetricsTest, AMovedBlock) {
  const LabelMap a = Block({12, 9, 9}, {2, 1, 1}, {2, 2, 2}, {6, 6, 6});
  const LabelMap b = Block({12, 9, 9}, {2, 1, 1}, {3, 2, 2}, {7, 6, 6});
  const SegmentationMetrics m = CompareMasks(a, b);
  EXPECT_DOUBLE_EQ(m.dice, 0.8);  // 100 of 125 in common
  EXPECT_DOUBLE_EQ(m.iou, 100.0 / 150);
  EXPECT_DOUBLE_EQ(m.precision, 0.8);
  EXPECT_DOUBLE_EQ(m.recall, 0.8);
  EXPECT_DOUBLE_EQ(m.hd_mm, 2);  // the far face
  EXPECT_DOUBLE_EQ(m.nsd_2mm, 1);
  // Of 98 surface voxels of each: the face that sticks out lies 2 mm away (25). Of the face at the other end, which
  // lies within the other block, the rim is on its surface and the inner 3 x 3 lie 1 mm (4 or more of them, along y or
  // z) to 2 mm deep: 8 of 1 mm, the middle one of 2 mm.
  EXPECT_NEAR(m.assd_mm, (25 * 2 + 8 * 1 + 1 * 2) / 98.0, 1e-12);
  EXPECT_DOUBLE_EQ(m.prediction_ml, 0.25);
  EXPECT_DOUBLE_EQ(m.VolumeError(), 0);
}

TEST(SegmentationMetricsTest, EmptyMasksHaveAStatusAndTheWorstDistance) {
  const LabelMap nothing = Empty({4, 5, 13}, {1, 1, 1}), something = With(nothing, 1, 1, 1);
  const SegmentationMetrics both = CompareMasks(nothing, nothing);
  EXPECT_EQ(both.status, CaseStatus::kBothEmpty);
  EXPECT_EQ(both.dice, 1);
  EXPECT_EQ(both.iou, 1);
  EXPECT_EQ(both.hd95_mm, 0);
  EXPECT_EQ(both.nsd_2mm, 1);
  EXPECT_TRUE(std::isnan(both.precision));
  EXPECT_TRUE(std::isnan(both.recall));
  const SegmentationMetrics missed = CompareMasks(nothing, something);
  EXPECT_EQ(missed.status, CaseStatus::kMissed);
  EXPECT_EQ(missed.dice, 0);
  EXPECT_EQ(missed.recall, 0);
  EXPECT_DOUBLE_EQ(missed.hd95_mm, 13);  // 3, 4 and 12 mm between the outermost centres
  EXPECT_DOUBLE_EQ(missed.assd_mm, 13);
  EXPECT_EQ(missed.nsd_3mm, 0);
  EXPECT_DOUBLE_EQ(missed.VolumeError(), -1);
  const SegmentationMetrics alarm = CompareMasks(something, nothing);
  EXPECT_EQ(alarm.status, CaseStatus::kFalseAlarm);
  EXPECT_EQ(alarm.dice, 0);
  EXPECT_EQ(alarm.precision, 0);
  EXPECT_DOUBLE_EQ(alarm.hd_mm, 13);
  EXPECT_EQ(Name(alarm.status), "false-alarm");
}

TEST(SegmentationMetricsTest, AnyNumberButZeroIsTumour) {
  LabelMap a = With(Empty({3, 3, 3}), 1, 1, 1), b = a;
  b.voxels[13] = 200;
  EXPECT_EQ(CompareMasks(a, b).dice, 1);
  EXPECT_EQ(Dice(a, b), 1);
}

// Large enough for two threads: two balls whose centres lie 7 voxels apart.
TEST(SegmentationMetricsTest, LargeMasksInTwoThreads) {
  LabelMap a = Empty({90, 80, 80}, {1, 1, 1}), b = a;
  for (std::int64_t k = 0; k < 80; ++k)
    for (std::int64_t j = 0; j < 80; ++j)
      for (std::int64_t i = 0; i < 90; ++i) {
        const auto r2 = [&](std::int64_t x) { return (i - x) * (i - x) + (j - 40) * (j - 40) + (k - 40) * (k - 40); };
        const auto n = static_cast<std::size_t>(a.geometry.Offset(i, j, k));
        a.voxels[n] = r2(40) <= 30 * 30;
        b.voxels[n] = r2(47) <= 30 * 30;
      }
  const SegmentationMetrics m = CompareMasks(a, b);
  EXPECT_DOUBLE_EQ(m.hd_mm, 7);
  EXPECT_GT(m.hd95_mm, 6);
  EXPECT_LT(m.hd95_mm, 7);
  EXPECT_EQ(CompareMasks(b, a).assd_mm, m.assd_mm);
}

TEST(SegmentationMetricsTest, OtherGridsAreRefused) {
  constexpr const char* kWords = "two label maps on different grids cannot be compared";
  ExpectError(ErrorCode::kInvalidArgument, kWords, [] { CompareMasks(Empty({3, 3, 3}), Empty({3, 3, 4})); });
  ExpectError(ErrorCode::kInvalidArgument, kWords, [] { Dice(Empty({3, 3, 3}), Empty({3, 3, 3}, {1, 1, 2})); });
}

}  // namespace
}  // namespace consilium
