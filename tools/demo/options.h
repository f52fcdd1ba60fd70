// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "core/round/run_plan.h"

namespace consilium {

// consilium demo: a whole federation on this machine.
struct DemoOptions {
  std::int64_t sites = 3;               // phantoms: 2 to 9 hospitals; real data: those that DATA holds
  std::int64_t rounds = 0;              // 0: the plan's
  std::int64_t seed = 1;                // of phantoms and run
  std::filesystem::path data;           // real patients, SITE/PATIENT/...; empty: phantoms
  std::filesystem::path plan;           // a run plan in TOML; empty: the demo's own
  std::filesystem::path keep = "demo";  // everything is written there; an earlier demo in it is removed
  std::filesystem::path json;           // empty: none
  bool headless = false;                // do not open the desktop program
  double setup_seconds = 0;             // spent before this program: packages and build
  int steps_before = 0;                 // lines "[1/5] ..." printed before it

  void Validate() const;  // throws Error(kInvalidArgument)
};

// Phantom patients of each hospital.
inline constexpr std::int64_t kDemoPatients = 20;   // training and validation
inline constexpr std::int64_t kDemoValidation = 2;  // of them
inline constexpr std::int64_t kDemoHeldOut = 4;     // besides: imported after the run, without their contours

// The plan of the options: the file's or the built-in one (packaging/demo-plan*.toml), with seed and rounds put in.
RunPlan PlanOf(const DemoOptions& options);

// Runs it. Returns when everything happened; throws Error when something did not.
void RunDemo(const DemoOptions& options);

}  // namespace consilium
