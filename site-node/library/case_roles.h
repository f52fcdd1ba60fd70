// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/data/patient_text.h"

namespace consilium {

// What a patient is for, with all studies. Settled when the patient first has a label to learn from (test and review at
// once), and never changed from then on: nobody is trained on and measured with.
// Validation: measured in every round. Test: not read before a run has ended. Review: for people to look at; neither
// trained nor measured with.
enum class CaseRole { kTraining, kValidation, kTest, kReview };
inline constexpr std::array kAllCaseRoles = {CaseRole::kTraining, CaseRole::kValidation, CaseRole::kTest,
                                             CaseRole::kReview};
std::string_view Name(CaseRole role);  // "training", "validation", "test", "review"
std::optional<CaseRole> RoleNamed(std::string_view name);

using PatientRoles = std::map<PatientText, CaseRole>;  // by patient number

// How roles are chosen for patients that have none yet.
struct RoleRules {
  double validation = 0.15, test = 0.10, review = 0.05;  // parts of all patients; the others are for training
  std::int64_t validation_patients = 2;                  // at least so many with a label, also at a small site
};

// With fewer patients than this the fractions are not used: of seven patients hardly one is in a tenth.
inline constexpr std::int64_t kSmallSite = 20;

struct PatientSeen {
  PatientText patient;
  bool labelled = false;  // has a study with a label
};

// Roles for the patients in `seen` that `settled` does not hold. The `list`, the site's own choice, goes first. A site
// of kSmallSite patients or more draws the others by KeyedFraction, so that a patient's role does not depend on who
// else is there. Then, as long as fewer than `validation_patients` labelled patients are for validation, those drawn
// for training with the highest fractions become so. Pure: the same input gives the same roles. Throws
// Error(kFailedPrecondition) when the list says of a settled patient what is no longer possible.
PatientRoles ChooseRoles(std::span<const PatientSeen> seen, const PatientRoles& settled, const PatientRoles& list,
                         const RoleRules& rules, std::string_view site_key);

// The site's own list.
struct RoleList {
  PatientRoles roles;
  std::map<PatientText, std::int64_t> lines;  // where each patient stands first
};

// A line of the list whose patient nobody knows. For this hospital's own eyes only.
struct UnmatchedRole {
  std::int64_t line = 0;
  PatientText patient;
};

// One `patient,role` a line; a first line `patient,role`, empty lines and lines that begin with # are skipped. Throws
// Error(kInvalidArgument) naming file and line, never the patient.
RoleList ReadRoleList(const std::filesystem::path& file);

// By line.
std::vector<UnmatchedRole> UnmatchedIn(const RoleList& list, const std::set<PatientText>& patients);

// "line 3", "lines 3, 7 and 12", "lines 3, 7, 12 and 40 more": without the patients.
std::string LinesOf(std::span<const UnmatchedRole> unmatched);

}  // namespace consilium
