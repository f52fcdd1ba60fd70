// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "core/data/fingerprint.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "core/base/random.h"
#include "tests/support/expect_error.h"

namespace consilium {
namespace {

using Patients = std::vector<std::vector<CaseMeasure>>;

CaseMeasure Case(Vec3 spacing_mm, Size3 size, std::vector<float> suv, std::vector<float> hu) {
  CaseMeasure one;
  one.spacing_mm = spacing_mm;
  one.size = size;
  one.voxels = size.count();
  one.pet_suv = std::move(suv);
  one.ct_hu = std::move(hu);
  return one;
}

Patients RandomPatients(std::uint64_t seed, int count) {
  Random random(seed);
  Patients out;
  for (int p = 0; p < count; ++p) {
    out.emplace_back();
    for (auto c = random.Integer(1, 3); c > 0; --c) {
      const double mm = random.Uniform(3, 5);
      std::vector<float> suv, hu;
      for (auto n = random.Integer(0, 3) * random.Integer(1, 900); n > 0; --n) {
        suv.push_back(static_cast<float>(std::exp(random.Uniform(-1, 3))));
        hu.push_back(static_cast<float>(40 + 60 * random.Normal()));
      }
      out.back().push_back(Case({mm, mm, random.Uniform(2, 6)}, {random.Integer(40, 90), 60, random.Integer(30, 200)},
                                std::move(suv), std::move(hu)));
    }
  }
  return out;
}

Fingerprint Of(std::span<const std::vector<CaseMeasure>> patients) {
  Fingerprint out;
  for (const auto& patient : patients) out.AddPatient(patient);
  return out;
}

std::int64_t Total(const Histogram& histogram) {
  std::int64_t total = 0;
  for (const StatisticsBin& bin : histogram.bins) total += bin.count;
  return total;
}

void ForEachTable(const Fingerprint& of, auto visit) {
  for (const auto* axes : {&of.spacing, &of.size, &of.extent})
    for (const Histogram& axis : *axes) visit(axis);
  visit(of.pet.values);
  visit(of.ct.values);
}

TEST(Fingerprint, CountsAndSumsByHand) {
  Fingerprint f;
  // 2000 values: by rank, every second is taken, 1, 3, ..., 1999 of 0 .. 1999.
  std::vector<float> suv, hu;
  for (int n = 0; n < 2000; ++n) {
    suv.push_back(static_cast<float>((n * 7) % 2000) / 100);
    hu.push_back(static_cast<float>(n % 2 == 0 ? 40 : -60));
  }
  f.AddPatient(std::vector{Case({4, 4, 3}, {50, 50, 100}, suv, hu), Case({4, 4, 3}, {50, 50, 80}, {}, {})});
  f.AddPatient(std::vector{Case({2, 2, 3}, {100, 100, 100}, {2.5f}, {700.4f})});
  f.AddPatient({});
  EXPECT_EQ(f.patients, 2);
  EXPECT_EQ(f.cases, 3);
  EXPECT_EQ(f.voxels, 250'000 + 200'000 + 1'000'000);
  EXPECT_EQ(f.tumour_voxels, 2001);
  EXPECT_EQ(f.spacing[0].bins[BinOf(4, FingerprintSpacingEdgesMm())], (StatisticsBin{2, 1}))
      << "one patient, two cases";
  EXPECT_EQ(f.spacing[2].bins[BinOf(3, FingerprintSpacingEdgesMm())], (StatisticsBin{3, 2}));
  EXPECT_EQ(f.size[2].bins[BinOf(100, FingerprintSizeEdges())], (StatisticsBin{2, 2}));
  EXPECT_EQ(f.extent[0].bins[BinOf(200, FingerprintExtentEdgesMm())], (StatisticsBin{3, 2})) << "50 x 4, 100 x 2 mm";
  EXPECT_EQ(Total(f.pet.values), 2 * kValuesOfCase) << "a case of one voxel counts as one of 2000";
  EXPECT_EQ(f.pet.values.bins[BinOf(2.5, FingerprintSuvEdges())].patients, 2);
  // 0.01 SUV steps: 1 + 3 + ... + 1999 = 10^6, and 1000 times 250.
  EXPECT_EQ(f.pet.sum, 1'000'000 + 250'000);
  EXPECT_EQ(f.pet.squares, 1'333'333'000 + 62'500'000) << "1^2 + 3^2 + ... + 1999^2";
  EXPECT_EQ(f.ct.sum, 500 * 40 - 500 * 60 + 700'000);
  EXPECT_NEAR(Mean(f.pet, kPetStepSuv), 6.25, 1e-12);
  EXPECT_NEAR(StandardDeviation(f.ct, kCtStepHu), std::sqrt((500 * 1600. + 500 * 3600. + 490e6) / 2000 - 345. * 345.),
              1e-9);
}

TEST(Fingerprint, MergeIsASumInAnyOrder) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    const Patients all = RandomPatients(seed, 15);
    const std::span<const std::vector<CaseMeasure>> span(all);
    const Fingerprint a = Of(span.first(4)), b = Of(span.subspan(4, seed % 8)), c = Of(span.subspan(4 + seed % 8));
    EXPECT_EQ(Merge(Merge(a, b), c), Of(span));
    EXPECT_EQ(Merge(a, Merge(b, c)), Of(span));
    EXPECT_EQ(Merge(c, Merge(b, a)), Of(span));
    EXPECT_EQ(ToJson(Merge(b, Merge(c, a))), ToJson(Of(span)));
    EXPECT_EQ(Merge(a, Fingerprint()), a);
    const Fingerprint shared = Merge(Shareable(a, 3), Shareable(c, 3));
    EXPECT_EQ(shared, Merge(Shareable(c, 3), Shareable(a, 3)));
  }
}

TEST(Fingerprint, WhatLeavesHoldsNoSmallBin) {
  constexpr std::int64_t kLeast = 4;
  int pooled = 0;
  for (std::uint64_t seed = 1; seed <= 30; ++seed) {
    const Fingerprint own = Of(RandomPatients(seed, 12)), out = Shareable(own, kLeast);
    ForEachTable(out, [&](const Histogram& table) {
      for (const StatisticsBin& bin : table.bins)
        EXPECT_TRUE(bin.count == 0 ? bin.patients == 0 : bin.patients >= kLeast);
      pooled += table.hidden;
    });
    for (std::size_t d = 0; d < 3; ++d) EXPECT_EQ(Total(out.spacing[d]), own.cases) << "no case is lost";
    EXPECT_EQ(Total(out.ct.values), Total(own.ct.values));
    EXPECT_EQ(out.ct.sum, own.ct.sum);
    EXPECT_EQ(Shareable(own, 1), own);
    // Things move to a neighbour, or into the median's bin: the middle stays about where it is.
    const auto edges = FingerprintHuEdges();
    EXPECT_NEAR(ValuePercentile(out.ct.values, edges, 50), ValuePercentile(own.ct.values, edges, 50), 8);
  }
  EXPECT_GT(pooled, 30);
}

TEST(Fingerprint, SmallBinsGoToTheNearestLargeOneOrToTheMedian) {
  Fingerprint f;
  const auto add = [&](double mm) { f.AddPatient(std::vector{Case({mm, 4, mm}, {9, 9, 9}, {}, {})}); };
  for (const double mm : {1.0, 2.0, 2.0, 2.0, 2.1, 5.0, 5.0, 5.0}) add(mm);
  const auto edges = FingerprintSpacingEdgesMm();
  const Fingerprint out = Shareable(f, 3);
  EXPECT_EQ(out.spacing[0].bins[BinOf(2.0, edges)], (StatisticsBin{5, 3}));
  EXPECT_EQ(out.spacing[0].bins[BinOf(5.0, edges)], (StatisticsBin{3, 3}));
  EXPECT_TRUE(out.spacing[0].hidden);
  EXPECT_FALSE(out.spacing[1].hidden);
  const Fingerprint few = Shareable(f, 4);
  EXPECT_EQ(few.spacing[0].bins[BinOf(2.0, edges)], (StatisticsBin{8, 8}))
      << "none has four patients: all with the median";
  ExpectError(ErrorCode::kFailedPrecondition, "a fingerprint of 8 patients does not leave: it takes 9",
              [&] { Shareable(f, 9); });
  ExpectError(ErrorCode::kInvalidArgument, "at least one patient", [&] { Shareable(f, 0); });
}

TEST(Fingerprint, IntensitiesOfFewPatientsDoNotLeave) {
  Fingerprint f;
  f.AddPatient(std::vector{Case({4, 4, 4}, {9, 9, 9}, {3, 4}, {20, 30})});
  for (int n = 0; n < 3; ++n) f.AddPatient(std::vector{Case({4, 4, 4}, {9, 9, 9}, {}, {})});
  const Fingerprint out = Shareable(f, 2);
  EXPECT_EQ(Total(out.pet.values) + Total(out.ct.values), 0);
  EXPECT_EQ(out.pet.sum, 0);
  EXPECT_EQ(out.ct.squares, 0);
  EXPECT_EQ(out.tumour_voxels, 0);
  EXPECT_TRUE(out.pet.values.hidden);
  EXPECT_EQ(out.cases, 4);
  EXPECT_EQ(FingerprintFromJson(ToJson(out), "x"), out);
}

TEST(Fingerprint, PercentilesAreNumpysOfTheBinCentres) {
  const auto edges = FingerprintSpacingEdgesMm();
  Histogram h;
  h.bins.resize(edges.size() + 1);
  EXPECT_TRUE(std::isnan(CasePercentile(h, edges, 50)));
  h.bins[10] = {1, 1};
  h.bins[20] = {2, 2};
  h.bins[40] = {1, 1};
  const auto centre = [&](std::size_t n) { return std::sqrt(edges[n - 1] * edges[n]); };
  EXPECT_NEAR(CasePercentile(h, edges, 50), centre(20), 1e-12);
  EXPECT_NEAR(CasePercentile(h, edges, 10), centre(10) + 0.3 * (centre(20) - centre(10)), 1e-12);
  EXPECT_NEAR(CasePercentile(h, edges, 100), centre(40), 1e-12);
  for (const double mm : {0.7, 1.95, 4.07, 12.5}) {
    Histogram one;
    one.bins.resize(edges.size() + 1);
    one.bins[BinOf(mm, edges)] = {1, 1};
    EXPECT_NEAR(CasePercentile(one, edges, 50) / mm, 1, 0.0201) << "a value is known to 2 %";
  }
}

TEST(Fingerprint, PercentilesOfValuesLieWithinABinOfTheExactOnes) {
  const Patients all = RandomPatients(7, 40);
  const Fingerprint f = Of(all);
  std::vector<double> hu;
  for (const auto& patient : all) {
    for (const CaseMeasure& one : patient) {
      std::vector<float> values = one.ct_hu;
      std::sort(values.begin(), values.end());
      for (std::size_t n = 0; n < 1000 && !values.empty(); ++n)
        hu.push_back(static_cast<double>(values[(2 * n + 1) * values.size() / 2000]));
    }
  }
  std::sort(hu.begin(), hu.end());
  double mean = 0;
  for (const double v : hu) mean += v / static_cast<double>(hu.size());
  for (const double p : {0.5, 50.0, 99.5}) {
    const double exact = hu[static_cast<std::size_t>(p / 100 * static_cast<double>(hu.size() - 1))];
    EXPECT_NEAR(ValuePercentile(f.ct.values, FingerprintHuEdges(), p), exact, 8) << p;
  }
  EXPECT_NEAR(Mean(f.ct, kCtStepHu), mean, 0.02);
  EXPECT_TRUE(std::isnan(ValuePercentile(Fingerprint().ct.values, FingerprintHuEdges(), 50)));
}

TEST(Fingerprint, WhatIsNoCaseIsRefused) {
  Fingerprint f;
  const auto refused = [&](const std::string& words, const CaseMeasure& one) {
    ExpectError(ErrorCode::kInvalidArgument, words, [&] { Fingerprint().AddPatient(std::vector{one}); });
  };
  refused("measured at the same voxels", Case({4, 4, 4}, {9, 9, 9}, {1, 2}, {1}));
  refused("more voxels in tumours", Case({4, 4, 4}, {1, 1, 1}, {1, 2}, {1, 2}));
  refused("more than 0 mm", Case({4, 0, 4}, {9, 9, 9}, {}, {}));
  refused("a value that is no number", Case({4, 4, 4}, {9, 9, 9}, {NAN}, {1}));
  Fingerprint many;
  many.cases = 600'000;
  ExpectError(ErrorCode::kInvalidArgument, "at most a million cases", [&] { Merge(many, many); });
}

TEST(Fingerprint, JsonComesBackAndOtherThingsAreRefused) {
  const Fingerprint own = Shareable(Of(RandomPatients(9, 20)), 3);
  const std::string json = ToJson(own);
  EXPECT_EQ(FingerprintFromJson(json, "x"), own);
  EXPECT_EQ(ToJson(FingerprintFromJson(json, "x")), json) << "canonical";
  EXPECT_EQ(FingerprintFromJson(ToJson(Fingerprint()), "x"), Fingerprint());
  EXPECT_LT(json.size(), 20'000u);
  const auto refused = [&](const std::string& from, const std::string& to, const std::string& words) {
    std::string bad = json;
    const auto at = bad.find(from);
    ASSERT_NE(at, std::string::npos) << from;
    bad.replace(at, from.size(), to);
    ExpectError(ErrorCode::kInvalidArgument, words, [&] { FingerprintFromJson(bad, "x"); });
  };
  const std::string cases = std::to_string(own.cases);
  refused("\"format\":1", "\"format\":2", "x: it has format 2");
  refused("\"format\":1", "\"format\":1,\"names\":[]", "x: unknown field `names`");
  refused("\"patients\":20", "\"patients\":-20", "x: `patients` is out of bounds");
  refused("\"patients\":20", "\"patients\":2", "a bin has more patients than there are");
  refused("\"cases\":" + cases, "\"cases\":2000000", "x: `cases` is out of bounds");
  refused("\"cases\":" + cases, "\"cases\":" + std::to_string(own.cases + 1), "does not count every case");
  refused("\"voxels\":", "\"voxels\":999999", "x: `voxels` is out of bounds");
  refused("\"tumour_voxels\":", "\"tumour_voxels\":999999", "x: `tumour_voxels` is out of bounds");
  refused("\"bins\":[[", "\"bins\":[[99999,4,4],[", "`spacing`: it has other bins than format 1");
  refused("\"bins\":[[", "\"bins\":[[110,4,4],[", "`spacing`: it has other bins than format 1");
  refused("\"bins\":[[", "\"bins\":[[0,4.5,4],[", "`spacing`: a bin is not its number, things and patients");
  refused("\"bins\":[[", "\"bins\":[[0,-4,4],[", "`spacing`: a bin is not its number, things and patients");
  refused("\"bins\":[[", "\"bins\":[[0,3,4],[", "a bin has more patients than there are");
  refused("\"bins\":[[", "\"bins\":[[0,1000000000000,4],[", "it counts more than there is");
  refused("\"pet\":", "\"pat\":", "x: unknown field `pat`");
  refused("\"sum\":", "\"sum\":99", "`pet`: no values have these sums");
  refused("\"squares\":", "\"squares\":-", "`pet`: no values have these sums");
  ExpectError(ErrorCode::kInvalidArgument, "x", [] { FingerprintFromJson("[]", "x"); });
}

}  // namespace
}  // namespace consilium
