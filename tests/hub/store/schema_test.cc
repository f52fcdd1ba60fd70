// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "hub/store/schema.h"

#include <gtest/gtest.h>

#include <fstream>

#include "hub/store/run_store.h"
#include "tests/hub/small_run.h"
#include "tests/support/expect_error.h"
#include "tests/support/fake_clock.h"
#include "tests/support/temporary_folder.h"

namespace consilium {
namespace {

using namespace std::chrono_literals;

const RunId kFirst("tiny-1"), kSecond("tiny-2");

class RunStoreTest : public testing::Test {
 protected:
  void Add(const RunId& run, const std::string& model = "model") {
    runs_.AddRun({run, SmallPlan(), DigestOf(model), clock_.Wall()});
  }
  void Event(const RunId& run, const RunEvent& event) {
    clock_.Advance(1s);
    runs_.AddEvent(run, {clock_.Wall(), event});
  }

  TemporaryFolder folder_;
  FakeClock clock_;
  Database database_ = OpenHubDatabase(folder_ / "hub.sqlite");
  RunStore runs_{database_};
};

TEST_F(RunStoreTest, TwoRunsKeepTheirOwnEventsInOrder) {
  Add(kFirst);
  Add(kSecond, "second");
  const SiteId north("north"), coast("coast");
  const UpdateJudged judged{{SmallId(), DigestOf("u"), {1.0 / 3, 50, 10, {0.1 + 0.2, 2}, 1e-3}}, true, {}};
  Event(kFirst, SiteConnected{north, 10, true});
  Event(kSecond, AbortAsked{"wrong plan"});
  Event(kFirst, SiteConnected{coast, 20});
  Event(kFirst, judged);
  Database again = OpenHubDatabase(folder_ / "hub.sqlite");
  const RunStore runs(again);
  const std::vector<StoredEvent> events = runs.Events(kFirst);
  ASSERT_EQ(events.size(), 3U);
  EXPECT_EQ(events[0].event, RunEvent(SiteConnected{north, 10, true}));
  EXPECT_EQ(events[1].event, RunEvent(SiteConnected{coast, 20}));
  EXPECT_EQ(events[2].event, RunEvent(judged));
  EXPECT_EQ(events[0].time, clock_.Wall() - 3s);
  EXPECT_EQ(events[2].time, clock_.Wall());
  ASSERT_EQ(runs.Events(kSecond).size(), 1U);
  EXPECT_TRUE(runs.Events(RunId("none")).empty());
  ExpectError(ErrorCode::kFailedPrecondition, "FOREIGN KEY", [&] { Event(RunId("none"), AbortAsked{""}); });
}

TEST_F(RunStoreTest, ADatabaseThatSomebodyChangedIsRefusedInWords) {
  Add(kFirst);
  Event(kFirst, AbortAsked{"x"});
  database_.Run("UPDATE events SET event = '{\"event\": \"dance\"}'");
  ExpectError(ErrorCode::kDataLoss, "unknown event 'dance'\n  Put back the last backup", [&] { runs_.Replay(kFirst); });
  database_.Run("UPDATE runs SET first_model = x'00'");
  ExpectError(ErrorCode::kDataLoss, "run tiny-1 has no first model", [&] { runs_.Find(kFirst); });
  database_.Run("UPDATE runs SET plan = 'name = \"tiny\"\nrunds = 3'");
  ExpectError(ErrorCode::kInvalidArgument, "plan of run tiny-1, line 2: unknown key `runds`",
              [&] { runs_.Find(kFirst); });
}

TEST(Schema, AnotherProgramsDatabaseIsRefusedInWords) {
  const TemporaryFolder folder;
  const std::filesystem::path file = folder / "hub.sqlite";
  { OpenHubDatabase(file).Run("PRAGMA user_version = 3"); }
  ExpectError(ErrorCode::kFailedPrecondition,
              "has version 3, this program knows versions up to 2\n  Use the newer program that wrote it.",
              [&] { OpenHubDatabase(file); });
  // One of before there were versions: its tables are in the way, and nothing of it is touched.
  { OpenHubDatabase(file.string() + ".old").Run("PRAGMA user_version = 0"); }
  ExpectError(ErrorCode::kInternal, "table federation already exists",
              [&] { OpenHubDatabase(file.string() + ".old"); });
  std::ofstream(folder / "text.sqlite") << std::string(4096, 'x');
  ExpectError(ErrorCode::kDataLoss, "text.sqlite", [&] { OpenHubDatabase(folder / "text.sqlite"); });
}

TEST(Schema, OpeningAgainChangesNothingAndTypesAreStrict) {
  const TemporaryFolder folder;
  { OpenHubDatabase(folder / "hub.sqlite").Run("INSERT INTO federation VALUES ('Sarcoma Network', 'sarcoma')"); }
  Database database = OpenHubDatabase(folder / "hub.sqlite");
  Statement row(database, "SELECT name FROM federation");
  ASSERT_TRUE(row.Step());
  EXPECT_EQ(row.Text(0), "Sarcoma Network");
  EXPECT_THROW(database.Run("INSERT INTO administrators VALUES ('ann', x'00', 'yesterday')"), Error);
  EXPECT_THROW(database.Run("INSERT INTO traffic VALUES ('none-1', 1, 2, 3)"), Error);  // of no run
}

}  // namespace
}  // namespace consilium
