// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "hub/store/run_store.h"

#include <gtest/gtest.h>

#include "hub/store/schema.h"
#include "hub/store/spool.h"
#include "tests/support/expect_error.h"
#include "tests/support/fake_clock.h"
#include "tests/support/temporary_folder.h"

namespace consilium {
namespace {

RunPlan Plan(const std::string& name) {
  RunPlan plan;
  plan.name = name;
  plan.rounds = 2;
  plan.seed = 7;
  plan.train.learning_rate = 0.0625;
  return plan;
}

TEST(RunStore, ARunIsReplayedFromItsEventsAfterARestart) {
  const TemporaryFolder folder;
  const FakeClock clock;
  const RunId id("sarcoma-1");
  RunState state = StartRun(Plan("sarcoma"), id, DigestOf("model 0"));
  {
    Database database = OpenHubDatabase(folder / "hub.sqlite");
    RunStore store(database);
    EXPECT_EQ(store.Newest(), std::nullopt);
    EXPECT_EQ(store.NextRunId("sarcoma"), id);
    store.AddRun({id, Plan("sarcoma"), DigestOf("model 0"), clock.Wall()});
    const SubmissionId north{id, RoundNumber(1), SiteId("north"), 1};
    const TrainMetrics metrics{0.5, 50, 12, {1.2, 2}, 9, {"float32", "cpu", 4}};
    for (const RunEvent& event : std::vector<RunEvent>{
             SiteConnected{SiteId("north"), 12, true}, SiteConnected{SiteId("coast"), 8, false},
             UpdateJudged{{north, DigestOf("u"), metrics}, true, ""}, SiteDisconnected{SiteId("coast")}}) {
      state = Advance(state, event).state;
      store.AddEvent(id, {clock.Wall(), event});
    }
  }
  Database database = OpenHubDatabase(folder / "hub.sqlite");
  const RunStore store(database);
  EXPECT_EQ(store.Newest(), id);
  const auto found = store.Find(id);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->plan, Plan("sarcoma"));
  EXPECT_EQ(found->first_model, DigestOf("model 0"));
  EXPECT_EQ(found->started, clock.Wall());
  EXPECT_EQ(store.Events(id).size(), 4U);
  const auto replayed = store.Replay(id);
  ASSERT_TRUE(replayed);
  EXPECT_EQ(*replayed, state);
  EXPECT_EQ(replayed->accepted.size(), 1U);
}

TEST(RunStore, RunsOfOnePlanAreNumberedAndKeptApart) {
  const TemporaryFolder folder;
  const FakeClock clock;
  Database database = OpenHubDatabase(folder / "hub.sqlite");
  RunStore store(database);
  for (const char* name : {"a", "b", "a"}) {
    const RunId id = store.NextRunId(name);
    store.AddRun({id, Plan(name), DigestOf(name), clock.Wall()});
  }
  EXPECT_EQ(store.Newest()->text(), "a-2");
  EXPECT_EQ(store.NextRunId("b").text(), "b-2");
  store.AddEvent(RunId("a-1"), {clock.Wall(), AbortAsked{"enough"}});
  EXPECT_EQ(store.Replay(RunId("a-1"))->phase, RunPhase::kAborted);
  EXPECT_EQ(store.Replay(RunId("a-2"))->phase, RunPhase::kWaiting);
  EXPECT_FALSE(store.Find(RunId("c-1")));
  EXPECT_FALSE(store.Replay(RunId("c-1")));
  store.SetTraffic(RunId("a-1"), RoundNumber(1), {5, 6});
  store.SetTraffic(RunId("a-1"), RoundNumber(1), {7, 8});
  store.SetTraffic(RunId("a-1"), RoundNumber(2), {std::uint64_t{1} << 40, 0});
  const auto traffic = store.TrafficOf(RunId("a-1"));
  ASSERT_EQ(traffic.size(), 2U);
  EXPECT_EQ(traffic.at(RoundNumber(1)).up, 7U);
  EXPECT_EQ(traffic.at(RoundNumber(1)).down, 8U);
  EXPECT_EQ(traffic.at(RoundNumber(2)).up, std::uint64_t{1} << 40);
  EXPECT_TRUE(store.TrafficOf(RunId("a-2")).empty());
}

TEST(RunStore, DamageIsNamed) {
  const TemporaryFolder folder;
  const FakeClock clock;
  Database database = OpenHubDatabase(folder / "hub.sqlite");
  RunStore store(database);
  store.AddRun({RunId("a-1"), Plan("a"), DigestOf("m"), clock.Wall()});
  EXPECT_THROW(store.AddRun({RunId("a-1"), Plan("a"), DigestOf("m"), clock.Wall()}), Error);
  database.Run("UPDATE runs SET first_model = x'00'");
  ExpectError(ErrorCode::kDataLoss, "run a-1 has no first model", [&] { store.Find(RunId("a-1")); });
  database.Run("UPDATE runs SET plan = 'rounds = \"x\"'");
  ExpectError(ErrorCode::kInvalidArgument, "plan of run a-1", [&] { store.Find(RunId("a-1")); });
}

class SpooledFilesTest : public testing::Test {
 protected:
  SpooledFilesTest() : database_(OpenHubDatabase(folder_ / "hub.sqlite")), spool_(database_, folder_ / "spool") {
    for (const char* run : {"a-1", "a-10"}) {
      RunStore(database_).AddRun({RunId(run), Plan("a"), DigestOf("m"), FakeClock().Wall()});
    }
  }
  static SubmissionId Id(const std::string& run, const std::string& site) {
    return {RunId(run), RoundNumber(1), SiteId(site), 1};
  }
  static v1::Chunk ChunkOf(std::uint64_t offset, const std::string& data) {
    v1::Chunk chunk;
    chunk.set_offset(offset);
    chunk.set_data(data);
    return chunk;
  }

