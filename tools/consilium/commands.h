// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace CLI {
class App;
class Option;
}  // namespace CLI

namespace consilium {

struct PlannerOptions;

// Each adds one subcommand of the front door `consilium`.
void AddConvert(CLI::App& app);
void AddDemo(CLI::App& app);  // needs LibTorch
void AddDoctor(CLI::App& app);
void AddInspect(CLI::App& app);
void AddPhantom(CLI::App& app);
void AddPlan(CLI::App& app);
void AddStudy(CLI::App& app);  // needs LibTorch

// The planner's own options, for each subcommand that plans; null or the option that they need.
void AddPlannerOptions(CLI::App& command, PlannerOptions& options, CLI::Option* needed);

}  // namespace consilium
