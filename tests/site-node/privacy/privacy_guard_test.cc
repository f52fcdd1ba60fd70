// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "site-node/privacy/privacy_guard.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <type_traits>

#include "core/model/safetensors.h"
#include "site-node/link/hub_link.h"
#include "tests/site-node/error_of.h"
#include "tests/support/fake_clock.h"
#include "tests/support/temporary_folder.h"

namespace consilium {
namespace {

using testing::HasSubstr;

// Only the guard makes a SealedUpdate, and the link sends nothing else: anything else does not compile.
static_assert(!std::is_default_constructible_v<SealedUpdate>);
static_assert(!std::is_constructible_v<SealedUpdate, SubmissionId, Digest, std::uint64_t, std::filesystem::path>);
static_assert(!std::is_constructible_v<SealedUpdate, ModelUpdate>);
static_assert(std::is_invocable_v<decltype(&HubLink::Send), HubLink&, const SealedUpdate&, std::stop_token,
                                  const TransferProgress&>);
static_assert(!std::is_invocable_v<decltype(&HubLink::Send), HubLink&, const ModelUpdate&, std::stop_token,
                                   const TransferProgress&>);

Parameters Global() { return {{{"a.weight", {2, 2}, {1, 2, 3, 4}}, {"a.bias", {2}, {0, 0}}}}; }

ModelUpdate Update(std::int64_t round = 1) {
  ModelUpdate update;
  update.id = {RunId("run-1"), RoundNumber(round), SiteId("north"), 1};
  update.base = DigestOf("model");
  update.metrics = {.loss = 0.5, .steps = 10, .samples = 7, .validation = {1.5, 2}, .seconds = 3};
  update.delta = {{{"a.weight", {2, 2}, {3, 0, 0, 0}}, {"a.bias", {2}, {0, 4}}}};  // norm 5
  return update;
}

class PrivacyGuardTest : public testing::Test {
 protected:
  TemporaryFolder scratch_;
  FakeClock clock_;
  PrivacyGuard guard_{scratch_.path(), {.max_norm = 10, .min_patients = 3}, clock_};

