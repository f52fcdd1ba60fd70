// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "core/round/planner.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "core/base/error.h"

namespace consilium {
namespace {

// The fingerprint counts axes x, y, z; nnU-Net's are z, y, x.
constexpr std::size_t FileAxis(std::size_t d) { return 2 - d; }

// To so many parts of a whole, as people write it: 7.06, not 7.0600000000000005.
double RoundTo(double value, double parts) { return std::round(value * parts) / parts; }

double Product(const Axes& of) { return of[0] * of[1] * of[2]; }

SpacingFacts FactsOf(const Fingerprint& fingerprint) {
  SpacingFacts facts;
  for (std::size_t d = 0; d < 3; ++d) {
    const Histogram& spacing = fingerprint.spacing[FileAxis(d)];
    facts.median_mm[d] = CasePercentile(spacing, FingerprintSpacingEdgesMm(), 50);
    facts.tenth_mm[d] = CasePercentile(spacing, FingerprintSpacingEdgesMm(), 10);
    facts.median_voxels[d] = CasePercentile(fingerprint.size[FileAxis(d)], FingerprintSizeEdges(), 50);
  }
  return facts;
}

// nnU-Net's compute_new_shape of every case, then the median.
Axes MedianShape(const Fingerprint& fingerprint, const Axes& spacing_mm) {
  Axes shape{};
  for (std::size_t d = 0; d < 3; ++d) {
    std::vector<CentredCases> cases = CentresOf(fingerprint.extent[FileAxis(d)], FingerprintExtentEdgesMm());
    for (CentredCases& one : cases) one.centre = std::max(1.0, std::nearbyint(one.centre / spacing_mm[d]));
    shape[d] = Percentile(std::move(cases), 50);
  }
  return shape;
}

NetworkWish WishOf(const Fingerprint& fingerprint, const RunPlan& base, const PlannerOptions& options,
                   const Axes& spacing_mm, const Axes& median_shape) {
  NetworkWish wish;
  wish.architecture = base.network.architecture;
  wish.input_channels = base.network.input_channels;
  wish.classes = base.network.classes;
  wish.first_features = options.first_features;
  wish.memory_gb = options.memory_gb;
  wish.spacing_mm = spacing_mm;
  wish.median_shape = median_shape;
  wish.dataset_voxels = Product(median_shape) * static_cast<double>(fingerprint.cases);
  return wish;
}

// nnU-Net's own plan. Its transpose puts the coarsest axis first.
PlannedNetwork Unequal(const Fingerprint& fingerprint, const RunPlan& base, const PlannerOptions& options,
                       Axes& spacing_mm, Axes& shape) {
  shape = MedianShape(fingerprint, spacing_mm);
  const auto coarsest = std::max_element(spacing_mm.begin(), spacing_mm.end()) - spacing_mm.begin();
  std::rotate(spacing_mm.begin(), spacing_mm.begin() + coarsest, spacing_mm.begin() + coarsest + 1);
  std::rotate(shape.begin(), shape.begin() + coarsest, shape.begin() + coarsest + 1);
  return PlanNetwork(WishOf(fingerprint, base, options, spacing_mm, shape));
}

void SetNetwork(const PlannedNetwork& network, RunPlan& plan) {
  Require(network.features.size() >= 2, "the images are too small for a network: one stage of it would see them whole",
          "Give a smaller --spacing.");
  const bool residual = plan.network.architecture == "res_enc_unet";
  plan.network.features = network.features;
  plan.network.convs_per_stage = residual ? 1 : 2;
  plan.network.blocks_per_stage.clear();
  plan.train.patch = network.topology.patch[0];
  plan.train.batch = network.batch;
}

void SetIntensities(const Fingerprint& fingerprint, PrepPlan& prep) {
  const auto set = [](const Fingerprint::Intensities& of, std::span<const double> edges, double step, double parts,
                      double& low, double& high, double& mean, double& sd) {
    const double lowest = ValuePercentile(of.values, edges, 0.5);
    if (std::isnan(lowest)) return;  // no site may tell: the base plan's stay
    low = RoundTo(lowest, parts);
    high = RoundTo(ValuePercentile(of.values, edges, 99.5), parts);
    mean = RoundTo(Mean(of, step), parts);
    sd = RoundTo(StandardDeviation(of, step), parts);
  };
  set(fingerprint.pet, FingerprintSuvEdges(), kPetStepSuv, 1000, prep.pet_low, prep.pet_high, prep.pet_mean,
      prep.pet_sd);
  set(fingerprint.ct, FingerprintHuEdges(), kCtStepHu, 10, prep.ct_low, prep.ct_high, prep.ct_mean, prep.ct_sd);
}

}  // namespace

PlannedRun PlanRun(const Fingerprint& fingerprint, const RunPlan& base, const PlannerOptions& options) {
  Require(fingerprint.cases > 0, "there is nothing to plan from: the fingerprint is of no case",
          "Give the fingerprints of sites with outlined training patients.");
  PlannedRun out;
  out.plan = base;
  out.target_spacing_mm = TargetSpacing(FactsOf(fingerprint));
  const double edge = options.spacing_mm > 0 ? options.spacing_mm : std::cbrt(Product(out.target_spacing_mm));
  out.plan.prep.spacing_mm = RoundTo(edge, 100);
  const double mm = out.plan.prep.spacing_mm;
  out.median_shape = MedianShape(fingerprint, {mm, mm, mm});
  NetworkWish wish = WishOf(fingerprint, base, options, {mm, mm, mm}, out.median_shape);
  const double cube = std::nearbyint(std::cbrt(Product(out.median_shape)));
  wish.median_shape = {cube, cube, cube};
  wish.cube = true;
  SetNetwork(PlanNetwork(wish), out.plan);
  if (!options.public_intensities) SetIntensities(fingerprint, out.plan.prep);
  out.plan.Validate();
  out.unequal = Unequal(fingerprint, base, options, out.target_spacing_mm, out.unequal_median_shape);
  return out;
}

std::string Words(const PlannedRun& planned, const Fingerprint& fingerprint) {
  const RunPlan& plan = planned.plan;
  const Axes &shape = planned.median_shape, &target = planned.target_spacing_mm;
  const Edges& patch = planned.unequal.topology.patch;
  std::string text = fmt::format(
      "planned from {} patients, {} cases: median image {:g} x {:g} x {:g} voxels of {:g} mm (z, y, x)\n"
      "network   {} with features {}; patch {}, batch {}\n"
      "PET       clipped to SUV {:g} .. {:g}, mean {:g}, deviation {:g}\n"
      "CT        clipped to HU {:g} .. {:g}, mean {:g}, deviation {:g}\n"
      "nnU-Net   with unequal edges would take {:.2f} x {:.2f} x {:.2f} mm, patch {} x {} x {}, batch {}\n",
      fingerprint.patients, fingerprint.cases, shape[0], shape[1], shape[2], plan.prep.spacing_mm,
      plan.network.architecture, fmt::join(plan.network.features, " "), plan.train.patch, plan.train.batch,
      plan.prep.pet_low, plan.prep.pet_high, plan.prep.pet_mean, plan.prep.pet_sd, plan.prep.ct_low, plan.prep.ct_high,
      plan.prep.ct_mean, plan.prep.ct_sd, target[0], target[1], target[2], patch[0], patch[1], patch[2],
      planned.unequal.batch);
  if (fingerprint.tumour_voxels > 0)
    text += fmt::format("tumour    {:.3f} % of the voxels\n",
                        100 * static_cast<double>(fingerprint.tumour_voxels) / static_cast<double>(fingerprint.voxels));
  return text;
}

}  // namespace consilium
