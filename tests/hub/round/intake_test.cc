// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
// Which submissions the hub takes, and what it answers to the others.
#include "hub/round/intake.h"

#include <gtest/gtest.h>

#include "core/model/network_spec.h"
#include "hub/store/run_store.h"
#include "hub/store/schema.h"
#include "proto/codec.h"
#include "tests/support/expect_error.h"
#include "tests/support/fake_clock.h"
#include "tests/support/temporary_folder.h"

namespace consilium {
namespace {

class IntakeTest : public testing::Test {
 protected:
  IntakeTest() : database_(OpenHubDatabase(folder_ / "hub.sqlite")), spool_(database_, folder_ / "spool") {
    RunPlan plan;
    plan.name = "tiny";
    plan.network.features = {4, 8};
    plan.network.convs_per_stage = 1;
    run_ = StartRun(plan, id_.run, DigestOf("model"));
    for (const char* site : {"coast", "north"}) run_ = Advance(run_, SiteConnected{SiteId(site), 10, false}).state;
    RunStore(database_).AddRun({id_.run, plan, run_.model, clock_.Wall()});
    intake_.Begin(plan);
    update_.id = id_;
    update_.base = run_.model;
    update_.metrics.steps = 5;
    update_.metrics.samples = 10;
    update_.metrics.validation = {0.5, 1};
    update_.delta = InitialParameters(plan.network, 1);
    Pack();
  }
  void Pack() {
    const std::vector<std::byte> bytes = SerializeUpdate(update_);
    bytes_.assign(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    header_ = ToMessage(update_.id, DigestOf(bytes_), bytes_.size());
  }
  void Send() {
    v1::Chunk chunk;
    chunk.set_data(bytes_);
    ASSERT_TRUE(spool_.Append(update_.id, chunk));
  }

  TemporaryFolder folder_;
  FakeClock clock_;
  Database database_;
  Spool spool_;
  AuditLog audit_{database_, clock_};
  Intake intake_{spool_, audit_};
  RunState run_;
  const SubmissionId id_{RunId("tiny-1"), RoundNumber(1), SiteId("north"), 1};
  ModelUpdate update_;
  std::string bytes_;
  v1::UploadHeader header_;
};

TEST_F(IntakeTest, AnOrderedUpdateIsTakenFromItsFirstByte) {
  ASSERT_EQ(run_.phase, RunPhase::kTraining);
  const v1::UploadState state = intake_.Offer(&run_, id_, header_);
  EXPECT_EQ(state.offset(), 0U);
  EXPECT_FALSE(state.complete());
  Send();
  const v1::UploadState again = intake_.Offer(&run_, id_, header_);  // its answer was lost on the way
  EXPECT_TRUE(again.complete());
  EXPECT_EQ(again.offset(), bytes_.size());
  EXPECT_EQ(spool_.Complete(id_.run).size(), 1U);
  EXPECT_TRUE(audit_.Newest(10).empty());
}

TEST_F(IntakeTest, WhatNobodyOrderedIsRefusedAndAudited) {
  const auto refused = [&](std::string_view words, const RunState* run, const SubmissionId& id) {
    ExpectError(ErrorCode::kFailedPrecondition, words, [&] { intake_.Offer(run, id, header_); });
    const AuditEntry entry = audit_.Newest(1).front();
    EXPECT_EQ(entry.actor, "site " + id.site.text());
    EXPECT_EQ(entry.action, "refuse upload");
    EXPECT_EQ(entry.subject, id.Text());
  };
  refused("run tiny-1 is not going on\n  Wait for the next order.", nullptr, id_);
  SubmissionId id = id_;
  id.run = RunId("tiny-2");
  refused("run tiny-2 is not going on", &run_, id);
  id = id_;
  id.round = RoundNumber(2);
  refused("comes too late or too early: run tiny-1 is in round 1, attempt 1 (training)", &run_, id);
  id = id_;
  id.attempt = 2;
  refused("Drop it and wait for the next order.", &run_, id);
  id = id_;
  id.site = SiteId("valley");
  refused("site valley has no order in this round", &run_, id);
  RunState ended = Advance(run_, AbortAsked{"enough"}).state;
  refused("run tiny-1 is not going on", &ended, id_);
  EXPECT_FALSE(spool_.Find(id_));
}

TEST_F(IntakeTest, ASizeThatCannotBeOfThisModelIsRefusedBeforeAByteIsStored) {
  const std::uint64_t numbers = static_cast<std::uint64_t>(update_.delta.Count()) * 4;
  for (const std::uint64_t bytes : {std::uint64_t{0}, numbers - 1, numbers + (1 << 20) + 9, ~std::uint64_t{0}}) {
    header_.set_bytes(bytes);
    ExpectError(ErrorCode::kInvalidArgument, "cannot be of this model, which has " + std::to_string(numbers),
                [&] { intake_.Offer(&run_, id_, header_); });
  }
  EXPECT_FALSE(spool_.Find(id_));
  header_.set_digest("short");
  ExpectError(ErrorCode::kInvalidArgument, "a digest of 5 bytes instead of 32",
              [&] { intake_.Offer(&run_, id_, header_); });
}

TEST_F(IntakeTest, ARepeatedSubmissionGetsItsAnswerAlsoAfterItsRound) {
  intake_.Offer(&run_, id_, header_);
  Send();
  RunState ended = Advance(run_, AbortAsked{"enough"}).state;
  EXPECT_TRUE(intake_.Offer(&ended, id_, header_).complete());
  v1::UploadHeader other = header_;
  other.set_digest(ToBytes(DigestOf("other bytes")));
  ExpectError(ErrorCode::kAlreadyExists, "already announced with other bytes",
              [&] { intake_.Offer(&run_, id_, other); });
}

TEST_F(IntakeTest, JudgesWhatLiesInTheSpool) {
  const auto judge = [&](std::int64_t declared) { return intake_.Judge(run_, *spool_.Find(id_), declared); };
  intake_.Offer(&run_, id_, header_);
  Send();
  const Verdict good = judge(10);
  EXPECT_TRUE(good.accepted) << good.reason;
  EXPECT_EQ(good.metrics, update_.metrics);
  EXPECT_EQ(judge(9).reason, "it claims 10 training patients; the site has declared 9");
  std::filesystem::resize_file(spool_.PathOf(id_), 100);  // the disk lost its end
  EXPECT_FALSE(judge(10).accepted);
  std::filesystem::remove(spool_.PathOf(id_));
  EXPECT_EQ(judge(10).reason, "the update: its file is gone from the spool");
}

// The exact sum holds 2^20 patients: with two sites no single one may bring more than half.
TEST_F(IntakeTest, NoSiteMayOverflowTheSum) {
  update_.metrics.samples = (1 << 19) + 1;
  Pack();
  intake_.Offer(&run_, id_, header_);
  Send();
  EXPECT_EQ(intake_.Judge(run_, *spool_.Find(id_), 1 << 30).reason,
            "it claims 524289 training patients; the site has declared 524288");
}

// A site that is ordered because another one was lost: the two that are in may hold all that the sum holds.
TEST_F(IntakeTest, ASiteOrderedLaterMayNotOverflowTheSumEither) {
  intake_.Offer(&run_, id_, header_);
  Send();
  const auto take = [&](const char* site, std::int64_t samples) {
    AcceptedUpdate& update = run_.accepted.emplace_back();
    update.id = {id_.run, RoundNumber(1), SiteId(site), 1};
    update.metrics.samples = samples;
  };
  take("coast", 1 << 19);
  take("valley", (1 << 19) - 9);
  EXPECT_EQ(intake_.Judge(run_, *spool_.Find(id_), 10).reason,
            "it claims 10 training patients; the site has declared 9");
  run_.accepted.back().metrics.samples = (1 << 19) - 10;
  EXPECT_TRUE(intake_.Judge(run_, *spool_.Find(id_), 10).accepted);
}

}  // namespace
}  // namespace consilium
