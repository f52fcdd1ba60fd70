// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "tools/study/dirichlet.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <set>

#include "core/base/error.h"
#include "tests/tools/study/study_patients.h"

namespace consilium {
namespace {

// Two hospitals of twenty patients with tumours of 1 to 40 voxels.
std::vector<Cohort> Forty() {
  std::vector<Cohort> cohorts{{"east", {}, {}, {}}, {"west", {}, {}, {}}};
  for (int n = 0; n < 40; ++n) {
    StudyPatient patient = test::BoxPatient("p" + std::to_string(100 + n));
    std::fill(patient.reference.voxels.begin(), patient.reference.voxels.end(), 0);
    std::fill(patient.reference.voxels.begin(), patient.reference.voxels.begin() + n + 1, 1);
    Cohort& cohort = cohorts[static_cast<std::size_t>(n % 2)];
    (n < 4 ? cohort.validation : cohort.training).push_back(std::move(patient));
  }
  return cohorts;
}

// Mean over hospitals of the largest share that one kind (quartile of volume) has there: 1/4 where all are alike.
double Skew(const std::vector<Cohort>& cohorts) {
  double sum = 0;
  for (const Cohort& cohort : cohorts) {
    std::array<double, 4> kinds{};
    for (const StudyPatient& patient : cohort.training)
      ++kinds[static_cast<std::size_t>((patient.reference.CountNonZero() - 1) / 10)];
    sum += *std::max_element(kinds.begin(), kinds.end()) / static_cast<double>(cohort.training.size());
  }
  return sum / static_cast<double>(cohorts.size());
}

TEST(Dirichlet, GammaHasItsMeanAndVariance) {
  Random random(1);
  for (const double shape : {0.3, 1.0, 4.5}) {
    double sum = 0, squares = 0;
    constexpr int kDraws = 40000;
    for (int i = 0; i < kDraws; ++i) {
      const double x = GammaDraw(random, shape);
      ASSERT_GE(x, 0);
      sum += x, squares += x * x;
    }
    const double mean = sum / kDraws;
    EXPECT_NEAR(mean, shape, 5 * std::sqrt(shape / kDraws)) << shape;
    EXPECT_NEAR(squares / kDraws - mean * mean, shape, 0.1 * shape) << shape;
  }
}

TEST(Dirichlet, EveryPatientIsDealtOnceAndTheSeedDecides) {
  const auto names = [](const std::vector<Cohort>& cohorts) {
    std::vector<std::set<std::string>> out;
    for (const Cohort& cohort : cohorts) {
      out.emplace_back();
      for (const auto* group : {&cohort.training, &cohort.validation})
        for (const StudyPatient& patient : *group) out.back().insert(patient.name);
    }
    return out;
  };
  const auto one = DealAnew(Forty(), {.alpha = 1, .sites = 3, .seed = 5});
  std::set<std::string> all;
  for (const auto& site : names(one)) all.insert(site.begin(), site.end());
  EXPECT_EQ(all.size(), 40U);
  EXPECT_EQ(one[2].site, "site-3");
  for (const Cohort& cohort : one) {
    EXPECT_GE(cohort.training.size(), 3U);
    ASSERT_EQ(cohort.validation.size(), 1U);
    EXPECT_GT(cohort.validation[0].name, cohort.training.back().name);
  }
  EXPECT_EQ(names(one), names(DealAnew(Forty(), {.alpha = 1, .sites = 3, .seed = 5})));
  EXPECT_NE(names(one), names(DealAnew(Forty(), {.alpha = 1, .sites = 3, .seed = 6})));
}

TEST(Dirichlet, ASmallAlphaMakesHospitalsOfOneKind) {
  double small = 0, large = 0;
  for (std::uint64_t seed = 1; seed <= 10; ++seed) {
    small += Skew(DealAnew(Forty(), {.alpha = 0.2, .sites = 3, .seed = seed})) / 10;
    large += Skew(DealAnew(Forty(), {.alpha = 1000, .sites = 3, .seed = seed})) / 10;
  }
  EXPECT_LT(large, 0.5);
  EXPECT_GT(small, large + 0.1);
}

TEST(Dirichlet, WhatCannotBeDealtIsRefusedInWords) {
  const auto words = [](const DirichletSplit& split) {
    try {
      DealAnew(Forty(), split);
    } catch (const Error& error) {
      return std::string(error.what());
    }
    return std::string("no error");
  };
  EXPECT_EQ(words({.alpha = 1, .sites = 12}), "40 patients cannot be dealt over 12 hospitals so that each has 4");
  EXPECT_THAT(words({.alpha = 0}), testing::HasSubstr("alpha above 0"));
  EXPECT_THAT(words({.sites = 1}), testing::HasSubstr("2 to 1000 hospitals"));
}

}  // namespace
}  // namespace consilium
