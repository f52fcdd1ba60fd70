// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "imaging/phantom/phantom.h"

#include <fmt/core.h>

#include <CLI/CLI.hpp>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>

#include "core/base/terminal.h"
#include "tools/consilium/commands.h"

namespace consilium {
namespace {

void Run(const PhantomOptions& options, bool json) {
  PhantomSummary summary;
  {
    ProgressLine line(std::cerr, StyleOf(stderr), "phantoms " + options.style);
    summary = WritePhantoms(options, [&](std::int64_t done, std::int64_t total) {
      line.Update(static_cast<double>(done) / static_cast<double>(total), fmt::format("{} of {}", done, total));
    });
    line.Finish(fmt::format("{} patients", summary.patients));
  }
  if (json) {
    const nlohmann::ordered_json out = {{"dir", options.dir.string()}, {"style", options.style},
                                        {"seed", options.seed},        {"patients", summary.patients},
                                        {"tumours", summary.tumours},  {"files", summary.files},
                                        {"bytes", summary.bytes}};
    std::cout << out.dump(2) << "\n";
    return;
  }
  std::cout << fmt::format("{} phantom patients of style {} with {} tumours: {} DICOM files, {:.1f} MB in {}\n",
                           summary.patients, options.style, summary.tumours, summary.files,
                           static_cast<double>(summary.bytes) / 1e6, options.dir.string());
}

}  // namespace

void AddPhantom(CLI::App& app) {
  auto options = std::make_shared<PhantomOptions>();
  auto json = std::make_shared<bool>(false);
  CLI::App* command =
      app.add_subcommand("phantom", "Write synthetic PET/CT patients as DICOM, with contours of their tumours");
  command->add_option("--out", options->dir, "folder to write into; one folder a patient")->required();
  command->add_option("--patients", options->patients, "number of patients")->capture_default_str();
  command->add_option("--style", options->style, "hospital: north, coast or valley")->capture_default_str();
  command->add_option("--seed", options->seed, "the same seed gives the same files")->capture_default_str();
  command->add_flag("--json", *json, "print the summary as JSON");
  command->callback([options, json] { Run(*options, *json); });
}

}  // namespace consilium
