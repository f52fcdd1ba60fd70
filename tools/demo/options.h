// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

namespace consilium {

// consilium demo: a whole federation on this machine.
struct DemoOptions {
  std::int64_t sites = 3;
  std::int64_t rounds = 0;  // 0: the plan's
  std::int64_t seed = 1;
  std::filesystem::path data;           // real patients, SITE/PATIENT/...; empty: phantoms
  std::filesystem::path plan;           // a run plan in TOML; empty: the demo's own
  std::filesystem::path keep = "demo";  // everything is written there
  std::filesystem::path json;           // empty: none
  bool headless = false;                // do not open the desktop program
  double setup_seconds = 0;             // spent by ./dev demo before this program

  void Validate() const;
};

}  // namespace consilium
