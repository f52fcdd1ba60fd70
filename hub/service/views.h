// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>

#include "core/base/clock.h"
#include "core/round/round_state.h"
#include "hub/roster/roster.h"
#include "hub/store/run_store.h"
#include "proto/site.pb.h"

namespace consilium {

// What people and sites see of a run and of a site.

struct RunExtras {
  std::map<RoundNumber, Traffic> traffic;
  std::uint64_t model_bytes = 0;
  double seconds_in_round = 0;
};
v1::RunView RunViewOf(const RunState& run, const RunExtras& extras);

// `run` may be null; `connected`: the site has a session now.
v1::SiteView SiteViewOf(const SiteRecord& record, bool connected, const RunState* run, WallTime now);

}  // namespace consilium
