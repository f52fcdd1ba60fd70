// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "hub/aggregate/next_model.h"

#include <gtest/gtest.h>

#include "core/base/file_store.h"
#include "core/model/model_update.h"
#include "core/model/network_spec.h"
#include "core/round/plan_card.h"
#include "tests/support/temporary_folder.h"

namespace consilium {
namespace {

// Two sites whose updates change nothing; only what they measured differs.
class NextModelTest : public testing::Test {
 protected:
  NextModelTest() {
    plan_.name = "small";
    plan_.network.features = {2, 4};
    plan_.predict.components = "validation";
    base_ = ParseModel(SerializeModel(CardOf(plan_), InitialParameters(plan_.network, 1)), "base");
  }

  NextModel Make(DiceSummary whole_a, DiceSummary largest_a, DiceSummary whole_b, DiceSummary largest_b) {
    Aggregate sum{RoundNumber(1), base_.digest, {}};
    for (const auto& [site, whole, largest] :
         {std::tuple{"a", whole_a, largest_a}, std::tuple{"b", whole_b, largest_b}}) {
      ModelUpdate update;
      update.id = {RunId("run"), RoundNumber(1), SiteId(site), 1};
      update.base = base_.digest;
      update.delta = Difference(base_.parameters, base_.parameters);
      update.metrics.samples = 3;
      update.metrics.validation = whole;
      update.metrics.largest = largest;
      WriteFileDurably(folder_ / site, SerializeUpdate(update));
      sum.updates.push_back({update.id, Digest{}, update.metrics});
    }
    const RunState state = StartRun(plan_, RunId("run"), base_.digest);
    return MakeNextModel(state, sum, base_, [&](const SubmissionId& id) { return folder_ / id.site.text(); });
  }

  RunPlan plan_;
  GlobalModel base_;
  TemporaryFolder folder_;
};

TEST_F(NextModelTest, SaysWhereItIsFrom) {
  const NextModel next = Make({1, 2}, {}, {1, 2}, {});
  EXPECT_EQ(next.parameters, base_.parameters);
  EXPECT_EQ(next.card.version, ModelVersion(1));
  EXPECT_EQ(next.card.parent, base_.digest);
  EXPECT_EQ(next.card.sites, 2);
  EXPECT_EQ(next.card.samples, 6);
}

// Case by case over all sites: one site's many cases count more than the other's few.
TEST_F(NextModelTest, TheValidationPatientsOfAllSitesDecideOnTheLargestPart) {
  EXPECT_TRUE(Make({2, 4}, {3, 4}, {0.9, 1}, {0.5, 1}).card.largest_only);
  EXPECT_FALSE(Make({2, 4}, {2.1, 4}, {0.9, 1}, {0.5, 1}).card.largest_only);
  EXPECT_FALSE(Make({2, 4}, {2, 4}, {}, {}).card.largest_only) << "no gain, no rule";
}

TEST_F(NextModelTest, WhatWasNotMeasuredDecidesNothing) {
  base_.card.largest_only = true;
  EXPECT_TRUE(Make({2, 4}, {}, {0.9, 1}, {}).card.largest_only) << "the card's own stays";
  EXPECT_FALSE(Make({0.2, 4}, {}, {0.9, 1}, {0.5, 1}).card.largest_only) << "a site that did not measure has no say";
  plan_.predict.components = "largest";
  EXPECT_TRUE(Make({2, 4}, {1, 4}, {}, {}).card.largest_only);
  plan_.predict.components = "all";
  EXPECT_FALSE(Make({2, 4}, {3, 4}, {}, {}).card.largest_only);
}

}  // namespace
}  // namespace consilium
