// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "site-node/link/hub_link.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <thread>

#include "core/base/file_store.h"
#include "proto/codec.h"
#include "site-node/site_settings.h"
#include "tests/site-node/error_of.h"
#include "tests/site-node/fake_hub.h"
#include "tests/support/fake_clock.h"
#include "tests/support/temporary_folder.h"

namespace consilium {
namespace {

using testing::ElementsAre;
using testing::Gt;
using testing::HasSubstr;

// Keeps what it hears, and lets a test wait for it.
class Heard final : public HubListener {
 public:
  void OnTrain(const TrainOrder& order) override {
    Keep([&] { trains.push_back(order); });
  }
  void OnEvaluate(const EvaluateOrder& order) override {
    Keep([&] { evaluates.push_back(order); });
  }
  void OnCancel(const CancelOrder& order) override {
    Keep([&] { cancels.push_back(order); });
  }
  void OnVerdict(const UpdateVerdict& verdict) override {
    Keep([&] { verdicts.push_back(verdict); });
  }
  void OnState(const std::string& state) override {
    Keep([&] { states.push_back(state); });
  }
  void OnConnection(bool connected, const std::string& why_not) override {
    Keep([&] {
      connects += connected ? 1 : 0;
      failures += connected ? 0 : 1;
      if (!connected) why = why_not;
    });
  }
  template <class Condition>
  bool WaitUntil(Condition condition) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, std::chrono::seconds(30), condition);
  }

  std::vector<TrainOrder> trains;
  std::vector<EvaluateOrder> evaluates;
  std::vector<CancelOrder> cancels;
  std::vector<UpdateVerdict> verdicts;
  std::vector<std::string> states;
  int connects = 0, failures = 0;
  std::string why;

 private:
  template <class Body>
  void Keep(Body body) {
    std::lock_guard lock(mutex_);
    body();
    changed_.notify_all();
  }
  std::mutex mutex_;
  std::condition_variable changed_;
};

class HubLinkTest : public testing::Test {
 protected:
  std::unique_ptr<HubLink> Link(const SiteCredentials& credentials) {
    HubLinkOptions options{hub_.address(), "0.1", 0.02, 0.1, 1};
    return std::make_unique<HubLink>(options, credentials, heard_, [] {
      return PatientCounts{7, 2, {20, 1, {{"no-suv", 1}}}};
    });
  }
  std::unique_ptr<HubLink> Link() { return Link(hub_.CredentialsFor("north")); }
  SealedUpdate Sealed() {
    const Parameters global{{{"w", {600000}, std::vector<float>(600000, 0.0F)}}};
    ModelUpdate update;
    update.id = {RunId("run-1"), RoundNumber(1), SiteId("north"), 1};
    update.metrics.samples = 7;
    update.delta = global;
    return guard_.Seal(update, global, 10);
  }

  FakeHub hub_;
  Heard heard_;
  TemporaryFolder scratch_;
  FakeClock clock_;
  PrivacyGuard guard_{scratch_.path(), {}, clock_};
};

TEST_F(HubLinkTest, SaysHelloWithItsCountsAndIsKnownByItsCertificate) {
  const auto link = Link();
  const v1::SiteMessage hello = hub_.WaitForMessage([](const auto& message) { return message.has_hello(); });
  EXPECT_EQ(hello.hello().protocol(), kProtocolVersion);
  EXPECT_EQ(hello.hello().data().training_patients(), 7);
  EXPECT_EQ(hello.hello().data().validation_patients(), 2);
  EXPECT_EQ(hello.hello().data().studies().studies(), 20);
  EXPECT_EQ(hello.hello().data().studies().reasons().at("no-suv"), 1);
  EXPECT_EQ(hub_.seen().peer, "north");
  EXPECT_TRUE(heard_.WaitUntil([&] { return heard_.connects == 1; }));
}

