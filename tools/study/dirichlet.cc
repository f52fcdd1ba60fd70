// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "tools/study/dirichlet.h"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <string>
#include <utility>

#include "core/base/error.h"

namespace consilium {
namespace {

constexpr std::size_t kKinds = 4;

// The hospital of each patient, by inverting the cumulated shares of the patient's kind.
std::vector<std::size_t> Deal(Random& random, const DirichletSplit& split, std::size_t patients) {
  const auto sites = static_cast<std::size_t>(split.sites);
  std::vector<std::vector<double>> upto(kKinds, std::vector<double>(sites));
  for (std::vector<double>& shares : upto) {
    double sum = 0;
    for (double& share : shares) sum += share = GammaDraw(random, split.alpha);
    double so_far = 0;
    for (double& share : shares) share = so_far += share / sum;
  }
  std::vector<std::size_t> site_of;
  for (std::size_t rank = 0; rank < patients; ++rank) {
    const std::vector<double>& shares = upto[rank * kKinds / patients];
    const auto at = std::lower_bound(shares.begin(), shares.end() - 1, random.Uniform());
    site_of.push_back(static_cast<std::size_t>(at - shares.begin()));
  }
  return site_of;
}

}  // namespace

double GammaDraw(Random& random, double shape) {
  if (shape < 1) return GammaDraw(random, shape + 1) * std::pow(1 - random.Uniform(), 1 / shape);
  const double d = shape - 1.0 / 3, c = 1 / std::sqrt(9 * d);
  for (;;) {
    const double x = random.Normal(), v = std::pow(1 + c * x, 3);
    if (v > 0 && std::log(1 - random.Uniform()) < 0.5 * x * x + d - d * v + d * std::log(v)) return d * v;
  }
}

std::vector<Cohort> DealAnew(std::vector<Cohort> cohorts, const DirichletSplit& split) {
  Require(split.alpha > 0 && split.alpha <= 1e6, "a Dirichlet split takes an alpha above 0 and at most 1000000");
  Require(split.sites >= 2 && split.sites <= 1000, "a Dirichlet split takes 2 to 1000 hospitals");
  std::vector<StudyPatient> all;
  for (Cohort& cohort : cohorts) {
    for (auto* group : {&cohort.training, &cohort.validation})
      std::move(group->begin(), group->end(), std::back_inserter(all));
  }
  const auto volume = [](const StudyPatient& patient) {
    return static_cast<double>(patient.reference.CountNonZero()) * patient.pet.geometry.VoxelVolumeMl();
  };
  std::sort(all.begin(), all.end(), [&](const StudyPatient& a, const StudyPatient& b) {
    return std::pair(volume(a), a.name) < std::pair(volume(b), b.name);
  });
  Random random(split.seed);
  const std::int64_t enough = split.fewest + split.validation;
  std::vector<std::size_t> site_of;
  for (int attempt = 0; attempt < 1000 && site_of.empty(); ++attempt) {
    site_of = Deal(random, split, all.size());
    for (std::size_t site = 0; site < static_cast<std::size_t>(split.sites); ++site) {
      if (std::count(site_of.begin(), site_of.end(), site) >= enough) continue;
      site_of.clear();
      break;
    }
  }
  Require(!site_of.empty(),
          std::to_string(all.size()) + " patients cannot be dealt over " + std::to_string(split.sites) +
              " hospitals so that each has " + std::to_string(enough),
          "Take fewer hospitals or a larger alpha.");
  std::vector<Cohort> dealt(static_cast<std::size_t>(split.sites));
  for (std::size_t i = 0; i < all.size(); ++i) dealt[site_of[i]].training.push_back(std::move(all[i]));
  for (std::size_t site = 0; site < dealt.size(); ++site) {
    Cohort& cohort = dealt[site];
    cohort.site = "site-" + std::to_string(site + 1);
    std::sort(cohort.training.begin(), cohort.training.end(),
              [](const StudyPatient& a, const StudyPatient& b) { return a.name < b.name; });
    const auto last = cohort.training.end() - split.validation;
    cohort.validation.assign(std::make_move_iterator(last), std::make_move_iterator(cohort.training.end()));
    cohort.training.erase(last, cohort.training.end());
  }
  return dealt;
}

}  // namespace consilium
