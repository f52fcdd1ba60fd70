// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "core/base/sqlite.h"

#include <gtest/gtest.h>

#include <fstream>

#include "core/base/file_store.h"
#include "tests/support/expect_error.h"
#include "tests/support/temporary_folder.h"

namespace consilium {
namespace {

constexpr std::string_view kFirst =
    "CREATE TABLE site(name TEXT PRIMARY KEY, patients INTEGER, dice REAL, blob BLOB) STRICT";
constexpr std::string_view kSecond =
    "ALTER TABLE site ADD COLUMN state TEXT DEFAULT 'waiting'; CREATE TABLE run(site TEXT REFERENCES site(name)) "
    "STRICT";
const std::vector<std::string_view> kOne{kFirst}, kTwo{kFirst, kSecond};

std::string Pragma(Database& db, const std::string& name) {
  Statement statement(db, "PRAGMA " + name);
  return statement.Step() ? statement.Text(0) : "";
}

class SqliteTest : public testing::Test {
 protected:
  TemporaryFolder folder_;
  std::filesystem::path file_ = folder_ / "hub.db";
};

TEST_F(SqliteTest, OpensDurably) {
  Database db(file_, kTwo);
  EXPECT_EQ(Pragma(db, "journal_mode"), "wal");
  EXPECT_EQ(Pragma(db, "synchronous"), "2");  // FULL
  EXPECT_EQ(Pragma(db, "foreign_keys"), "1");
  EXPECT_EQ(Pragma(db, "busy_timeout"), "5000");
  EXPECT_EQ(Pragma(db, "user_version"), "2");
}

TEST_F(SqliteTest, ValuesRoundTrip) {
  Database db(file_, kOne);
  const std::vector<std::byte> blob{std::byte{0}, std::byte{255}};
  Statement insert(db, "INSERT INTO site VALUES (?, ?, ?, ?)");
  insert.Bind(1, std::string_view("a\0b", 3))
      .Bind(2, std::int64_t{-9'000'000'000})
      .Bind(3, 0.1)
      .Bind(4, blob)
      .Execute();
  insert.Bind(1, "").BindNull(2).BindNull(3).Bind(4, std::span<const std::byte>()).Execute();
  EXPECT_EQ(db.Changes(), 1);
  EXPECT_EQ(db.LastRowId(), 2);
  Statement select(db, "SELECT name, patients, dice, blob FROM site ORDER BY rowid");
  ASSERT_TRUE(select.Step());
  EXPECT_EQ(select.Text(0), std::string("a\0b", 3));
  EXPECT_EQ(select.Int(1), -9'000'000'000);
  EXPECT_EQ(select.Real(2), 0.1);
  EXPECT_EQ(select.Blob(3), blob);
  ASSERT_TRUE(select.Step());
  EXPECT_EQ(select.Text(0), "");
  EXPECT_FALSE(select.IsNull(0));
  EXPECT_TRUE(select.IsNull(1));
  EXPECT_FALSE(select.IsNull(3));
  EXPECT_TRUE(select.Blob(3).empty());
  EXPECT_FALSE(select.Step());
}

TEST_F(SqliteTest, MigrationsRunOnceAndInOrder) {
  {
    Database db(file_, kOne);
    db.Run("INSERT INTO site(name) VALUES ('north')");
  }
  {
    Database db(file_, kTwo);
    Statement select(db, "SELECT state FROM site");
    ASSERT_TRUE(select.Step());
    EXPECT_EQ(select.Text(0), "waiting");
  }
  EXPECT_NO_THROW(Database(file_, kTwo));  // a second time would be an error of SQL
}

TEST_F(SqliteTest, AFailedMigrationLeavesTheOldVersion) {
  { Database db(file_, kOne); }
  const std::vector<std::string_view> broken{kFirst, "CREATE TABLE t(a); CREATE TABLE t(a)"};
  ExpectError(ErrorCode::kInternal, "table t already exists", [&] { Database(file_, broken); });
  Database db(file_, kOne);
  EXPECT_EQ(Pragma(db, "user_version"), "1");
  Statement select(db, "SELECT count(*) FROM sqlite_master WHERE name = 't'");
  ASSERT_TRUE(select.Step());
  EXPECT_EQ(select.Int(0), 0);
}

TEST_F(SqliteTest, ANewerFileIsRefused) {
  { Database db(file_, kTwo); }
  ExpectError(ErrorCode::kFailedPrecondition,
              "has version 2, this program knows versions up to 1\n  Use the newer program",
              [&] { Database(file_, kOne); });
}

TEST_F(SqliteTest, AFileOfAnotherKindIsRefused) {
  WriteFileDurably(file_, std::string(10'000, 'x'));
  ExpectError(ErrorCode::kDataLoss, "the database " + file_.string() + " is damaged: ", [&] { Database(file_, kOne); });
}

TEST_F(SqliteTest, ADamagedFileIsRefused) {
  {
    Database db(file_, kOne);
    Statement insert(db, "INSERT INTO site(name, patients) VALUES (?, 1)");
    for (int i = 0; i < 2000; ++i) insert.Bind(1, std::to_string(i)).Execute();
    db.Run("PRAGMA wal_checkpoint(TRUNCATE)");
  }
  std::fstream file(file_, std::ios::binary | std::ios::in | std::ios::out);
  file.seekp(3 * 4096);
  file << std::string(4096, '\xa5');
  file.close();
  ExpectError(ErrorCode::kDataLoss, "is damaged: ", [&] { Database(file_, kOne); });
}

TEST_F(SqliteTest, ATransactionRollsBackUnlessCommitted) {
  Database db(file_, kOne);
  {
    Transaction transaction(db);
    db.Run("INSERT INTO site(name) VALUES ('lost')");
  }
  {
    Transaction transaction(db);
    db.Run("INSERT INTO site(name) VALUES ('kept')");
    transaction.Commit();
  }
  Statement select(db, "SELECT group_concat(name) FROM site");
  ASSERT_TRUE(select.Step());
  EXPECT_EQ(select.Text(0), "kept");
}

TEST_F(SqliteTest, CommittedRowsAreThereAfterReopening) {
  {
    Database db(file_, kOne);
    Transaction transaction(db);
    db.Run("INSERT INTO site(name) VALUES ('north')");
    transaction.Commit();
    db.Run("BEGIN; INSERT INTO site(name) VALUES ('coast')");  // open when the program ends
  }
  Database db(file_, kOne);
  Statement select(db, "SELECT group_concat(name) FROM site");
  ASSERT_TRUE(select.Step());
  EXPECT_EQ(select.Text(0), "north");
}

TEST_F(SqliteTest, ConstraintsHaveTheirOwnCodes) {
  Database db(file_, kTwo);
  db.Run("INSERT INTO site(name) VALUES ('north')");
  ExpectError(ErrorCode::kAlreadyExists, "UNIQUE constraint failed: site.name",
              [&] { db.Run("INSERT INTO site(name) VALUES ('north')"); });
  ExpectError(ErrorCode::kFailedPrecondition, "FOREIGN KEY constraint failed",
              [&] { db.Run("INSERT INTO run VALUES ('nobody')"); });
  Statement again(db, "INSERT INTO site(name) VALUES ('north')");
  ExpectError(ErrorCode::kAlreadyExists, "a statement failed", [&] { again.Execute(); });
  ExpectError(ErrorCode::kInternal, "cannot prepare SQL: near \"SELEKT\"", [&] { Statement(db, "SELEKT 1"); });
  Statement one(db, "SELECT ?");
  ExpectError(ErrorCode::kInternal, "cannot bind a number", [&] { one.Bind(2, std::int64_t{1}); });
}

TEST_F(SqliteTest, AMissingFolderSaysSo) {
  ExpectError(ErrorCode::kNotFound, "cannot open " + (folder_ / "no" / "hub.db").string(),
              [&] { Database(folder_ / "no" / "hub.db", kOne); });
}

TEST_F(SqliteTest, NestedTransactionsAreABug) {
  Database db(file_, kOne);
  Transaction outer(db);
  EXPECT_DEATH(Transaction{db}, "a transaction inside a transaction");
}

}  // namespace
}  // namespace consilium
