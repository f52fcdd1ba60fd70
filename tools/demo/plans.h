// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace consilium {

// The run plans that the demo brings along, as TOML: for phantoms, and for real patients.
extern const char kDemoPlan[];
extern const char kDemoPlanData[];

}  // namespace consilium
