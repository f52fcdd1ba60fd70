// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "core/data/study_counts.h"

#include <gtest/gtest.h>

#include "tests/support/expect_error.h"

namespace consilium {
namespace {

TEST(StudyCounts, TextNamesTheMostFrequentReasonFirst) {
  EXPECT_EQ((StudyCounts{412, 5, {{"label", 1}, {"missing-slices", 1}, {"no-suv", 3}}}).Text(),
            "5 quarantined (3 no-suv, 1 label, 1 missing-slices)");
  EXPECT_EQ((StudyCounts{412, 0, {}}).Text(), "0 quarantined");
}

// What comes over the wire from a site is shown to everybody: numbers that agree, and plain names.
TEST(StudyCounts, NumbersAgreeAndReasonsArePlainNames) {
  StudyCounts{}.Validate();
  StudyCounts{412, 5, {{"no-suv", 3}}}.Validate();
  const auto refused = [](const StudyCounts& counts, const char* words) {
    ExpectError(ErrorCode::kInvalidArgument, words, [&] { counts.Validate(); });
  };
  refused({-1, 0, {}}, "out of bounds");
  refused({4, 5, {}}, "out of bounds");
  refused({4, -1, {}}, "out of bounds");
  refused({9, 5, {{"no-suv", 6}}}, "out of bounds");
  refused({9, 5, {{"no-suv", 0}}}, "out of bounds");
  refused({9, 5, {{"no-suv", 3}, {"label", 3}}}, "more reasons than");
  refused({9, 5, {{"Doe^John", 1}}}, "no plain name");
  refused({9, 5, {{"/archive/doe", 1}}}, "no plain name");
  StudyCounts many{900, 900, {}};
  for (int n = 0; n < 65; ++n) many.reasons["r" + std::to_string(n)] = 1;
  refused(many, "more than 64 reasons");
}

}  // namespace
}  // namespace consilium