TEST_F(HubLinkTest, OrdersArriveAsValues) {
  const auto link = Link();
  v1::HubMessage message;
  v1::TrainOrder& train = *message.mutable_train();
  train.set_run("run-1");
  train.set_round(3);
  train.set_attempt(2);
  train.set_model(ToBytes(DigestOf("model")));
  train.set_model_bytes(99);
  train.set_plan_toml("name = 'x'");
  hub_.Push(message);
  ASSERT_TRUE(heard_.WaitUntil([&] { return heard_.trains.size() == 1; }));
  EXPECT_EQ(heard_.trains[0].id, (SubmissionId{RunId("run-1"), RoundNumber(3), SiteId("north"), 2}));
  EXPECT_EQ(heard_.trains[0].model, DigestOf("model"));

  v1::HubMessage cancel;
  cancel.mutable_cancel()->set_run("run-1");
  cancel.mutable_cancel()->set_round(3);
  cancel.mutable_cancel()->set_reason("the round closed");
  hub_.Push(cancel);
  v1::HubMessage verdict;
  verdict.mutable_verdict()->set_run("run-1");
  verdict.mutable_verdict()->set_round(3);
  verdict.mutable_verdict()->set_attempt(2);
  verdict.mutable_verdict()->set_reason("its norm");
  hub_.Push(verdict);
  v1::HubMessage state;
  state.mutable_state()->set_federation("Test federation");
  hub_.Push(state);
  ASSERT_TRUE(heard_.WaitUntil([&] { return heard_.states.size() == 1; }));
  EXPECT_EQ(heard_.cancels.at(0).reason, "the round closed");
  EXPECT_FALSE(heard_.verdicts.at(0).accepted);
  EXPECT_EQ(heard_.states.at(0), state.state().SerializeAsString());
}

TEST_F(HubLinkTest, AnOrderThatCannotBeUsedIsDroppedAndTheNextOneHeard) {
  const auto link = Link();
  v1::HubMessage bad;
  bad.mutable_train()->set_run("../../etc");
  bad.mutable_train()->set_round(1);
  bad.mutable_train()->set_attempt(1);
  bad.mutable_train()->set_model(ToBytes(DigestOf("model")));
  hub_.Push(bad);
  bad.mutable_train()->set_run("run-1");
  bad.mutable_train()->set_model("short");
  hub_.Push(bad);
  v1::HubMessage good;
  good.mutable_evaluate()->set_run("run-1");
  good.mutable_evaluate()->set_model(ToBytes(DigestOf("model")));
  hub_.Push(good);
  ASSERT_TRUE(heard_.WaitUntil([&] { return heard_.evaluates.size() == 1; }));
  EXPECT_TRUE(heard_.trains.empty());
}

TEST_F(HubLinkTest, EventsGoOutAndHeartbeatsInBetween) {
  const auto link = Link();
  ASSERT_TRUE(heard_.WaitUntil([&] { return heard_.connects == 1; }));
  link->Report(RunId("run-1"), RoundNumber(1), 2, Stage::kTraining, 0.25);
  link->Refuse(RunId("run-1"), RoundNumber(2), 0, "no patients");
  link->Evaluated(RunId("run-1"), DigestOf("model"), {1.5, 2});
  const auto progress = hub_.WaitForMessage([](const auto& message) { return message.has_progress(); });
  EXPECT_EQ(progress.progress().stage(), v1::Progress::STAGE_TRAINING);
  EXPECT_DOUBLE_EQ(progress.progress().fraction(), 0.25);
  EXPECT_EQ(progress.progress().attempt(), 2);
  const auto refusal = hub_.WaitForMessage([](const auto& message) { return message.has_refusal(); });
  EXPECT_EQ(refusal.refusal().reason(), "no patients");
  EXPECT_TRUE(refusal.refusal().has_attempt());  // 0: of an evaluation
  EXPECT_EQ(refusal.refusal().attempt(), 0);
  const auto evaluation = hub_.WaitForMessage([](const auto& message) { return message.has_evaluation(); });
  EXPECT_DOUBLE_EQ(evaluation.evaluation().dice_sum(), 1.5);
  hub_.WaitForMessage([](const auto& message) { return message.has_heartbeat(); });
}

TEST_F(HubLinkTest, DialsAgainAfterACutAndWhatMattersIsSaidThen) {
  const auto link = Link();
  ASSERT_TRUE(heard_.WaitUntil([&] { return heard_.connects == 1; }));
  hub_.Stop();
  ASSERT_TRUE(heard_.WaitUntil([&] { return !heard_.why.empty(); }));
  EXPECT_THAT(heard_.why, HasSubstr("hub"));
  link->Report(RunId("run-1"), RoundNumber(1), 1, Stage::kTraining, 0.5);  // worth nothing later
  link->Refuse(RunId("run-1"), RoundNumber(1), 1, "no patients");
  hub_.Restart();
  ASSERT_TRUE(heard_.WaitUntil([&] { return heard_.connects >= 2; }));
  hub_.WaitForMessage([](const auto& message) { return message.has_refusal(); });
  for (const v1::SiteMessage& message : hub_.seen().messages) EXPECT_FALSE(message.has_progress());
  EXPECT_EQ(hub_.seen().hellos, 2);
}

