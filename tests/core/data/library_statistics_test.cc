// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "core/data/library_statistics.h"

#include <gtest/gtest.h>

#include "core/base/random.h"
#include "tests/support/expect_error.h"

namespace consilium {
namespace {

CaseFeatures Case(double pet_mm, std::optional<std::vector<double>> lesions, const std::string& scanner = "Acme One") {
  return {{{Modality::kPet, scanner, pet_mm, 3.27}, {Modality::kCt, scanner, 0.98, 5.0}}, std::move(lesions)};
}

std::vector<std::vector<CaseFeatures>> RandomPatients(std::uint64_t seed, int count) {
  Random random(seed);
  std::vector<std::vector<CaseFeatures>> out;
  for (int p = 0; p < count; ++p) {
    out.emplace_back();
    for (auto c = random.Integer(1, 3); c > 0; --c) {
      std::optional<std::vector<double>> lesions;
      if (random.Integer(0, 3) > 0) {
        lesions.emplace();
        for (auto n = random.Integer(0, 5); n > 0; --n) lesions->push_back(random.Uniform(0.05, 400));
      }
      out.back().push_back(Case(random.Uniform(0.4, 9), lesions, "Acme " + std::to_string(random.Integer(1, 4))));
    }
  }
  return out;
}

LibraryStatistics Of(std::span<const std::vector<CaseFeatures>> patients) {
  LibraryStatistics out;
  for (const auto& patient : patients) out.AddPatient(patient);
  return out;
}

TEST(LibraryStatistics, CountsThingsAndPatientsByHand) {
  LibraryStatistics s;
  // Edges belong to the bin above: 4.0 lies in [4, 5), 10 ml in [10, 30), 0.0999 below 0.1.
  s.AddPatient(std::vector{Case(4.0, {{10.0, 0.0999, 12.0}}), Case(4.9, std::nullopt)});
  s.AddPatient(std::vector{Case(0.3, {std::vector<double>{}}, "B\x01n\xC3\xA9"), Case(9.0, {{2000.0}})});
  s.AddPatient({});
  EXPECT_EQ(s.patients, 2);
  EXPECT_EQ(s.cases, 4);
  EXPECT_EQ(s.labelled, 3);
  EXPECT_EQ(s.lesions, 4);
  EXPECT_EQ(s.modalities, (std::map<std::string, StatisticsBin>{{"PET", {4, 2}}, {"CT", {4, 2}}}));
  EXPECT_EQ(s.scanners.at("PET Acme One"), (StatisticsBin{3, 2}));
  EXPECT_EQ(s.scanners.at("PET B?n??"), (StatisticsBin{1, 1}));
  EXPECT_EQ(s.pet_in_plane.bins[9], (StatisticsBin{2, 1})) << "one patient, two series";
  EXPECT_EQ(s.pet_in_plane.bins[0], (StatisticsBin{1, 1}));
  EXPECT_EQ(s.pet_in_plane.bins[12], (StatisticsBin{1, 1}));
  EXPECT_EQ(s.ct_in_plane.bins[2], (StatisticsBin{4, 2}));
  EXPECT_EQ(s.ct_slices.bins[10], (StatisticsBin{4, 2}));
  EXPECT_EQ(s.lesion_volume.bins[5], (StatisticsBin{2, 1}));
  EXPECT_EQ(s.lesion_volume.bins[0], (StatisticsBin{1, 1}));
  EXPECT_EQ(s.lesion_volume.bins[9], (StatisticsBin{1, 1}));
  EXPECT_EQ(s.case_volume.bins[0], (StatisticsBin{1, 1})) << "no tumour is 0 ml";
  EXPECT_EQ(s.case_volume.bins[5], (StatisticsBin{1, 1})) << "22.1 ml";
}

TEST(LibraryStatistics, OfTwoSitesTogetherAreTheirSum) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    const auto all = RandomPatients(seed, 17);
    const std::span<const std::vector<CaseFeatures>> span(all);
    const std::size_t cut = seed % 17;
    EXPECT_EQ(Merge(Of(span.first(cut)), Of(span.subspan(cut))), Of(span));
    EXPECT_EQ(Merge(Of(span), LibraryStatistics()), Of(span));
  }
}

TEST(LibraryStatistics, WhatLeavesHoldsNoSmallCount) {
  constexpr std::int64_t kLeast = 5;
  for (std::uint64_t seed = 1; seed <= 30; ++seed) {
    const LibraryStatistics own = Of(RandomPatients(seed, 24));
    const LibraryStatistics out = Shareable(own, kLeast);
    for (const NamedHistogram& named : StatisticsHistograms()) {
      const Histogram &before = own.*named.histogram, &after = out.*named.histogram;
      std::int64_t hidden = 0;
      for (std::size_t n = 0; n < after.bins.size(); ++n) {
        EXPECT_TRUE(after.bins[n].patients == 0 || after.bins[n].patients >= kLeast);
        EXPECT_TRUE(after.bins[n] == before.bins[n] || after.bins[n] == StatisticsBin{});
        hidden += before.bins[n].patients - after.bins[n].patients;
      }
      EXPECT_TRUE(hidden == 0 || hidden >= kLeast) << named.name << ": the total would tell the hidden one";
      EXPECT_EQ(after.hidden, hidden > 0);
    }
    for (const auto& [name, bin] : out.scanners) EXPECT_GE(bin.patients, kLeast) << name;
  }
}

TEST(LibraryStatistics, FewPatientsTellNothing) {
  const LibraryStatistics own = Of(RandomPatients(3, 4));
  const LibraryStatistics out = Shareable(own, 5);
  LibraryStatistics nothing;
  nothing.names_hidden = true;
  for (const NamedHistogram& named : StatisticsHistograms()) (nothing.*named.histogram).hidden = true;
  EXPECT_EQ(out, nothing);
  EXPECT_EQ(Shareable(own, 1), own);
  ExpectError(ErrorCode::kInvalidArgument, "at least one patient", [&] { Shareable(own, 0); });
}

TEST(LibraryStatistics, JsonComesBackAndOtherThingsAreRefused) {
  const LibraryStatistics own = Shareable(Of(RandomPatients(9, 40)), 6);
  const std::string json = ToJson(own);
  EXPECT_EQ(StatisticsFromJson(json, "x"), own);
  const auto refused = [&](const std::string& from, const std::string& to, const std::string& words) {
    std::string bad = json;
    const auto at = bad.find(from);
    ASSERT_NE(at, std::string::npos) << from;
    bad.replace(at, from.size(), to);
    ExpectError(ErrorCode::kInvalidArgument, words, [&] { StatisticsFromJson(bad, "x"); });
  };
  refused("\"format\":1", "\"format\":2", "x: it has format 2");
  refused("\"patients\":40", "\"patients\":-40", "x: `patients` is out of bounds");
  refused("\"edges\":[0.5", "\"edges\":[0.6", "other bins than format 1");
  refused("\"bins\":[[", "\"bins\":[[1,1],[", "other bins than format 1");
  refused("\"CT\":[", "\"CT\":[-1,", "a bin is not two counts");
  refused("\"CT\":[", "\"C\\u0007\":[", "a name is not plain");
  refused("\"scanners\"", "\"scanner\"", "`scanners` is missing");
  ExpectError(ErrorCode::kInvalidArgument, "x", [] { StatisticsFromJson("[]", "x"); });
}

}  // namespace
}  // namespace consilium
