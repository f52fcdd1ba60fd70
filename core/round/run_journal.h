// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "core/round/round_state.h"

namespace consilium {

// A run's events as one line of JSON each, for the hub's database: {"event": "update_judged", ...}. Reading back what
// was written gives an equal event, numbers bit for bit. A replay of StartRun and the events gives the run's state.
std::string ToJson(const RunEvent& event);
RunEvent RunEventFromJson(std::string_view json);  // throws Error(kDataLoss)

}  // namespace consilium