// The hub is away for a while. Without its heartbeat as a limit the tenth dial would come after a minute and more, and
// the hub, back again, would have given this site up after four heartbeats.
TEST_F(HubLinkTest, DialsAtTheHubsHeartbeatHoweverLongTheHubIsAway) {
  const HubLink link({hub_.address(), "0.1", 0.2, 60, 1}, hub_.CredentialsFor("north"), heard_, [] {
    return PatientCounts{7, 2};
  });
  ASSERT_TRUE(heard_.WaitUntil([&] { return heard_.connects == 1; }));
  hub_.Stop();
  ASSERT_TRUE(heard_.WaitUntil([&] { return heard_.failures >= 10; }));
  hub_.Restart();
  EXPECT_TRUE(heard_.WaitUntil([&] { return heard_.connects == 2; }));
}

TEST(SiteSettings, DialBeforeAHubThatCameBackGivesTheSiteUp) {
  constexpr double kGraceS = 4 * 5;  // the hub's, at its usual heartbeat
  EXPECT_LE(2 * SiteSettings().backoff_most_s, kGraceS);
}

TEST_F(HubLinkTest, AModelIsFetchedInPiecesAndResumedAfterACut) {
  std::string model(100'000, 'm');
  for (std::size_t i = 0; i < model.size(); ++i) model[i] = static_cast<char>(i * 7);
  hub_.models[ToBytes(DigestOf(model))] = model;
  hub_.cut_download_after = 40'000;
  const auto link = Link();
  link->Download(DigestOf(model), model.size(), scratch_ / "model", {});
  EXPECT_EQ(DigestOfFile(scratch_ / "model"), DigestOf(model));
  ASSERT_EQ(hub_.seen().download_offsets.size(), 2U);
  EXPECT_EQ(hub_.seen().download_offsets[0], 0U);
  EXPECT_THAT(hub_.seen().download_offsets[1], Gt(30'000U)) << "it began anew";
}

TEST_F(HubLinkTest, AModelWithAnotherDigestIsNeverTaken) {
  const std::string model(10'000, 'a'), forged(10'000, 'b');
  hub_.models[ToBytes(DigestOf(model))] = forged;
  const auto link = Link();
  const Error error = ErrorOf([&] { link->Download(DigestOf(model), model.size(), scratch_ / "model", {}); });
  EXPECT_EQ(error.code(), ErrorCode::kDataLoss);
  EXPECT_THAT(error.what(), HasSubstr("do not have the digest that was announced (tried 3 times)"));
  EXPECT_FALSE(std::filesystem::exists(scratch_ / "model"));
  EXPECT_EQ(hub_.seen().download_offsets.size(), 3U);
}

TEST_F(HubLinkTest, AnUnknownModelIsAnErrorInTheHubsWords) {
  const auto link = Link();
  const Error error = ErrorOf([&] { link->Download(DigestOf("none"), 10, scratch_ / "model", {}); });
  EXPECT_EQ(error.code(), ErrorCode::kNotFound);
  EXPECT_THAT(error.what(), HasSubstr("the hub has no such model"));
}

TEST_F(HubLinkTest, AnUpdateArrivesWholeAfterACut) {
  const SealedUpdate sealed = Sealed();
  hub_.cut_upload_after = 1;
  const auto link = Link();
  link->Send(sealed, {});
  EXPECT_EQ(DigestOf(hub_.WaitForUpdate()), sealed.digest());
  EXPECT_EQ(hub_.seen().offer_offsets.size(), 2U);
}

TEST_F(HubLinkTest, AnUpdateThatTheHubHoldsIsNotSentAgain) {
  const SealedUpdate sealed = Sealed();
  const auto link = Link();
  link->Send(sealed, {});
  const std::size_t sent = hub_.seen().bytes.size();
  link->Send(sealed, {});
  EXPECT_LT(hub_.seen().bytes.size() - sent, 1000U);
  EXPECT_THAT(hub_.seen().offer_offsets, ElementsAre(0U, sealed.bytes()));
}

TEST_F(HubLinkTest, SendingCanBeStoppedWhileTheHubIsAway) {
  const SealedUpdate sealed = Sealed();
  const auto link = Link();
  hub_.Stop();
  std::stop_source stop;
  std::jthread later([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(200));
    stop.request_stop();
  });
  EXPECT_EQ(ErrorOf([&] { link->Send(sealed, stop.get_token()); }).code(), ErrorCode::kCancelled);
}

TEST_F(HubLinkTest, AHubOfAnotherAuthorityIsNotSpokenTo) {
  const FakeHub other;
  SiteCredentials credentials = hub_.CredentialsFor("north");
  credentials.authority_pem = other.authority().ToPem();  // what was pinned
  const auto link = Link(credentials);
  ASSERT_TRUE(heard_.WaitUntil([&] { return !heard_.why.empty(); }));
  EXPECT_EQ(heard_.connects, 0);
  EXPECT_TRUE(hub_.seen().bytes.empty());
}

}  // namespace
}  // namespace consilium
