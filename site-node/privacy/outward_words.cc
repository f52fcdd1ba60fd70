// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "site-node/privacy/outward_words.h"

namespace consilium {

std::string OutwardWords(OrderStep step, const Error& error) {
  switch (step) {
    case OrderStep::kModel:
    case OrderStep::kLeaving: return error.what();
    case OrderStep::kData:
      return "the site's patients cannot be prepared; its administrator finds the place with: consilium-site import "
             "DIR";
    case OrderStep::kTraining: break;
  }
  switch (error.code()) {
    case ErrorCode::kResourceExhausted:
      return "the site's machine has too little memory for this plan: lower `train.patch` or `train.batch`";
    case ErrorCode::kOutOfRange:
      return "training diverged, its loss is not finite any more: lower `train.learning_rate`";
    default: return "training failed at the site (" + std::string(Name(error.code())) + ")";
  }
}

}  // namespace consilium
