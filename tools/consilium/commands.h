// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace CLI {
class App;
}

namespace consilium {

// Each adds one subcommand of the front door `consilium`.
void AddConvert(CLI::App& app);
void AddDemo(CLI::App& app);  // needs LibTorch
void AddDoctor(CLI::App& app);
void AddInspect(CLI::App& app);
void AddPhantom(CLI::App& app);
void AddStudy(CLI::App& app);  // needs LibTorch

}  // namespace consilium
