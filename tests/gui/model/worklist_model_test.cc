// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "gui/model/worklist_model.h"

#include <gtest/gtest.h>

namespace consilium {
namespace {

TEST(WorklistModel, SaysHowManyStudiesCannotBeUsedAndWhy) {
  WorklistModel model;
  model.ShowStudies({412, 3, {{"no-suv", 2}, {"label", 1}}});
  EXPECT_EQ(model.left_out(), "412 studies, 3 quarantined (2 no-suv, 1 label)");
  model.ShowStudies({412, 0, {}});
  EXPECT_EQ(model.left_out(), "") << "all is well";
}

}  // namespace
}  // namespace consilium
