// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "hub/store/spool.h"

#include <gtest/gtest.h>

#include <fstream>

#include "hub/store/run_store.h"
#include "hub/store/schema.h"
#include "tests/hub/small_run.h"
#include "tests/support/expect_error.h"
#include "tests/support/fake_clock.h"
#include "tests/support/temporary_folder.h"

namespace consilium {
namespace {

using State = Submission::State;

const std::string kBytes = "the numbers of an update";

class SpoolTest : public testing::Test {
 protected:
  SpoolTest() {
    for (const char* run : {"tiny-1", "tiny-10"}) {
      RunStore(database_).AddRun({RunId(run), SmallPlan(), DigestOf("model"), FakeClock().Wall()});
    }
  }
  void Open(const SubmissionId& id) { spool_->Open(id, DigestOf(kBytes), kBytes.size()); }
  void Fill(const SubmissionId& id) {
    Open(id);
    EXPECT_TRUE(spool_->Append(id, PartOf(kBytes, 0)));
  }
  void Restart() { spool_.emplace(database_, folder_ / "spool"); }

  TemporaryFolder folder_;
  Database database_ = OpenHubDatabase(folder_ / "hub.sqlite");
  std::optional<Spool> spool_{std::in_place, database_, folder_ / "spool"};
  const SubmissionId id_ = SmallId();
};

TEST_F(SpoolTest, GrowsInOrderAndIsCompleteWithItsLastByte) {
  EXPECT_FALSE(spool_->Find(id_));
  EXPECT_EQ(spool_->Offset(id_), 0U);
  ExpectError(ErrorCode::kFailedPrecondition, "submission tiny-1/1/north/1 was not announced",
              [&] { spool_->Append(id_, PartOf(kBytes, 0)); });
  Open(id_);
  EXPECT_EQ(spool_->Find(id_)->state, State::kArriving);
  EXPECT_FALSE(spool_->Append(id_, PartOf(kBytes, 0, 10)));
  EXPECT_FALSE(spool_->Append(id_, PartOf(kBytes, 0, 10)));  // sent again: skipped
  EXPECT_EQ(spool_->Offset(id_), 10U);
  ExpectError(ErrorCode::kOutOfRange, "does not go on at 10", [&] { spool_->Append(id_, PartOf(kBytes, 12, 14)); });
  ExpectError(ErrorCode::kOutOfRange, "does not go on at 10 of 24",
              [&] { spool_->Append(id_, PartOf(kBytes + "more", 10)); });
  EXPECT_TRUE(spool_->Complete(id_.run).empty());
  EXPECT_TRUE(spool_->Append(id_, PartOf(kBytes, 10)));
  EXPECT_EQ(spool_->Find(id_)->state, State::kComplete);
  EXPECT_EQ(TextOfFile(spool_->PathOf(id_)), kBytes);
  EXPECT_EQ(spool_->Offset(id_), kBytes.size());
  EXPECT_FALSE(spool_->Append(id_, PartOf(kBytes, 0)));  // nothing is written any more
}

TEST_F(SpoolTest, GoesOnAfterARestartWhereItWas) {
  Open(id_);
  spool_->Append(id_, PartOf(kBytes, 0, 10));
  Restart();
  Open(id_);
  EXPECT_EQ(spool_->Offset(id_), 10U);
  EXPECT_TRUE(spool_->Append(id_, PartOf(kBytes, 10)));
  Restart();
  EXPECT_EQ(spool_->Find(id_)->state, State::kComplete);
  ASSERT_EQ(spool_->Complete(id_.run).size(), 1U);
  EXPECT_EQ(spool_->Complete(id_.run)[0].digest, DigestOf(kBytes));
}

TEST_F(SpoolTest, TheSameIdMeansTheSameBytes) {
  Open(id_);
  const std::string words = "submission tiny-1/1/north/1 was already announced with other bytes";
  ExpectError(ErrorCode::kAlreadyExists, words, [&] { spool_->Open(id_, DigestOf("x"), kBytes.size()); });
  ExpectError(ErrorCode::kAlreadyExists, words, [&] { spool_->Open(id_, DigestOf(kBytes), kBytes.size() + 1); });
  EXPECT_NO_THROW(Open(SmallId("north", 1, 2)));  // another attempt is another submission
  EXPECT_NO_THROW(Open(SmallId("coast")));
}

TEST_F(SpoolTest, WrongBytesAreThrownAwayAndCanBeSentAgain) {
  Open(id_);
  std::string wrong = kBytes;
  wrong[3] ^= 1;
  ExpectError(ErrorCode::kDataLoss, "do not have the digest that was announced\n  Send the whole file again.",
              [&] { spool_->Append(id_, PartOf(wrong, 0)); });
  EXPECT_EQ(spool_->Find(id_)->state, State::kArriving);
  EXPECT_EQ(spool_->Offset(id_), 0U);
  EXPECT_TRUE(spool_->Append(id_, PartOf(kBytes, 0)));
}

TEST_F(SpoolTest, ATornFileStartsAgain) {
  Open(id_);
  std::ofstream(spool_->PathOf(id_)) << kBytes << "and more than was announced";
  EXPECT_EQ(spool_->Offset(id_), 0U);
  Restart();
  std::ofstream(spool_->PathOf(id_)) << std::string(kBytes.size(), '\0');  // its size was durable, its bytes were not
  EXPECT_EQ(spool_->Offset(id_), 0U);
  EXPECT_EQ(spool_->Find(id_)->state, State::kArriving);
  EXPECT_TRUE(spool_->Append(id_, PartOf(kBytes, 0)));
  EXPECT_EQ(TextOfFile(spool_->PathOf(id_)), kBytes);
}

TEST_F(SpoolTest, AFileThatWasWholeWhenTheHubDiedIsComplete) {
  Open(id_);
  std::ofstream(spool_->PathOf(id_)) << kBytes;  // all of it, but the database does not know yet
  EXPECT_EQ(spool_->Offset(id_), kBytes.size());
  EXPECT_EQ(spool_->Find(id_)->state, State::kComplete);
  EXPECT_EQ(spool_->Complete(id_.run).size(), 1U);
}

TEST_F(SpoolTest, AChunkIsAtMostAMebibyte) {
  const std::string large((std::size_t{1} << 20) + 1, 'x');
  spool_->Open(id_, DigestOf(large), large.size());
  ExpectError(ErrorCode::kInvalidArgument, "a chunk is larger than 1 MiB",
              [&] { spool_->Append(id_, PartOf(large, 0)); });
  EXPECT_FALSE(spool_->Append(id_, PartOf(large, 0, std::size_t{1} << 20)));
  EXPECT_TRUE(spool_->Append(id_, PartOf(large, std::size_t{1} << 20)));
}

TEST_F(SpoolTest, NoRoomOnTheDiskIsSaidBeforeTheFirstByte) {
  spool_->Open(id_, DigestOf("x"), std::uint64_t{1} << 60);
  ExpectError(ErrorCode::kResourceExhausted, "the disk has no room for 1152921504606846976 bytes\n  Free space",
              [&] { spool_->Append(id_, PartOf(kBytes, 0)); });
}

TEST_F(SpoolTest, AVerdictStaysWithItsWordsWhenTheFileIsGone) {
  Fill(id_);
  Fill(SmallId("coast"));
  spool_->Judge(id_, false, "its norm is too large");
  spool_->RemoveFile(id_);
  EXPECT_FALSE(std::filesystem::exists(spool_->PathOf(id_)));
  Restart();
  EXPECT_EQ(spool_->Find(id_)->state, State::kRejected);
  EXPECT_EQ(spool_->Find(id_)->reason, "its norm is too large");
  EXPECT_EQ(spool_->Offset(id_), kBytes.size());  // it need not be sent again
  ASSERT_EQ(spool_->Complete(id_.run).size(), 1U);
  EXPECT_EQ(spool_->Complete(id_.run)[0].id, SmallId("coast"));
  spool_->Judge(SmallId("coast"), true, {});
  EXPECT_EQ(spool_->Find(SmallId("coast"))->state, State::kAccepted);
  EXPECT_TRUE(spool_->Complete(id_.run).empty());
}

TEST_F(SpoolTest, WaitingForJudgementComesByRoundSiteAndAttempt) {
  for (const SubmissionId& id :
       {SmallId("valley", 2), SmallId("north", 2, 2), SmallId("north", 2), SmallId("valley")}) {
    Fill(id);
  }
  std::string order;
  for (const Submission& submission : spool_->Complete(RunId("tiny-1"))) order += submission.id.Text() + " ";
  EXPECT_EQ(order, "tiny-1/1/valley/1 tiny-1/2/north/1 tiny-1/2/north/2 tiny-1/2/valley/1 ");
}

TEST_F(SpoolTest, AnEndedRunTakesItsOwnFilesOnlyWithIt) {
  SubmissionId other = SmallId();
  other.run = RunId("tiny-10");
  Fill(id_);
  Fill(other);
  Open(SmallId("coast"));
  spool_->Append(SmallId("coast"), PartOf(kBytes, 0, 5));
  spool_->RemoveRun(id_.run);
  EXPECT_FALSE(std::filesystem::exists(spool_->PathOf(id_)));
  EXPECT_FALSE(std::filesystem::exists(spool_->PathOf(SmallId("coast"))));
  EXPECT_EQ(TextOfFile(spool_->PathOf(other)), kBytes);
  EXPECT_EQ(spool_->Find(id_)->state, State::kComplete);  // the row stays
}

TEST_F(SpoolTest, ADatabaseThatSomebodyChangedIsRefusedInWords) {
  Open(id_);
  database_.Run("UPDATE submissions SET state = 'lost'");
  ExpectError(ErrorCode::kDataLoss, "a submission in state 'lost'", [&] { spool_->Find(id_); });
}

}  // namespace
}  // namespace consilium
