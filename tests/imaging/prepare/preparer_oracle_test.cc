// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "imaging/findings/segmentation_metrics.h"
#include "imaging/prepare/preparer.h"
#include "tests/core/oracles.h"
#include "tests/support/expect_error.h"

namespace consilium {
namespace {

Geometry GridOf(const nlohmann::json& j) {
  const auto vec = [](const nlohmann::json& v) { return Vec3{v[0], v[1], v[2]}; };
  return {{j["size"][0], j["size"][1], j["size"][2]},
          vec(j["spacing"]),
          vec(j["origin"]),
          {{vec(j["direction"][0]), vec(j["direction"][1]), vec(j["direction"][2])}}};
}

template <class Stored>
Volume Make(Modality modality, const Geometry& g, float slope_step, Stored stored) {
  Volume v{SeriesKey("x"), modality, g, {}, {}, {}};
  for (std::int64_t k = 0; k < g.size.z; ++k) {
    v.slope.push_back(slope_step == 0.0f ? 1.0f : 0.5f + slope_step * static_cast<float>(k));
    v.intercept.push_back(0.0f);
    for (std::int64_t j = 0; j < g.size.y; ++j) {
      for (std::int64_t i = 0; i < g.size.x; ++i) v.voxels.push_back(static_cast<std::int16_t>(stored(i, j, k)));
    }
  }
  return v;
}

// SimpleITK, tools/oracles/prepare.py.
TEST(PreparerOracle, EqualsSimpleItk) {
  const nlohmann::json oracle = ReadOracleJson("imaging", "prepare.json");
  const Volume pet = Make(Modality::kPet, GridOf(oracle["pet"]), 0.1f,
                          [](auto i, auto j, auto k) { return (7 * i + 13 * j + 29 * k + i * j * k) % 60; });
  const Volume ct = Make(Modality::kCt, GridOf(oracle["ct"]), 0.0f,
                         [](auto i, auto j, auto k) { return (37 * i + 11 * j + 53 * k + i * j * k) % 1500 - 700; });
  PrepPlan plan;
  plan.spacing_mm = oracle["spacing"];
  const Sample sample = Prepare(CaseId("c"), pet, ct, nullptr, plan, Device{});
  EXPECT_EQ(sample.grid.size, (Size3{oracle["size"][0], oracle["size"][1], oracle["size"][2]}));
  EXPECT_NEAR(sample.grid.origin_mm.x, oracle["origin"][0].get<double>(), 1e-9);
  EXPECT_NEAR(sample.grid.origin_mm.z, oracle["origin"][2].get<double>(), 1e-9);
  EXPECT_TRUE(sample.label.empty());
  const auto voxels = static_cast<std::size_t>(sample.grid.size.count());
  ASSERT_EQ(sample.image.size(), 2 * voxels);
  for (std::size_t c = 0; c < 2; ++c) {
    std::size_t different = 0;
    for (std::size_t n = 0; n < voxels; ++n) {
      const double expected = oracle["channels"][c][n];
      different += std::abs(static_cast<double>(sample.image[c * voxels + n]) - expected) > 2e-5;
    }
    EXPECT_EQ(different, 0u) << "channel " << c << " of " << voxels << " voxels";
  }
}

LabelMap Sphere(const Geometry& g, Vec3 centre, double radius) {
  LabelMap map{g, {}};
  for (std::int64_t n = 0; n < g.size.count(); ++n) {
    const Vec3 at = g.IndexToPoint({static_cast<double>(n % g.size.x), static_cast<double>(n / g.size.x % g.size.y),
                                    static_cast<double>(n / g.size.x / g.size.y)});
    map.voxels.push_back(Norm(at - centre) <= radius ? 1 : 0);
  }
  return map;
}

// A contour keeps its volume on the common grid within 4 % (a sphere of 14 mm, 11.5 ml), and its way back within 6 %.
TEST(PreparerOracle, ASphereKeepsItsVolume) {
  const Geometry g{{20, 18, 14}, {2.6, 2.6, 3.3}, {-20, 5, 40}, {{{1, 0, 0}, {0, 1, 0}, {0, 0, 1}}}};
  const LabelMap sphere = Sphere(g, g.IndexToPoint({9.3, 8.8, 6.6}), 14);
  const Volume pet = Make(Modality::kPet, g, 0.0f, [](auto i, auto, auto) { return i; });
  for (const double spacing : {2.0, 3.0, 4.0}) {
    PrepPlan plan;
    plan.spacing_mm = spacing;
    const Sample sample = Prepare(CaseId("c"), pet, pet, &sphere, plan, Device{});
    const double before = static_cast<double>(sphere.CountNonZero()) * g.VoxelVolumeMl();
    const double after =
        static_cast<double>(std::count(sample.label.begin(), sample.label.end(), 1)) * sample.grid.VoxelVolumeMl();
    EXPECT_NEAR(after / before, 1, 0.04) << spacing << " mm";
    ProbabilityMap certain{sample.grid, {sample.label.begin(), sample.label.end()}};
    const LabelMap back = ToGrid(certain, g);
    EXPECT_NEAR(static_cast<double>(back.CountNonZero()) * g.VoxelVolumeMl() / before, 1, 0.06) << spacing << " mm";
    EXPECT_GT(Dice(back, sphere), 0.9) << spacing << " mm";
  }
}

TEST(PreparerOracle, RefusesWhatDoesNotFit) {
  const Geometry g{{4, 4, 4}, {2, 2, 2}, {0, 0, 0}, {{{1, 0, 0}, {0, 1, 0}, {0, 0, 1}}}};
  const Volume pet = Make(Modality::kPet, g, 0.0f, [](auto i, auto, auto) { return i; });
  Volume far = pet, torn = pet;
  far.geometry.origin_mm.x = 500;
  torn.voxels.pop_back();
  const PrepPlan plan;
  const auto prepare = [&](const Volume& p, const Volume& ct, const PrepPlan& with) {
    return [&] { Prepare(CaseId("c"), p, ct, nullptr, with, Device{}); };
  };
  ExpectError(ErrorCode::kInvalidArgument, "the CT and the PET do not overlap", prepare(pet, far, plan));
  ExpectError(ErrorCode::kInvalidArgument, "the PET is not a valid volume", prepare(torn, pet, plan));
  PrepPlan fine = plan;
  fine.spacing_mm = 1e-4;
  ExpectError(ErrorCode::kResourceExhausted, "the common grid would be too large", prepare(pet, pet, fine));
}

}  // namespace
}  // namespace consilium
