// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "tools/study/scores.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "core/base/error.h"
#include "tests/tools/study/study_patients.h"

namespace consilium {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

LabelMap Nothing(const StudyPatient& patient) {
  return {patient.reference.geometry, std::vector<std::uint8_t>(patient.reference.voxels.size())};
}

std::vector<Cohort> TwoHospitals() {
  return {test::BoxCohort("east", {test::BoxPatient("e1"), test::BoxPatient("e2")}),
          test::BoxCohort("we,st", {test::BoxPatient("w\"1")})};
}

std::vector<ModelScores> TwoModels() {
  const std::vector<Cohort> cohorts = TwoHospitals();
  ModelScores right = Score("pooled", cohorts, [](const StudyPatient& p) { return p.reference; });
  right.steps = 12;
  return {Score("nothing", cohorts, Nothing), right};
}

TEST(Scores, EveryPatientOfEveryHospitalIsScored) {
  const std::vector<ModelScores> models = TwoModels();
  EXPECT_THAT(models[1].Dice(), ElementsAre(1, 1, 1));
  EXPECT_THAT(models[0].Dice(), ElementsAre(0, 0, 0));
  EXPECT_EQ(models[0].cases[2].metrics.status, CaseStatus::kMissed);
  EXPECT_EQ(models[1].MeanAt("east"), 1);
  EXPECT_TRUE(std::isnan(models[1].MeanAt("north")));
  EXPECT_THAT(SitesOf(models[0]), ElementsAre("east", "we,st"));
}

TEST(Scores, CsvComesBackWithoutLoss) {
  std::vector<ModelScores> models = TwoModels();
  models[0].cases[1].metrics.dice = 1.0 / 3;
  const std::string csv = CasesCsv(models);
  EXPECT_THAT(csv, HasSubstr("pooled,12,we_st,w_1,ok,1,1,0,0,1,1,4.5,4.5\n"));
  const std::vector<ModelScores> back = ScoresFromCsv(csv, "cases.csv");
  ASSERT_EQ(back.size(), 2U);
  EXPECT_EQ(CasesCsv(back), csv);
  EXPECT_EQ(back[0].cases[1].metrics.dice, 1.0 / 3);
  EXPECT_EQ(back[1].steps, 12);
}

TEST(Scores, WhatIsNoListIsRefused) {
  const auto words = [](const std::string& csv) {
    try {
      ScoresFromCsv(csv, "c.csv");
    } catch (const Error& error) {
      return std::string(error.what());
    }
    return std::string("no error");
  };
  const std::string csv = CasesCsv(TwoModels()), head = csv.substr(0, csv.find('\n') + 1);
  EXPECT_THAT(words("a,b\n"), HasSubstr("c.csv is no list of cases"));
  EXPECT_THAT(words(head + "a,1\n"), HasSubstr("a line has 2 fields, not 13"));
  EXPECT_THAT(words(head + "a,1,s,c,ok,x,1,1,1,1,1,1,1\n"), HasSubstr("`x` is no number"));
  EXPECT_THAT(words(head + "a,1,s,c,fine,1,1,1,1,1,1,1,1\n"), HasSubstr("`fine` is no status"));
}

TEST(Scores, TheSummaryPairsEveryModelWithPooled) {
  const std::string csv = SummaryCsv(TwoModels());
  EXPECT_THAT(csv, HasSubstr("nothing,0,3,3,0,0.0000,0.0000,0.0000,,,,\n"));
  EXPECT_THAT(csv, HasSubstr("nothing,0,3,3,0,0.0000,0.0000,0.0000,pooled,-1.0000,-1.0000,-1.0000\n"));
  EXPECT_THAT(csv, HasSubstr("pooled,12,3,0,0,1.0000,1.0000,1.0000,,,,\n"));
}

TEST(Scores, FoldsAreAddedAndSeedsAreAveraged) {
  std::vector<ModelScores> first = TwoModels(), seed = TwoModels(), fold = TwoModels();
  seed[1].cases[0].metrics.dice = 0.5;
  for (ModelScores& model : fold) {
    model.cases.resize(1);
    model.cases[0].name = "e0";
  }
  const std::vector<std::vector<ModelScores>> studies{first, seed, fold};
  const std::vector<ModelScores> all = PutTogether(studies);
  ASSERT_EQ(all.size(), 2U);
  EXPECT_THAT(all[1].Dice(), ElementsAre(1, 0.75, 1, 1));  // e0, e1, e2, w1
  fold[1].cases[0].name = "e9";
  const std::vector<std::vector<ModelScores>> apart{first, fold};
  EXPECT_THROW(PutTogether(apart), Error);
}

}  // namespace
}  // namespace consilium