  TemporaryFolder folder_;
  Database database_;
  Spool spool_;
};

TEST_F(SpooledFilesTest, AFileWithAnotherDigestThanAnnouncedIsNeverComplete) {
  const SubmissionId id = Id("a-1", "north");
  spool_.Open(id, DigestOf("right bytes"), 11);
  ExpectError(ErrorCode::kDataLoss, "do not have the digest that was announced",
              [&] { spool_.Append(id, ChunkOf(0, "wrong bytes")); });
  EXPECT_TRUE(spool_.Complete(id.run).empty());
  EXPECT_TRUE(spool_.Append(id, ChunkOf(0, "right bytes")));  // sent again from the start
  EXPECT_EQ(spool_.Complete(id.run).size(), 1U);
}

TEST_F(SpooledFilesTest, NothingIsTakenUnannouncedOrBeyondTheAnnouncedSize) {
  const SubmissionId id = Id("a-1", "north");
  ExpectError(ErrorCode::kFailedPrecondition, "submission a-1/1/north/1 was not announced",
              [&] { spool_.Append(id, ChunkOf(0, "x")); });
  EXPECT_EQ(spool_.Offset(id), 0U);
  spool_.Open(id, DigestOf("abc"), 3);
  EXPECT_THROW(spool_.Append(id, ChunkOf(0, "abcd")), Error);
  EXPECT_TRUE(spool_.Append(id, ChunkOf(0, "abc")));
  EXPECT_FALSE(spool_.Append(id, ChunkOf(3, "more")));  // complete: nothing changes any more
  EXPECT_EQ(spool_.Offset(id), 3U);
}

TEST_F(SpooledFilesTest, RemovingARunLeavesTheOthers) {
  for (const auto& [run, site] : {std::pair{"a-1", "north"}, {"a-10", "north"}, {"a-1", "coast"}}) {
    spool_.Open(Id(run, site), DigestOf("abc"), 3);
    EXPECT_TRUE(spool_.Append(Id(run, site), ChunkOf(0, "abc")));
  }
  spool_.RemoveRun(RunId("a-1"));
  EXPECT_FALSE(std::filesystem::exists(spool_.PathOf(Id("a-1", "north"))));
  EXPECT_FALSE(std::filesystem::exists(spool_.PathOf(Id("a-1", "coast"))));
  EXPECT_TRUE(std::filesystem::exists(spool_.PathOf(Id("a-10", "north"))));
  EXPECT_TRUE(spool_.Find(Id("a-1", "north")));  // the row stays: a repeated submission gets the same answer
}

}  // namespace
}  // namespace consilium
