// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>

#include "core/base/random.h"

namespace consilium {

// How long to wait before dialling again: doubles from `first_s` to `most_s`; each wait is drawn from its upper half,
// so that the sites of a federation do not all come back in the same moment.
class Backoff {
 public:
  Backoff(double first_s, double most_s, std::uint64_t seed) : first_s_(first_s), most_s_(most_s), random_(seed) {}

  std::chrono::duration<double> Next() {
    const double wait = std::min(next_s_ > 0 ? next_s_ : first_s_, most_s_);
    next_s_ = std::min(2 * wait, most_s_);
    return std::chrono::duration<double>(random_.Uniform(wait / 2, wait));
  }
  void Reset() { next_s_ = 0; }
  void Limit(double most_s) { most_s_ = most_s; }  // from the next wait on

 private:
  const double first_s_;
  double most_s_;
  double next_s_ = 0;
  Random random_;
};

}  // namespace consilium
