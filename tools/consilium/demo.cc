// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include <CLI/CLI.hpp>
#include <memory>

#include "tools/consilium/commands.h"
#include "tools/demo/options.h"

namespace consilium {

void AddDemo(CLI::App& app) {
  const auto options = std::make_shared<DemoOptions>();
  CLI::App* demo =
      app.add_subcommand("demo", "Run a federation on this machine: a hub and hospitals as separate programs");
  demo->add_option("--sites", options->sites, "hospitals with phantom patients, 2 to 9")->capture_default_str();
  demo->add_option("--rounds", options->rounds, "rounds (default: the plan's)");
  demo->add_option("--seed", options->seed, "of the phantoms and of the run")->capture_default_str();
  demo->add_option("--data", options->data, "real patients instead of phantoms: a folder SITE/PATIENT/...");
  demo->add_option("--plan", options->plan, "run plan in TOML (default: the demo's own)");
  demo->add_option("--keep", options->keep, "folder for everything it makes")->capture_default_str();
  demo->add_option("--json", options->json, "write the results as JSON");
  demo->add_flag("--headless", options->headless, "do not open the desktop program");
  demo->add_option("--setup-seconds", options->setup_seconds, "time already spent on set-up, for the table")->group("");
  demo->add_option("--steps-before", options->steps_before, "numbered steps already printed")->group("");
  demo->callback([options] { RunDemo(*options); });
}

}  // namespace consilium
