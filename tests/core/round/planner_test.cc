// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "core/round/planner.h"

#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>
#include <set>

#include "core/base/random.h"
#include "core/model/model_card.h"
#include "core/round/plan_card.h"
#include "tests/support/expect_error.h"

namespace consilium {
namespace {

RunPlan Base() {
  RunPlan plan;
  plan.name = "sarcoma";
  plan.rounds = 77;
  plan.network.blocks_per_stage = {};
  return plan;
}

// Patients of one kind of scanner, with a tumour of these SUV and HU (evenly spread).
Fingerprint Hospital(int patients, Vec3 spacing_mm, Size3 size, double suv, double hu) {
  Fingerprint out;
  for (int p = 0; p < patients; ++p) {
    CaseMeasure one;
    one.spacing_mm = spacing_mm;
    one.size = size;
    one.voxels = size.count();
    for (int n = 0; n < 1000; ++n) {
      one.pet_suv.push_back(static_cast<float>(suv * (0.5 + n / 1000.0)));
      one.ct_hu.push_back(static_cast<float>(hu - 100 + n / 5.0));
    }
    out.AddPatient(std::vector{one});
  }
  return out;
}

TEST(Planner, OnePlanForAllHospitals) {
  const Fingerprint all = Merge(Hospital(10, {4.07, 4.07, 3}, {168, 168, 200}, 8, 50),
                                Hospital(4, {5.47, 5.47, 3.27}, {128, 128, 180}, 4, 30));
  const PlannedRun planned = PlanRun(all, Base());
  const RunPlan& plan = planned.plan;
  EXPECT_NEAR(plan.prep.spacing_mm, std::cbrt(4.07 * 4.07 * 3), 0.02 * plan.prep.spacing_mm) << "the median case's";
  EXPECT_NEAR(planned.median_shape[1] * plan.prep.spacing_mm, 168 * 4.07, 0.03 * 168 * 4.07);
  EXPECT_NEAR(planned.median_shape[0] * plan.prep.spacing_mm, 600, 20);
  EXPECT_EQ(plan.network.features.front(), 32);
  EXPECT_EQ(plan.network.features.back(), 320);
  EXPECT_EQ(plan.train.patch, 128) << "as nnU-Net's default of 8 GB";
  EXPECT_EQ(plan.train.batch, 2);
  // 10 of 14 cases have SUV 4..12 and HU -50..150, 4 have SUV 2..6 and HU -70..130; 0.5 % of all is 1.75 % of those.
  EXPECT_NEAR(plan.prep.pet_low, 2 + 0.0175 * 4, 0.05 * 2);
  EXPECT_NEAR(plan.prep.pet_high, 12 - 0.007 * 8, 0.04 * 12);
  EXPECT_NEAR(plan.prep.pet_mean, (10 * 8 + 4 * 4) / 14.0, 0.02);
  EXPECT_NEAR(plan.prep.ct_low, -66.5, 8);
  EXPECT_NEAR(plan.prep.ct_high, 148.6, 8);
  EXPECT_NEAR(plan.prep.ct_mean, (10 * 50 + 4 * 30) / 14.0, 0.5);
  EXPECT_NEAR(plan.prep.ct_sd, std::sqrt(200 * 200 / 12.0 + 20 * 20 * (10 / 14.0) * (4 / 14.0)), 0.5);
  EXPECT_EQ(plan.rounds, 77) << "of the base plan";
  EXPECT_EQ(plan.prep.ct_outside, -1024);
  EXPECT_EQ(ParseRunPlan(ToToml(plan), "p"), plan) << "the plan reader takes it";
  EXPECT_EQ(ToToml(plan).find("00000"), std::string::npos) << "rounded numbers, for people";
  const std::string words = Words(planned, all);
  EXPECT_NE(words.find("planned from 14 patients, 14 cases"), std::string::npos) << words;
  EXPECT_NE(words.find("patch 128, batch 2"), std::string::npos) << words;
}

TEST(Planner, ClipsAtTheHalfPercentiles) {
  CaseMeasure one;
  one.spacing_mm = {4, 4, 4};
  one.size = {100, 100, 100};
  one.voxels = 1'000'000;
  const auto add = [&](int count, float suv, float hu) {
    one.pet_suv.insert(one.pet_suv.end(), static_cast<std::size_t>(count), suv);
    one.ct_hu.insert(one.ct_hu.end(), static_cast<std::size_t>(count), hu);
  };
  add(3, 0.1f, -900);  // beyond, on both sides
  add(7, 0.5f, -300);
  add(980, 5, 50);
  add(7, 40, 600);
  add(3, 90, 2000);
  Fingerprint all;
  for (int n = 0; n < 3; ++n) all.AddPatient(std::vector{one});
  const PrepPlan prep = PlanRun(all, Base()).plan.prep;
  EXPECT_NEAR(prep.pet_low, 0.5, 0.04 * 0.5);
  EXPECT_NEAR(prep.pet_high, 40, 0.04 * 40);
  EXPECT_NEAR(prep.ct_low, -300, 8);
  EXPECT_NEAR(prep.ct_high, 600, 8);
}

// What the oracle judges (PlanNetwork of a cube) is what the plan holds.
TEST(Planner, PatchBatchAndFeaturesAreThoseOfACube) {
  std::set<std::int64_t> batches, patches;
  for (const std::int64_t edge : {48, 100, 210}) {
    const Fingerprint all = Hospital(100, {4, 4, 4}, {edge, edge, edge}, 8, 50);
    for (const double memory_gb : {0.5, 1.0, 1.5, 2.0, 3.0, 5.0, 8.0, 12.0}) {
      PlannerOptions options;
      options.memory_gb = memory_gb;
      const PlannedRun planned = PlanRun(all, Base(), options);
      NetworkWish wish;
      wish.cube = true;
      wish.memory_gb = memory_gb;
      const double mm = planned.plan.prep.spacing_mm, shape = planned.median_shape[0];
      wish.spacing_mm = {mm, mm, mm};
      wish.median_shape = planned.median_shape;
      wish.dataset_voxels = 100 * shape * shape * shape;
      const PlannedNetwork network = PlanNetwork(wish);
      EXPECT_EQ(planned.plan.train.patch, network.topology.patch[1]);
      EXPECT_EQ(planned.plan.train.batch, network.batch);
      EXPECT_EQ(planned.plan.network.features, network.features);
      batches.insert(planned.plan.train.batch);
      patches.insert(planned.plan.train.patch);
    }
  }
  EXPECT_GE(batches.size(), 3u);
  EXPECT_GE(patches.size(), 5u);
}

TEST(Planner, OptionsAndBasePlanCount) {
  const Fingerprint all = Hospital(10, {4.07, 4.07, 3}, {168, 168, 200}, 8, 50);
  PlannerOptions small;
  small.memory_gb = 1;
  small.first_features = 8;
  small.spacing_mm = 6;
  small.public_intensities = true;
  const RunPlan plan = PlanRun(all, Base(), small).plan;
  EXPECT_EQ(plan.prep.spacing_mm, 6);
  EXPECT_EQ(plan.network.features.front(), 8);
  EXPECT_EQ(plan.prep.pet_mean, PrepPlan{}.pet_mean);
  EXPECT_EQ(plan.prep.ct_high, PrepPlan{}.ct_high);
  RunPlan residual = Base();
  residual.network.architecture = "res_enc_unet";
  residual.network.blocks_per_stage = {1, 1, 1, 1};
  const RunPlan deep = PlanRun(all, residual).plan;
  EXPECT_EQ(deep.network.convs_per_stage, 1);
  EXPECT_TRUE(deep.network.blocks_per_stage.empty()) << "preset M's";
  residual.network.architecture = "seg_res_net";
  ExpectError(ErrorCode::kInvalidArgument, "no planner for the network `seg_res_net`", [&] { PlanRun(all, residual); });
}

TEST(Planner, WithoutIntensitiesThePublicConstantsStay) {
  Fingerprint all = Hospital(5, {4, 4, 4}, {100, 100, 100}, 8, 50);
  all.pet = Fingerprint().pet;
  const RunPlan plan = PlanRun(all, Base()).plan;
  EXPECT_EQ(plan.prep.pet_high, PrepPlan{}.pet_high);
  EXPECT_NE(plan.prep.ct_high, PrepPlan{}.ct_high);
}

TEST(Planner, WhatCannotBePlannedIsRefused) {
  ExpectError(ErrorCode::kInvalidArgument, "the fingerprint is of no case", [] { PlanRun(Fingerprint(), Base()); });
  PlannerOptions coarse;
  coarse.spacing_mm = 10;
  ExpectError(ErrorCode::kInvalidArgument, "too small for a network", [&] {
    PlanRun(Hospital(5, {4, 4, 4}, {11, 11, 11}, 8, 50), Base(), coarse);
  });
  coarse.spacing_mm = 50;
  ExpectError(ErrorCode::kInvalidArgument, "prep.spacing_mm", [&] {
    PlanRun(Hospital(5, {4, 4, 4}, {300, 300, 300}, 8, 50), Base(), coarse);
  });
}

// nnU-Net's plan_experiment on the same data sets. Where every value lies at the centre of its bin, the fingerprint
// loses nothing; anywhere else it knows each value to 2 %.
TEST(Planner, TargetSpacingAndMedianShapeAreNnUnets) {
  const auto oracle = nlohmann::json::parse(std::ifstream(CONSILIUM_TESTS_DIR "/core/oracles/planner.json"));
  int exact = 0;
  for (const auto& set : oracle.at("data_sets")) {
    Fingerprint all;
    const auto spacings = set.at("spacings").get<std::vector<Axes>>(),
               shapes = set.at("shapes").get<std::vector<Axes>>();
    for (std::size_t n = 0; n < spacings.size(); ++n) {
      for (std::size_t d = 0; d < 3; ++d) {
        const auto count = [&](Histogram& in, std::span<const double> edges, double value) {
          in.bins[BinOf(value, edges)].count += 1;
        };
        count(all.spacing[2 - d], FingerprintSpacingEdgesMm(), spacings[n][d]);
        count(all.size[2 - d], FingerprintSizeEdges(), shapes[n][d]);
        count(all.extent[2 - d], FingerprintExtentEdgesMm(), spacings[n][d] * shapes[n][d]);
      }
      ++all.cases;
      ++all.patients;
    }
    const bool here = set.at("exact").get<bool>();
    exact += here;
    const PlannedRun planned = PlanRun(all, Base());
    Axes target = set.at("target").get<Axes>(), median = set.at("median_shape").get<Axes>();
    const double cube = std::cbrt(target[0] * target[1] * target[2]);
    Axes ours = planned.target_spacing_mm;
    std::sort(ours.begin(), ours.end());
    std::sort(target.begin(), target.end());
    for (std::size_t d = 0; d < 3; ++d) EXPECT_NEAR(ours[d] / target[d], 1, here ? 1e-9 : 0.03) << set.at("target");
    EXPECT_NEAR(planned.plan.prep.spacing_mm / cube, 1, here ? 0.005 : 0.03) << "to 0.01 mm";
    const Axes shape = planned.unequal_median_shape;
    double voxels = 1, theirs = 1;
    for (std::size_t d = 0; d < 3; ++d) voxels *= shape[d], theirs *= median[d];
    EXPECT_NEAR(voxels / theirs, 1, here ? 1e-9 : 0.15) << set.at("median_shape");
  }
  EXPECT_EQ(exact, 20);
}

TEST(Planner, AnotherPreparationIsAnotherModel) {
  const RunPlan plan = PlanRun(Hospital(10, {4, 4, 4}, {100, 100, 100}, 8, 50), Base()).plan;
  const Parameters parameters = InitialParameters({.features = {2, 4}}, 1);
  const auto digest = [&](const RunPlan& of) {
    ModelCard card = CardOf(of);
    card.network.features = {2, 4};  // small; the plan's network is not what is asked here
    return DigestOf(std::span<const std::byte>(SerializeModel(card, parameters)));
  };
  EXPECT_EQ(digest(plan), digest(PlanRun(Hospital(10, {4, 4, 4}, {100, 100, 100}, 8, 50), Base()).plan));
  for (double PrepPlan::*field : {&PrepPlan::spacing_mm, &PrepPlan::pet_low, &PrepPlan::pet_high, &PrepPlan::pet_mean,
                                  &PrepPlan::pet_sd, &PrepPlan::ct_low, &PrepPlan::ct_high, &PrepPlan::ct_mean,
                                  &PrepPlan::ct_sd, &PrepPlan::ct_outside, &PrepPlan::pet_outside}) {
    RunPlan other = plan;
    other.prep.*field += 0.25;
    EXPECT_NE(digest(other), digest(plan));
    EXPECT_NE(other.prep.digest(), plan.prep.digest()) << "samples are prepared anew";
    EXPECT_NE(DigestOf(other), DigestOf(plan));
  }
  RunPlan tiles = plan;
  tiles.train.patch *= 2;
  EXPECT_NE(digest(tiles), digest(plan));
}

}  // namespace
}  // namespace consilium
