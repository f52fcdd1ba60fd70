// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "core/base/error.h"

namespace consilium {

// What part of an order failed.
enum class OrderStep {
  kModel,     // fetching the model, reading the plan: the words speak of the hub's own things
  kData,      // preparing the patients
  kTraining,  // evaluating and training
  kLeaving,   // sealing and sending: the words speak of numbers only
};

// The words of a refusal that may go to the hub and into a log. An error met while handling patients may name a file, a
// case or a tag, and so a patient: of these only the kind of failure is told. The site's own commands, run by its
// administrator, name the place.
std::string OutwardWords(OrderStep step, const Error& error);

}  // namespace consilium
