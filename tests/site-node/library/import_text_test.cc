// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "site-node/library/import_text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace consilium {
namespace {

using testing::ElementsAre;
using testing::Pair;

StudyRecord Used() {
  StudyRecord study;
  study.used = true;
  return study;
}

StudyRecord Bad(QuarantineReason reason, const std::string& words, const std::string& place = "/archive/x") {
  StudyRecord study;
  study.fault = {reason, words};
  study.findings = {{FindingKind::kRejected, place, study.fault}};
  return study;
}

constexpr char kNoDose[] = "PET without injected dose: SUV cannot be computed";

TEST(ImportText, NumbersHaveCommas) {
  EXPECT_EQ(Thousands(0), "0");
  EXPECT_EQ(Thousands(999), "999");
  EXPECT_EQ(Thousands(1910), "1,910");
  EXPECT_EQ(Thousands(1234567), "1,234,567");
  EXPECT_EQ(Thousands(-1000), "-1,000");
}

TEST(ImportText, OneThingIsNoMany) {
  EXPECT_EQ(Counted(1, "case"), "1 case");
  EXPECT_EQ(Counted(0, "case"), "0 cases");
  EXPECT_EQ(Counted(1910, "study"), "1,910 studies");
}

TEST(ImportText, ProgressSaysRateAndTimeLeft) {
  EXPECT_EQ(ProgressText({kLookingAtFiles, 12000, 50000, 0, 0}, 4),
            "12,000 of 50,000 files, 3,000 a second, 13 s left");
  EXPECT_EQ(ProgressText({kReadingStudies, 10, 400, 9, 1}, 20),
            "10 of 400 studies, used 9, quarantined 1, 0.5 a second, 13 min left");
  EXPECT_EQ(ProgressText({kReadingStudies, 10, 40000, 10, 0}, 20),
            "10 of 40,000 studies, used 10, quarantined 0, 0.5 a second, 22.2 h left");
  EXPECT_EQ(ProgressText({kLookingAtFiles, 5, 10, 0, 0}, 0.2), "5 of 10 files") << "too early for a rate";
  EXPECT_EQ(ProgressText({kLookingAtFiles, 10, 10, 0, 0}, 9), "10 of 10 files") << "nothing is left";
}

TEST(ImportText, TheBarGoesOverBothPhases) {
  EXPECT_DOUBLE_EQ(ProgressFraction({kLookingAtFiles, 0, 0, 0, 0}), 0);
  EXPECT_DOUBLE_EQ(ProgressFraction({kLookingAtFiles, 10, 10, 0, 0}), 0.3);
  EXPECT_DOUBLE_EQ(ProgressFraction({kReadingStudies, 5, 10, 0, 0}), 0.65);
  EXPECT_DOUBLE_EQ(ProgressFraction({kReadingStudies, 10, 10, 0, 0}), 1);
}

TEST(ImportText, WordsThatSeveralShareAreOneLineAndTheOthersOfAReasonAnother) {
  const std::vector<StudyRecord> studies = {
      Used(),
      Bad(QuarantineReason::kNoSuv, kNoDose),
      Bad(QuarantineReason::kNoSuv, kNoDose),
      Bad(QuarantineReason::kMissingSlices, "missing slices (largest gap 9.8 mm)"),
      Bad(QuarantineReason::kMissingSlices, "missing slices (largest gap 6 mm)"),
      Bad(QuarantineReason::kMissingSlices, "missing slices (largest gap 5 mm)"),
      Bad(QuarantineReason::kNotReadable, "not readable: nesting deeper than 64")};
  EXPECT_THAT(GroupedReasons(studies), ElementsAre(Pair(3, "missing slices"), Pair(2, kNoDose),
                                                   Pair(1, "not readable: nesting deeper than 64")));
}

TEST(ImportText, TheSummaryCountsStudiesReasonsAndCasesWithoutALabel) {
  ImportReport report;
  report.added = 2;
  report.known = 1;
  report.studies = {Used(), Used(), Used(), Bad(QuarantineReason::kNoSuv, kNoDose)};
  report.no_label = {{"no contour (RTSTRUCT) of this patient", 1}};
  EXPECT_EQ(SummaryText(report),
            "4 studies   used 3   quarantined 1 (consilium-site cases --quarantined)\n"
            "      1  PET without injected dose: SUV cannot be computed\n"
            "without a label: 1, only predicted\n"
            "      1  no contour (RTSTRUCT) of this patient\n"
            "2 cases added, 1 known, 0 changed, 0 gone.\n");
  report = {};
  report.studies = {Used()};
  EXPECT_EQ(SummaryText(report), "1 study   used 1   quarantined 0\n0 cases added, 0 known, 0 changed, 0 gone.\n");
  report.added = 1;
  report.gone = {CaseId("case-1")};
  EXPECT_EQ(SummaryText(report),
            "1 study   used 1   quarantined 0\n1 case added, 0 known, 0 changed, 1 gone.\n"
            "Cases that are gone (files no longer there, or no longer usable) are not used until an import finds them "
            "again; roles and labels are kept.\n");
}

TEST(ImportText, PatientsOfTheListWhomNobodyKnowsAreNamed) {
  EXPECT_EQ(UnmatchedText({}), "");
  EXPECT_EQ(UnmatchedText({{3, PatientText("P\x1b[31m9")}}),
            "The list of roles names 1 patient whom no import has found:\n  line 3: P?[31m9\n");
  ImportReport report;
  for (int line = 1; line <= 14; ++line) report.unmatched.push_back({line, PatientText("P")});
  EXPECT_THAT(SummaryText(report), testing::HasSubstr("names 14 patients whom no import has found:\n  line 1: P\n"));
  EXPECT_THAT(SummaryText(report), testing::EndsWith("  line 12: P\n  and 2 more\n"));
}

TEST(ImportText, AThousandReasonsAreTwelveLines) {
  std::vector<StudyRecord> studies;
  for (int n = 0; n < 40; ++n)
    for (int twice = 0; twice < 2; ++twice)
      studies.push_back(Bad(QuarantineReason::kNoPair, "words " + std::to_string(n)));
  ImportReport report;
  report.studies = studies;
  const std::string text = SummaryText(report);
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 1 + 12 + 1 + 1);
  EXPECT_THAT(text, testing::HasSubstr("and 28 more reasons"));
}

TEST(ImportText, QuarantinedStudiesComeBeforeWhatWasLeftOutOfGoodOnes) {
  StudyRecord good = Used();
  good.findings = {{FindingKind::kLeftOut, "/archive/scout", {QuarantineReason::kNotAVolume, "a localiser"}},
                   {FindingKind::kNoLabel, "/archive", {QuarantineReason::kLabel, "no contour"}},
                   {FindingKind::kNote, "/archive", {{}, "tilt resampled"}}};
  EXPECT_EQ(QuarantineText({good, Bad(QuarantineReason::kNoSuv, kNoDose, "/archive/bad")}),
            "  /archive/bad\n    no-suv: PET without injected dose: SUV cannot be computed\n"
            "Of studies that are used, these were left out:\n  /archive/scout\n    not-a-volume: a localiser\n");
  EXPECT_EQ(QuarantineText({Used()}), "");
}

}  // namespace
}  // namespace consilium
