// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "site-node/library/case_roles.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "core/base/file_store.h"
#include "imaging/dicom/pseudonym.h"
#include "tests/site-node/error_of.h"
#include "tests/support/temporary_folder.h"

namespace consilium {
namespace {

using testing::HasSubstr;
using testing::Not;

const std::string kKey(32, 'k');
constexpr RoleRules kDraw{.validation = 0.15, .test = 0.10, .review = 0.05, .validation_patients = 2};

std::vector<PatientSeen> Patients(int first, int last, bool labelled = true) {
  std::vector<PatientSeen> patients;
  for (int n = first; n <= last; ++n) patients.push_back({PatientText("P" + std::to_string(n)), labelled});
  return patients;
}

std::int64_t Count(const PatientRoles& roles, CaseRole role) {
  std::int64_t count = 0;
  for (const auto& [patient, one] : roles) count += one == role ? 1 : 0;
  return count;
}

// The oracle: python3 -c "import hmac; print(hmac.new(b'k' * 32, b'role\0P1', 'sha256').hexdigest()[:14])".
TEST(CaseRoles, AFractionIsTheFirstBitsOfTheHmac) {
  EXPECT_DOUBLE_EQ(KeyedFraction(PatientText("P1"), kKey), 4284669805645686 / 9007199254740992.0);
  EXPECT_DOUBLE_EQ(KeyedFraction(PatientText("P2"), kKey), 1953947963907086 / 9007199254740992.0);
  EXPECT_NE(KeyedFraction(PatientText("P1"), std::string(32, 'l')), KeyedFraction(PatientText("P1"), kKey));
}

TEST(CaseRoles, ALargeSiteIsDrawnByTheFractions) {
  const PatientRoles roles = ChooseRoles(Patients(1, 4000), {}, {}, kDraw, kKey);
  ASSERT_EQ(roles.size(), 4000U);
  // Five standard deviations of a binomial count.
  const auto near = [&](CaseRole role, double part) {
    EXPECT_NEAR(static_cast<double>(Count(roles, role)), 4000 * part, 5 * std::sqrt(4000 * part * (1 - part)))
        << Name(role);
  };
  near(CaseRole::kTraining, 0.70);
  near(CaseRole::kValidation, 0.15);
  near(CaseRole::kTest, 0.10);
  near(CaseRole::kReview, 0.05);
}

// Whoever else is there, and in whatever pieces they come: a patient's draw is the same.
TEST(CaseRoles, ADrawDoesNotDependOnTheOthers) {
  const PatientRoles all = ChooseRoles(Patients(1, 400), {}, {}, kDraw, kKey);
  PatientRoles pieces = ChooseRoles(Patients(1, 200), {}, {}, kDraw, kKey);
  pieces.merge(ChooseRoles(Patients(150, 400), pieces, {}, kDraw, kKey));
  EXPECT_EQ(all, pieces);
  EXPECT_NE(all, ChooseRoles(Patients(1, 400), {}, {}, kDraw, std::string(32, 'l'))) << "another site's key";
}

TEST(CaseRoles, AKnownPatientIsNotChosenAgain) {
  const PatientRoles known = {{PatientText("P1"), CaseRole::kReview}};
  const PatientRoles fresh = ChooseRoles(Patients(1, 5), known, {}, kDraw, kKey);
  EXPECT_EQ(fresh.size(), 4U);
  EXPECT_FALSE(fresh.contains(PatientText("P1")));
}

TEST(CaseRoles, ASmallSiteKeepsItsValidationPatientsAndTrainsWithTheRest) {
  for (int patients = 2; patients < kSmallSite; ++patients) {
    const PatientRoles roles = ChooseRoles(Patients(1, patients), {}, {}, kDraw, kKey);
    EXPECT_EQ(Count(roles, CaseRole::kValidation), 2) << patients;
    EXPECT_EQ(Count(roles, CaseRole::kTraining), patients - 2) << patients;
  }
}

TEST(CaseRoles, ValidationPatientsAreChosenAmongThoseWithALabel) {
  std::vector<PatientSeen> seen = Patients(1, 8, false);
  for (const PatientSeen& labelled : Patients(9, 11)) seen.push_back(labelled);
  const PatientRoles roles = ChooseRoles(seen, {}, {}, kDraw, kKey);
  EXPECT_EQ(Count(roles, CaseRole::kValidation), 2);
  for (int n = 1; n <= 8; ++n) EXPECT_EQ(roles.at(PatientText("P" + std::to_string(n))), CaseRole::kTraining);
}

TEST(CaseRoles, LaterPatientsOfASmallSiteDoNotMoveTheFirst) {
  const PatientRoles first = ChooseRoles(Patients(1, 4), {}, {}, kDraw, kKey);
  const PatientRoles later = ChooseRoles(Patients(1, 9), first, {}, kDraw, kKey);
  EXPECT_EQ(Count(later, CaseRole::kTraining), 5) << "there are enough for validation";
}

TEST(CaseRoles, TheListGoesFirst) {
  const PatientRoles list = {{PatientText("P1"), CaseRole::kTest},
                             {PatientText("P2"), CaseRole::kTraining},
                             {PatientText("P3"), CaseRole::kTraining}};
  const PatientRoles roles = ChooseRoles(Patients(1, 4), {}, list, kDraw, kKey);
  EXPECT_EQ(roles.at(PatientText("P1")), CaseRole::kTest);
  EXPECT_EQ(roles.at(PatientText("P2")), CaseRole::kTraining);
  EXPECT_EQ(roles.at(PatientText("P3")), CaseRole::kTraining);
  EXPECT_EQ(roles.at(PatientText("P4")), CaseRole::kValidation) << "the only one that may be moved";
}

TEST(CaseRoles, AListThatMovesAPatientIsRefused) {
  const PatientRoles list = {{PatientText("P1"), CaseRole::kTest}};
  const Error error = ErrorOf([&] {
    ChooseRoles(Patients(1, 4), {{PatientText("P1"), CaseRole::kTraining}}, list, kDraw, kKey);
  });
  EXPECT_STREQ(error.what(), "the list of roles gives a patient another role than an earlier import did");
  EXPECT_THAT(error.next_step(), HasSubstr("roles_file"));
}

TEST(RoleList, IsOnePatientAndRoleALine) {
  const TemporaryFolder scratch;
  WriteFileDurably(scratch / "r.csv", "patient,role\r\n# ours\n\nP1, training\n\"Doe, John\",test\nP1,training\n");
  EXPECT_EQ(ReadRoleList(scratch / "r.csv").roles,
            (PatientRoles{{PatientText("P1"), CaseRole::kTraining}, {PatientText("Doe, John"), CaseRole::kTest}}));
}

TEST(RoleList, ASpreadsheetsMarkIsNoPartOfTheFirstPatient) {
  const TemporaryFolder scratch;
  WriteFileDurably(scratch / "r.csv", "\xEF\xBB\xBFP1,test\n");
  EXPECT_EQ(ReadRoleList(scratch / "r.csv").roles, (PatientRoles{{PatientText("P1"), CaseRole::kTest}}));
  WriteFileDurably(scratch / "r.csv", "\xEF\xBB\xBFpatient,role\nP1,test\n");
  EXPECT_EQ(ReadRoleList(scratch / "r.csv").roles.size(), 1U);
}

TEST(RoleList, LinesThatFitNobodyAreToldByTheirNumbers) {
  const TemporaryFolder scratch;
  WriteFileDurably(scratch / "r.csv", "patient,role\nP9,test\n\nP1,test\nP5,training\nP9,test\nP7,test\n");
  const std::vector<UnmatchedRole> unmatched = UnmatchedIn(ReadRoleList(scratch / "r.csv"), {PatientText("P1")});
  ASSERT_EQ(unmatched.size(), 3U);
  EXPECT_EQ(unmatched[0].patient.Reveal(), "P9");
  EXPECT_EQ(LinesOf(unmatched), "lines 2, 5 and 7");
  EXPECT_EQ(LinesOf(std::vector<UnmatchedRole>{{3, {}}}), "line 3");
  std::vector<UnmatchedRole> many;
  for (int line = 1; line <= 14; ++line) many.push_back({line, {}});
  EXPECT_EQ(LinesOf(many), "lines 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12 and 2 more");
}

TEST(RoleList, FaultsNameTheLineAndNotThePatient) {
  const TemporaryFolder scratch;
  const auto refused = [&](const std::string& text, const std::string& words) {
    WriteFileDurably(scratch / "r.csv", text);
    const Error error = ErrorOf([&] { ReadRoleList(scratch / "r.csv"); });
    EXPECT_THAT(error.what(), HasSubstr(words));
    EXPECT_THAT(error.what(), Not(HasSubstr("Doe")));
    EXPECT_THAT(error.next_step(), HasSubstr("training, validation, test and review"));
  };
  refused("Doe,training\nDoe2", "line 2: it is no `patient,role`");
  refused(",training\n", "line 1: it is no `patient,role`");
  refused("Doe,king\n", "line 1: `king` is no role");
  refused("Doe,test\nDoe,training\n", "line 2: this patient was given another role above");
}

}  // namespace
}  // namespace consilium
