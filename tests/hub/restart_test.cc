// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
// A hub that is taken away and comes back, between and within rounds: the same model, bit for bit.
#include <gtest/gtest.h>

#include "tests/support/test_federation.h"

namespace consilium {
namespace {

using namespace std::chrono_literals;

std::string DigestAfter(const std::function<void(TestFederation&)>& disturb) {
  TestFederation federation;
  const SiteKit north = federation.Join("North"), coast = federation.Join("Coast"), valley = federation.Join("Valley");
  EmulatorOptions slow = federation.At(30, 0.3F);
  slow.work = 150ms;
  SiteEmulator a(north, federation.At(10, 1)), b(coast, federation.At(20, -0.7F)), c(valley, slow);
  for (SiteEmulator* site : {&a, &b, &c}) EXPECT_TRUE(site->WaitFor([](const auto& s) { return s.sessions > 0; }));
  federation.Start(TinyPlan(4, 3));
  disturb(federation);
  const v1::RunView view = federation.WaitForEnd();
  EXPECT_EQ(view.phase(), "done") << view.reason();
  for (const v1::RoundView& round : view.history()) EXPECT_EQ(round.sites_size(), 3) << round.round();
  EXPECT_TRUE(federation.Audit().chain_holds());
  return federation.Model().digest.Hex();
}

TEST(Restart, GivesTheSameModelWhereverTheHubWasTakenAway) {
  const std::string undisturbed = DigestAfter([](TestFederation&) {});
  const auto at = [](auto true_now) {
    return [true_now](TestFederation& federation) {
      federation.WaitFor(true_now);
      federation.RestartHub();
    };
  };
  EXPECT_EQ(undisturbed, DigestAfter(at([](const v1::FederationState& s) { return s.run().round() == 2; })));
  EXPECT_EQ(undisturbed, DigestAfter(at([](const v1::FederationState& s) {
              return s.run().round() == 3 && s.run().updates_in() == 2;  // two are in, the third is not
            })));
  EXPECT_EQ(undisturbed, DigestAfter([&](TestFederation& federation) {
              for (const std::int64_t round : {1, 2, 3, 4}) {
                federation.WaitFor([round](const v1::FederationState& s) { return s.run().round() >= round; });
                federation.RestartHub();
              }
            }));
}

}  // namespace
}  // namespace consilium
