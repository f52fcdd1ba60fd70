// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "core/data/fingerprint.h"
#include "cuda/device.h"
#include "site-node/library/case_library.h"

namespace consilium {

struct CollectedFingerprint {
  Fingerprint fingerprint;
  std::int64_t unread = 0;  // training cases that cannot be read; they are not in it
};

// Of every outlined training case, as it is in this hospital; Shareable() makes of it what may leave. Validation and
// test patients are not looked at: a plan is a choice. Reads each case whole.
CollectedFingerprint CollectFingerprint(CaseLibrary& library, Device device,
                                        const std::function<void(double fraction)>& progress = {});

// For a terminal.
std::string FingerprintText(const Fingerprint& fingerprint);

}  // namespace consilium