  Error Refused(const ModelUpdate& update, double plan_norm = 100) {
    const Error error = ErrorOf([&] { guard_.Seal(update, Global(), plan_norm); });
    EXPECT_TRUE(guard_.Ledger().empty()) << "a refused update stands in the ledger";
    return error;
  }
};

TEST_F(PrivacyGuardTest, ASealedUpdateIsADurableFileThatReadsBack) {
  const ModelUpdate update = Update();
  const SealedUpdate sealed = guard_.Seal(update, Global(), 100);
  EXPECT_EQ(sealed.id(), update.id);
  EXPECT_EQ(sealed.digest(), DigestOfFile(sealed.file()));
  EXPECT_EQ(sealed.bytes(), std::filesystem::file_size(sealed.file()));
  const ModelUpdate read = ParseUpdate(ReadFile(sealed.file()), "file");
  EXPECT_EQ(read.delta, update.delta);
  EXPECT_EQ(read.metrics, update.metrics);
}

TEST_F(PrivacyGuardTest, TheLedgerSaysWhatLeft) {
  const SealedUpdate sealed = guard_.Seal(Update(), Global(), 8);
  ASSERT_EQ(guard_.Ledger().size(), 1U);
  const EgressEntry entry = guard_.Ledger().front();
  EXPECT_EQ(entry.digest, sealed.digest());
  EXPECT_EQ(entry.tensors, 2);
  EXPECT_EQ(entry.numbers, 6);
  EXPECT_DOUBLE_EQ(entry.norm, 5);
  EXPECT_DOUBLE_EQ(entry.norm_limit, 8);
  EXPECT_FALSE(entry.acknowledged);
  const std::string words = Describe(entry);
  EXPECT_THAT(words, HasSubstr("Run run-1, round 1"));
  EXPECT_THAT(words, HasSubstr("6 numbers in 2 tensors, norm 5 (limit 8)"));
  EXPECT_THAT(words, HasSubstr("7 training patients, Dice summed over 2 validation cases"));
  EXPECT_THAT(words, HasSubstr(sealed.digest().Hex()));
  EXPECT_THAT(words, HasSubstr("not yet acknowledged"));
}

TEST_F(PrivacyGuardTest, TheSameSubmissionIsSealedOnce) {
  const SealedUpdate first = guard_.Seal(Update(), Global(), 100);
  ModelUpdate other = Update();
  other.delta.arrays[0].values[0] = 1;
  EXPECT_EQ(guard_.Seal(other, Global(), 100).digest(), first.digest());
  EXPECT_EQ(guard_.Ledger().size(), 1U);
}

TEST_F(PrivacyGuardTest, ARestartFindsWhatWasSealed) {
  const SealedUpdate sealed = guard_.Seal(Update(), Global(), 100);
  PrivacyGuard again(scratch_.path(), {}, clock_);
  ASSERT_TRUE(again.Find(Update().id, Update().base));
  EXPECT_EQ(again.Find(Update().id, Update().base)->digest(), sealed.digest());
  EXPECT_FALSE(again.Find(Update(2).id, Update().base));
}

// Another hub, or the same one made anew, counts its runs from 1 again: the name is the same, the model is another.
TEST_F(PrivacyGuardTest, AnUpdateLearntFromAnotherModelIsNeverSentAgain) {
  const SealedUpdate old = guard_.Seal(Update(), Global(), 100);
  ModelUpdate anew = Update();
  anew.base = DigestOf("the other hub's model");
  EXPECT_FALSE(guard_.Find(anew.id, anew.base));
  const SealedUpdate sealed = guard_.Seal(anew, Global(), 100);
  EXPECT_NE(sealed.digest(), old.digest());
  EXPECT_EQ(ParseUpdate(ReadFile(sealed.file()), "file").base, anew.base);
  EXPECT_EQ(guard_.Find(anew.id, anew.base)->digest(), sealed.digest());
  EXPECT_EQ(guard_.Find(anew.id, Update().base)->digest(), old.digest());

  guard_.Acknowledged(sealed);
  ASSERT_EQ(guard_.Ledger().size(), 2U);
  EXPECT_TRUE(guard_.Ledger()[0].acknowledged);
  EXPECT_FALSE(guard_.Ledger()[1].acknowledged);
  EXPECT_FALSE(std::filesystem::exists(old.file())) << "nobody can ask for it any more";
  EXPECT_TRUE(std::filesystem::exists(sealed.file()));
}

// A ledger of the first version: its lines stay, but nothing is sent by them, because they do not say from which model.
TEST_F(PrivacyGuardTest, ALedgerWithoutBasesIsKeptAndNothingIsSentByIt) {
  const std::filesystem::path dir = scratch_ / "old";
  std::filesystem::create_directories(dir);
  {
    constexpr std::string_view kFirst[] = {R"sql(
CREATE TABLE egress(
  number INTEGER PRIMARY KEY AUTOINCREMENT, time_ms INTEGER NOT NULL,
  run TEXT NOT NULL, round INTEGER NOT NULL, site TEXT NOT NULL, attempt INTEGER NOT NULL,
  digest TEXT NOT NULL, bytes INTEGER NOT NULL, tensors INTEGER NOT NULL, numbers INTEGER NOT NULL,
  norm REAL NOT NULL, norm_limit REAL NOT NULL, loss REAL NOT NULL, steps INTEGER NOT NULL, patients INTEGER NOT NULL,
  dice_sum REAL NOT NULL, dice_cases INTEGER NOT NULL, seconds REAL NOT NULL,
  acknowledged INTEGER NOT NULL DEFAULT 0, file_kept INTEGER NOT NULL DEFAULT 1, UNIQUE(run, round, site, attempt));
)sql"};
    Database database(dir / "egress.sqlite", kFirst);
    database.Run("INSERT INTO egress VALUES(4,5,'run-1',1,'north',1,'" + DigestOf("old").Hex() +
                 "',100,2,6,5,10,0.5,10,7,1.5,2,3,1,0)");
  }
  PrivacyGuard guard(dir, {}, clock_);
  EXPECT_FALSE(guard.Find(Update().id, Update().base));
  guard.Seal(Update(), Global(), 100);
  const std::vector<EgressEntry> ledger = guard.Ledger();
  ASSERT_EQ(ledger.size(), 2U);
  EXPECT_EQ(ledger[0].number, 5);
  EXPECT_EQ(ledger[1].digest, DigestOf("old"));
  EXPECT_TRUE(ledger[1].acknowledged);
  EXPECT_EQ(ledger[1].metrics.samples, 7);
}

TEST_F(PrivacyGuardTest, NumbersThatAreNotFiniteDoNotLeave) {
  for (const float bad : {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()}) {
    ModelUpdate update = Update();
    update.delta.arrays[1].values[1] = bad;
    const Error error = Refused(update);
    EXPECT_EQ(error.code(), ErrorCode::kPermissionDenied);
    EXPECT_THAT(error.what(), HasSubstr("not finite"));
  }
  ModelUpdate update = Update();
  update.metrics.loss = std::nan("");
  EXPECT_THAT(Refused(update).what(), HasSubstr("loss or Dice is not finite"));
}

TEST_F(PrivacyGuardTest, AnotherLayoutDoesNotLeave) {
  ModelUpdate renamed = Update();
  renamed.delta.arrays[0].name = "PatientName";
  EXPECT_THAT(Refused(renamed).what(), HasSubstr("PatientName"));
  ModelUpdate more = Update();
  more.delta.arrays.push_back({"more", {1}, {1}});
  EXPECT_EQ(Refused(more).code(), ErrorCode::kInvalidArgument);
}

TEST_F(PrivacyGuardTest, ANormAboveEitherLimitDoesNotLeave) {
  EXPECT_THAT(Refused(Update(), 4.5).what(), HasSubstr("norm 5 is above the limit 4.5"));
  ModelUpdate large = Update();
  large.delta.arrays[0].values[0] = 11;
  const Error error = Refused(large);
  EXPECT_THAT(error.what(), HasSubstr("above the limit 10"));
  EXPECT_THAT(error.next_step(), HasSubstr("max_update_norm"));
}

TEST_F(PrivacyGuardTest, TooFewPatientsDoNotLeave) {
  ModelUpdate update = Update();
  update.metrics.samples = 2;
  EXPECT_THAT(Refused(update).what(), HasSubstr("2 patients stand behind it, this site asks for 3"));
}

TEST_F(PrivacyGuardTest, AnAcknowledgedUpdateKeepsItsLineAndLosesItsFileToTheNext) {
  const SealedUpdate first = guard_.Seal(Update(1), Global(), 100);
  guard_.Acknowledged(first);
  EXPECT_TRUE(std::filesystem::exists(first.file())) << "the hub may still ask for it";
  const SealedUpdate second = guard_.Seal(Update(2), Global(), 100);
  guard_.Acknowledged(second);
  EXPECT_FALSE(std::filesystem::exists(first.file()));
  EXPECT_TRUE(std::filesystem::exists(second.file()));
  ASSERT_EQ(guard_.Ledger().size(), 2U);
  EXPECT_EQ(guard_.Ledger()[0].id.round, RoundNumber(2)) << "newest first";
  EXPECT_TRUE(guard_.Ledger()[1].acknowledged);
}

}  // namespace
}  // namespace consilium
