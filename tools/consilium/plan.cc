// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <filesystem>
#include <iostream>
#include <memory>
#include <vector>

#include "core/base/error.h"
#include "core/base/file_store.h"
#include "core/round/planner.h"
#include "tools/consilium/commands.h"

namespace consilium {
namespace {

namespace fs = std::filesystem;

struct PlanOptions {
  std::vector<fs::path> fingerprints;
  fs::path base, out;
  std::string name;
  PlannerOptions planner;
};

Fingerprint SumOf(const std::vector<fs::path>& files) {
  Fingerprint sum;
  std::vector<std::string> seen;
  for (const fs::path& file : files) {
    const Fingerprint one = FingerprintFromJson(ReadTextFile(file), file.string());
    seen.push_back(ToJson(one));
    for (std::size_t n = 0; n + 1 < seen.size(); ++n)
      Require(seen[n] != seen.back(), files[n].string() + " and " + file.string() + " hold the same fingerprint",
              "Give each hospital's once: no patient may count twice.");
    sum = Merge(sum, one);
  }
  return sum;
}

void Run(const PlanOptions& options) {
  RunPlan base;
  if (!options.base.empty()) base = ReadRunPlan(options.base);
  if (!options.name.empty()) base.name = options.name;
  Require(!base.name.empty(), "a plan needs a name", "Give --name NAME, or --base PLAN.toml.");
  const Fingerprint sum = SumOf(options.fingerprints);
  const PlannedRun planned = PlanRun(sum, base, options.planner);
  WriteFileDurably(options.out, ToToml(planned.plan));
  std::cout << Words(planned, sum)
            << fmt::format("written   {}   start it with: consilium-hub run start {}\n", options.out.string(),
                           options.out.string());
}

}  // namespace

void AddPlannerOptions(CLI::App& command, PlannerOptions& options, CLI::Option* needed) {
  const auto add = [&](CLI::Option* option) {
    if (needed != nullptr) option->needs(needed);
    return option;
  };
  add(command.add_option("--memory-gb", options.memory_gb,
                         "memory of the weakest site's graphics card, as nnU-Net counts"))
      ->capture_default_str();
  add(command.add_option("--features", options.first_features, "feature maps of the network's first stage"))
      ->capture_default_str();
  add(command.add_option("--spacing", options.spacing_mm, "edge of a voxel in mm; 0: from the fingerprints"))
      ->capture_default_str();
  add(command.add_flag("--public-constants", options.public_intensities,
                       "normalise by the base plan's constants, not by the fingerprints"));
}

void AddPlan(CLI::App& app) {
  auto options = std::make_shared<PlanOptions>();
  CLI::App* command =
      app.add_subcommand("plan", "Make one run plan for several hospitals from their fingerprints, after nnU-Net");
  command
      ->add_option("--fingerprint", options->fingerprints,
                   "of each hospital: consilium-site cases --fingerprint --json > FILE")
      ->required();
  command->add_option("--base", options->base, "run plan in TOML that everything else is taken from");
  command->add_option("--name", options->name, "the run's name, instead of the base plan's");
  command->add_option("--out", options->out, "run plan to write")->required();
  AddPlannerOptions(*command, options->planner, nullptr);
  command->callback([options] { Run(*options); });
}

}  // namespace consilium
