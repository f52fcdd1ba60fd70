// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <fstream>

#include "core/base/file_store.h"
#include "cuda/ops/fixed_point_sum.h"
#include "hub/round/intake.h"
#include "hub/store/run_store.h"
#include "hub/store/schema.h"
#include "tests/hub/small_run.h"
#include "tests/support/expect_error.h"
#include "tests/support/fake_clock.h"
#include "tests/support/temporary_folder.h"

namespace consilium {
namespace {

const Digest kModel = DigestOf("model 0");

// A run in round 1: north and coast have orders, hill came too late for one.
RunState Training() {
  RunState run = StartRun(SmallPlan(), RunId("tiny-1"), kModel);
  for (const RunEvent& event :
       std::vector<RunEvent>{SiteConnected{SiteId("north"), 10, true}, SiteConnected{SiteId("coast"), 20},
                             SiteConnected{SiteId("hill"), 30}}) {
    run = Advance(std::move(run), event).state;
  }
  return run;
}

class EndedRunTest : public testing::Test {
 protected:
  EndedRunTest() {
    RunStore(database_).AddRun({RunId("tiny-1"), SmallPlan(), kModel, clock_.Wall()});
    intake_.Begin(SmallPlan());
  }
  std::string FileFor(const SubmissionId& id, std::int64_t samples = 10) const {
    return TextOf(SerializeUpdate(SmallUpdate(SmallPlan(), id, kModel, 0.01F, samples)));
  }
  void ExpectRefused(ErrorCode code, const std::string& words, const RunState* run, const SubmissionId& id,
                     const v1::UploadHeader& header) {
    ExpectError(code, words, [&] { intake_.Offer(run, id, header); });
    const auto audit = audit_.Newest(1);
    ASSERT_EQ(audit.size(), 1U) << words;
    EXPECT_EQ(audit[0].actor, "site " + id.site.text());
    EXPECT_EQ(audit[0].action, "refuse upload");
    EXPECT_EQ(audit[0].subject, id.Text());
    EXPECT_NE(audit[0].detail.find(words.substr(0, words.find('\n'))), std::string::npos) << audit[0].detail;
  }
  void Upload(const RunState& run, const SubmissionId& id, const std::string& file) {
    intake_.Offer(&run, id, HeaderOf(id, file));
    EXPECT_TRUE(intake_.Store(&run, id, PartOf(file, 0)));
  }

  TemporaryFolder folder_;
  FakeClock clock_;
  Database database_ = OpenHubDatabase(folder_ / "hub.sqlite");
  AuditLog audit_{database_, clock_};
  Spool spool_{database_, folder_ / "spool"};
  Intake intake_{spool_, audit_};
  const RunState run_ = Training();
  const SubmissionId id_ = SmallId();
};

TEST_F(EndedRunTest, AWantedUpdateIsTakenFromItsFirstMissingByteOn) {
  const std::string file = FileFor(id_);
  v1::UploadState state = intake_.Offer(&run_, id_, HeaderOf(id_, file));
  EXPECT_EQ(state.offset(), 0U);
  EXPECT_FALSE(state.complete());
  EXPECT_FALSE(intake_.Store(&run_, id_, PartOf(file, 0, 100)));
  state = intake_.Offer(&run_, id_, HeaderOf(id_, file));
  EXPECT_EQ(state.offset(), 100U);
  EXPECT_FALSE(state.complete());
  EXPECT_TRUE(intake_.Store(&run_, id_, PartOf(file, 100)));
  state = intake_.Offer(&run_, id_, HeaderOf(id_, file));
  EXPECT_EQ(state.offset(), file.size());
  EXPECT_TRUE(state.complete());
  EXPECT_TRUE(audit_.Newest(1).empty());
}

TEST_F(EndedRunTest, AFileThatWasWholeWhenTheHubDiedNeedNotBeSentAgain) {
  const std::string file = FileFor(id_);
  intake_.Offer(&run_, id_, HeaderOf(id_, file));
  std::ofstream(spool_.PathOf(id_)) << file;
  Spool spool(database_, folder_ / "spool");
  Intake intake(spool, audit_);
  intake.Begin(SmallPlan());
  const v1::UploadState state = intake.Offer(&run_, id_, HeaderOf(id_, file));
  EXPECT_TRUE(state.complete());
  EXPECT_EQ(state.offset(), file.size());
}

TEST_F(EndedRunTest, NothingMoreIsTakenOfAnEndedRun) {
  const std::string file = FileFor(id_);
  intake_.Offer(&run_, id_, HeaderOf(id_, file));
  intake_.Store(&run_, id_, PartOf(file, 0, 100));
  const RunState aborted = Advance(run_, AbortAsked{"x"}).state;
  spool_.RemoveRun(id_.run);
  for (const RunState* run : {&aborted, static_cast<const RunState*>(nullptr)}) {
    ExpectRefused(ErrorCode::kFailedPrecondition, "run tiny-1 is not going on", run, id_, HeaderOf(id_, file));
    ExpectError(ErrorCode::kFailedPrecondition, "run tiny-1 is not going on",
                [&] { intake_.Store(run, id_, PartOf(file, 0, 100)); });
  }
  EXPECT_FALSE(std::filesystem::exists(spool_.PathOf(id_)));
}

TEST_F(EndedRunTest, AFileThatIsNoUpdateOrIsGoneIsAVerdictNotAnError) {
  Upload(run_, id_, std::string(FileFor(id_).size(), 'x'));
  const Verdict verdict = intake_.Judge(run_, *spool_.Find(id_), 10);
  EXPECT_FALSE(verdict.accepted);
  EXPECT_NE(verdict.reason.find("the update is no valid safetensors file"), std::string::npos) << verdict.reason;
  spool_.RemoveFile(id_);
  EXPECT_EQ(intake_.Judge(run_, *spool_.Find(id_), 10).reason, "the update: its file is gone from the spool");
}

}  // namespace
}  // namespace consilium
