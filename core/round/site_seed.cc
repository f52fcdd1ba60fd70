// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "core/round/site_seed.h"

#include <cstring>

#include "core/base/digest.h"
#include "core/base/random.h"

namespace consilium {

std::uint64_t SiteSeed(const RunPlan& plan, const SiteId& site) {
  const Digest name = DigestOf(site.text());
  std::uint64_t purpose = 0;
  std::memcpy(&purpose, name.bytes.data(), sizeof purpose);
  return DeriveSeed(static_cast<std::uint64_t>(plan.seed), purpose);
}

}  // namespace consilium
