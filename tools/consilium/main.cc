// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
// The front door: small commands over the same libraries as the services.
#include <CLI/CLI.hpp>

#include "core/base/program.h"
#include "tools/consilium/commands.h"

int main(int argc, char** argv) {
  return consilium::RunProgram(argc, argv, [&] {
    CLI::App app{"Consilium: hospitals train tumour segmentation together, and no image leaves a hospital.",
                 "consilium"};
    app.set_version_flag("--version", consilium::ProgramVersion());
    app.require_subcommand(1);
    consilium::AddConvert(app);
    consilium::AddDoctor(app);
    consilium::AddInspect(app);
    consilium::AddPhantom(app);
    consilium::AddPlan(app);
#ifdef CONSILIUM_HAS_TORCH
    consilium::AddDemo(app);
    consilium::AddStudy(app);
#endif
    CLI11_PARSE(app, argc, argv);
    return 0;
  });
}
