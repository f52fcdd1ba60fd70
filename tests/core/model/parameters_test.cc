// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "core/model/parameters.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "tests/support/expect_error.h"

namespace consilium {
namespace {

Parameters Two() { return {{{"a", {2}, {3, 4}}, {"b", {1, 2}, {12, 0}}}}; }

TEST(ParametersTest, CountsFindsAndMeasures) {
  const Parameters p = Two();
  EXPECT_EQ(p.Count(), 4);
  ASSERT_NE(p.Find("b"), nullptr);
  EXPECT_EQ(p.Find("b")->values[0], 12);
  EXPECT_EQ(p.Find("c"), nullptr);
  EXPECT_DOUBLE_EQ(p.Norm(), 13);
  EXPECT_EQ(Parameters{}.Norm(), 0);
}

TEST(ParametersTest, NormIsSummedInDouble) {
  // In float the sum of squares stops growing at 2^24.
  const Parameters ones{{{"a", {1 << 25}, std::vector<float>(1 << 25, 1.0f)}}};
  EXPECT_DOUBLE_EQ(ones.Norm(), std::sqrt(33554432.0));
}

TEST(ParametersTest, SeesWhatIsNotFinite) {
  Parameters p = Two();
  EXPECT_TRUE(p.AllFinite());
  p.arrays[1].values[1] = std::numeric_limits<float>::quiet_NaN();
  EXPECT_FALSE(p.AllFinite());
  p.arrays[1].values[1] = std::numeric_limits<float>::infinity();
  EXPECT_FALSE(p.AllFinite());
}

TEST(ParametersTest, LayoutMismatchNamesTheFirstArrayThatDiffers) {
  const Parameters expected = Two();
  RequireSameLayout(Two(), expected, "update of north");
  Parameters other = Two();
  other.arrays[1].shape = {2, 1};
  ExpectError(ErrorCode::kInvalidArgument, "update of north: array 2 is `b` [2, 1], the model has `b` [1, 2]",
              [&] { RequireSameLayout(other, expected, "update of north"); });
  other = Two();
  other.arrays[0].name = "x";
  ExpectError(ErrorCode::kInvalidArgument,
              "array 1 is `x` [2], the model has `a` [2]\n  It belongs to another network.",
              [&] { RequireSameLayout(other, expected, "update of north"); });
  other.arrays.pop_back();
  ExpectError(ErrorCode::kInvalidArgument, "update of north: it has 1 arrays, the model has 2",
              [&] { RequireSameLayout(other, expected, "update of north"); });
}

TEST(ParametersTest, SumAndDifferenceAreExactInverses) {
  const Parameters a = Two();
  const Parameters b{{{"a", {2}, {1, -1}}, {"b", {1, 2}, {0.5f, 0.25f}}}};
  const Parameters difference = Difference(a, b);
  EXPECT_EQ(difference.arrays[0].values, (std::vector<float>{2, 5}));
  EXPECT_EQ(difference.arrays[1].values, (std::vector<float>{11.5f, -0.25f}));
  EXPECT_EQ(Sum(difference, b), a);
  ExpectError(ErrorCode::kInvalidArgument, "sum of models: it has 2 arrays", [&] { Sum(a, {}); });
}

}  // namespace
}  // namespace consilium
