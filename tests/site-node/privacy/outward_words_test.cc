// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "site-node/privacy/outward_words.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace consilium {
namespace {

using testing::HasSubstr;
using testing::Not;

const Error kWithName(ErrorCode::kDataLoss, "/data/DOE^JANE/ct/1.dcm is cut off");

TEST(OutwardWords, WhatSpeaksOfPatientsSaysOnlyTheKindOfFailure) {
  for (const OrderStep step : {OrderStep::kData, OrderStep::kTraining}) {
    EXPECT_THAT(OutwardWords(step, kWithName), Not(HasSubstr("DOE")));
    EXPECT_THAT(OutwardWords(step, kWithName), Not(HasSubstr("/data")));
  }
  EXPECT_THAT(OutwardWords(OrderStep::kTraining, kWithName), HasSubstr(std::string(Name(ErrorCode::kDataLoss))));
}

TEST(OutwardWords, TrainingFailuresSayWhatThePlanCanChange) {
  EXPECT_THAT(OutwardWords(OrderStep::kTraining, {ErrorCode::kResourceExhausted, "x"}), HasSubstr("train.patch"));
  EXPECT_THAT(OutwardWords(OrderStep::kTraining, {ErrorCode::kOutOfRange, "x"}), HasSubstr("learning_rate"));
}

TEST(OutwardWords, WhatSpeaksOfTheHubsOwnThingsIsPassedOn) {
  EXPECT_EQ(OutwardWords(OrderStep::kModel, {ErrorCode::kNotFound, "the hub has no model 5f0c"}),
            "the hub has no model 5f0c");
}

}  // namespace
}  // namespace consilium
