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
  EXPECT_THAT(words, HasSubstr("7 training patients"));
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
  ASSERT_TRUE(again.Find(Update().id));
  EXPECT_EQ(again.Find(Update().id)->digest(), sealed.digest());
  EXPECT_FALSE(again.Find(Update(2).id));
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
