// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "core/base/ids.h"
#include "core/round/run_plan.h"

namespace consilium {

// The seed of one site's random choices in a run: of the run's seed and the site's name, apart from every other site's.
// A study of a run draws what its sites would draw.
std::uint64_t SiteSeed(const RunPlan& plan, const SiteId& site);

}  // namespace consilium
