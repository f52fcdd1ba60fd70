// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "hub/store/audit_log.h"

#include <gtest/gtest.h>

#include "hub/store/schema.h"
#include "tests/support/fake_clock.h"
#include "tests/support/temporary_folder.h"

namespace consilium {
namespace {

using namespace std::chrono_literals;

class AuditLogTest : public testing::Test {
 protected:
  void FillFour() {
    for (const char* subject : {"a", "b", "c", "d"}) log_.Add("hub", "act", subject, "detail");
  }
  std::string Chain(std::int64_t number) {
    Statement row(database_, "SELECT lower(hex(chain)) FROM audit WHERE number = ?");
    return row.Bind(1, number).Step() ? row.Text(0) : "";
  }

  TemporaryFolder folder_;
  FakeClock clock_;
  Database database_ = OpenHubDatabase(folder_ / "hub.sqlite");
  AuditLog log_{database_, clock_};
};

TEST_F(AuditLogTest, LinksAreThoseThatAnyProgramCanMake) {
  EXPECT_EQ(log_.FirstBad(), 0);
  EXPECT_TRUE(log_.Newest(10).empty());
  log_.Add("hub", "init", "Sarcoma Network");
  clock_.Advance(1500ms);
  log_.Add("administrator ann", "approve", "north", "key 7B:1E");
  // By Python's hashlib: SHA-256(link before, then each of number, time, actor, action, subject, detail as
  // "size:text").
  EXPECT_EQ(Chain(1), "9a1f28bb4cadb0f05d0c140ee704fc632f280980bc26f51e42698316a38fc5a1");
  EXPECT_EQ(Chain(2), "a7a9cb74325318375dc891a28534e767ef737d5667ee7a8cdf5b654b74a0b20e");
}

TEST_F(AuditLogTest, TheNewestComeOldestFirst) {
  FillFour();
  clock_.Advance(1h);
  log_.Add("administrator ann", "revoke", "e");
  const std::vector<AuditEntry> newest = log_.Newest(2);
  ASSERT_EQ(newest.size(), 2U);
  EXPECT_EQ(newest[0].subject, "d");
  EXPECT_EQ(newest[0].detail, "detail");
  EXPECT_EQ(newest[1].number, 5);
  EXPECT_EQ(newest[1].actor, "administrator ann");
  EXPECT_EQ(newest[1].action, "revoke");
  EXPECT_EQ(newest[1].time, clock_.Wall());
  EXPECT_EQ(log_.Newest(100).size(), 5U);
}

TEST_F(AuditLogTest, WhateverWasChangedTakenOutOrPutInIsFound) {
  FillFour();
  for (const auto& [change, bad] : std::initializer_list<std::pair<const char*, std::int64_t>>{
           {"UPDATE audit SET detail = 'x' WHERE number = 3", 3},
           {"UPDATE audit SET subject = '' WHERE number = 4", 4},
           {"UPDATE audit SET actor = 'hu', action = 'bact' WHERE number = 2", 2},  // the same letters in a row
           {"UPDATE audit SET time_ms = time_ms + 1 WHERE number = 1", 1},
           {"UPDATE audit SET chain = zeroblob(32) WHERE number = 2", 2},
           {"UPDATE audit SET chain = x'' WHERE number = 4", 4},
           {"UPDATE audit SET number = 9 WHERE number = 4", 4},
           {"DELETE FROM audit WHERE number = 2", 2},
           {"DELETE FROM audit WHERE number = 1", 1},
           {"INSERT INTO audit SELECT 5, time_ms, actor, action, subject, detail, chain FROM audit WHERE number = 4",
            5},
           {"UPDATE audit SET number = 10 WHERE number = 2; UPDATE audit SET number = 2 WHERE number = 3; "
            "UPDATE audit SET number = 3 WHERE number = 10",
            2}}) {
    database_.Run("BEGIN");
    database_.Run(change);
    EXPECT_EQ(log_.FirstBad(), bad) << change;
    database_.Run("ROLLBACK");
    EXPECT_EQ(log_.FirstBad(), 0);
  }
}

TEST_F(AuditLogTest, TheChainGoesOnAfterARestart) {
  FillFour();
  {
    Database again = OpenHubDatabase(folder_ / "hub.sqlite");
    AuditLog log(again, clock_);
    log.Add("hub", "act", "e");
    EXPECT_EQ(log.FirstBad(), 0);
  }
  EXPECT_EQ(log_.Newest(1).front().number, 5);
  database_.Run("UPDATE audit SET subject = 'x' WHERE number = 4");
  EXPECT_EQ(log_.FirstBad(), 4);
}

TEST_F(AuditLogTest, WhatStrangersSaidIsKeptAsPlainWordsOfBoundedLength) {
  log_.Add("hub", "refuse call", "a\x1b[2J", "b\xff" + std::string(5000, 'c'));
  const AuditEntry entry = log_.Newest(1).front();
  EXPECT_EQ(entry.subject, "a?[2J");
  EXPECT_EQ(entry.detail, "b?" + std::string(998, 'c'));
  EXPECT_EQ(log_.FirstBad(), 0);
}

}  // namespace
}  // namespace consilium
