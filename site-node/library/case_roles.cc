// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "site-node/library/case_roles.h"

#include <fmt/format.h>

#include <algorithm>
#include <sstream>
#include <utility>
#include <vector>

#include "core/base/error.h"
#include "core/base/file_store.h"
#include "imaging/dicom/pseudonym.h"

namespace consilium {
namespace {

// Test patients lie next to validation, then review: the highest fractions are for training, from which a small site
// takes its validation patients.
CaseRole Drawn(double fraction, const RoleRules& rules) {
  if (fraction < rules.validation) return CaseRole::kValidation;
  if (fraction < rules.validation + rules.test) return CaseRole::kTest;
  if (fraction < rules.validation + rules.test + rules.review) return CaseRole::kReview;
  return CaseRole::kTraining;
}

void RequireListKeeps(const PatientRoles& list, const PatientRoles& settled) {
  std::int64_t moved = 0;
  for (const auto& [patient, role] : list) {
    const auto found = settled.find(patient);
    moved += found != settled.end() && found->second != role ? 1 : 0;
  }
  if (moved == 0) return;
  throw Error(ErrorCode::kFailedPrecondition,
              fmt::format("the list of roles gives {} another role than an earlier import did",
                          moved == 1 ? "a patient" : fmt::format("{} patients", moved)),
              "A patient keeps the role for good: `consilium-site cases` shows it. Correct the list (roles_file in "
              "site.toml).");
}

std::string Trimmed(std::string_view text) {
  constexpr std::string_view kBlank = " \t\r\"";
  const auto first = text.find_first_not_of(kBlank);
  if (first == std::string_view::npos) return {};
  return std::string(text.substr(first, text.find_last_not_of(kBlank) - first + 1));
}

}  // namespace

std::string_view Name(CaseRole role) {
  switch (role) {
    case CaseRole::kTraining: return "training";
    case CaseRole::kValidation: return "validation";
    case CaseRole::kTest: return "test";
    case CaseRole::kReview: return "review";
  }
  Ensure(false, "unknown role");
  return {};
}

std::optional<CaseRole> RoleNamed(std::string_view name) {
  for (const CaseRole role : kAllCaseRoles)
    if (Name(role) == name) return role;
  return std::nullopt;
}

PatientRoles ChooseRoles(std::span<const PatientSeen> seen, const PatientRoles& settled, const PatientRoles& list,
                         const RoleRules& rules, std::string_view site_key) {
  RequireListKeeps(list, settled);
  std::map<PatientText, bool> fresh;  // labelled?
  std::int64_t validation = 0;
  for (const PatientSeen& one : seen)
    if (!settled.contains(one.patient)) fresh[one.patient] |= one.labelled;
  for (const auto& [patient, role] : settled) validation += role == CaseRole::kValidation ? 1 : 0;

  const bool small = std::ssize(settled) + std::ssize(fresh) < kSmallSite;
  PatientRoles chosen;
  std::vector<std::pair<double, PatientText>> movable;  // labelled, for training by draw
  for (const auto& [patient, labelled] : fresh) {
    const double fraction = KeyedFraction(patient, site_key);
    const auto listed = list.find(patient);
    const bool by_list = listed != list.end();
    const CaseRole role = by_list ? listed->second : small ? CaseRole::kTraining : Drawn(fraction, rules);
    chosen[patient] = role;
    validation += role == CaseRole::kValidation && labelled ? 1 : 0;
    if (!by_list && labelled && role == CaseRole::kTraining) movable.emplace_back(fraction, patient);
  }
  std::sort(movable.rbegin(), movable.rend());
  for (auto next = movable.begin(); next != movable.end() && validation < rules.validation_patients; ++next) {
    chosen[next->second] = CaseRole::kValidation;
    ++validation;
  }
  return chosen;
}

RoleList ReadRoleList(const std::filesystem::path& file) {
  std::istringstream lines(ReadTextFile(file, std::uint64_t{16} << 20));
  RoleList list;
  std::string line;
  for (std::int64_t number = 1; std::getline(lines, line); ++number) {
    if (number == 1 && line.starts_with("\xEF\xBB\xBF")) line.erase(0, 3);  // the mark that spreadsheets put first
    const std::string text = Trimmed(line);
    if (text.empty() || text.front() == '#') continue;
    const auto comma = line.rfind(',');
    const std::string patient = Trimmed(std::string_view(line).substr(0, std::min(comma, line.size())));
    const std::string name = comma == std::string::npos ? "" : Trimmed(std::string_view(line).substr(comma + 1));
    if (list.roles.empty() && patient == "patient" && name == "role") continue;
    const std::optional<CaseRole> role = RoleNamed(name);
    const auto require = [&](bool good, const std::string& what) {
      Require(good, fmt::format("{}, line {}: {}", file.string(), number, what),
              "Write one `patient,role` a line; roles are training, validation, test and review.");
    };
    require(comma != std::string::npos && !patient.empty(), "it is no `patient,role`");
    require(role.has_value(), fmt::format("`{}` is no role", name));
    const auto [at, added] = list.roles.emplace(PatientText(patient), *role);
    require(added || at->second == *role, "this patient was given another role above");
    list.lines.emplace(at->first, number);
  }
  return list;
}

std::vector<UnmatchedRole> UnmatchedIn(const RoleList& list, const std::set<PatientText>& patients) {
  std::vector<UnmatchedRole> unmatched;
  for (const auto& [patient, line] : list.lines)
    if (!patients.contains(patient)) unmatched.push_back({line, patient});
  std::sort(unmatched.begin(), unmatched.end(), [](const auto& a, const auto& b) { return a.line < b.line; });
  return unmatched;
}

std::string LinesOf(std::span<const UnmatchedRole> unmatched) {
  constexpr std::size_t kMost = 12;
  const bool all = unmatched.size() <= kMost;
  const std::size_t shown = all ? unmatched.size() : kMost;
  std::string text = unmatched.size() == 1 ? "line" : "lines";
  for (std::size_t n = 0; n < shown; ++n) {
    const bool last = all && n > 0 && n + 1 == shown;
    text += fmt::format("{}{}", n == 0 ? " " : last ? " and " : ", ", unmatched[n].line);
  }
  return all ? text : text + fmt::format(" and {} more", unmatched.size() - shown);
}

}  // namespace consilium
