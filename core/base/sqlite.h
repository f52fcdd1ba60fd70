// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

struct sqlite3;
struct sqlite3_stmt;

namespace consilium {

// One SQLite connection: WAL, synchronous=FULL, foreign keys on, busy timeout 5 s. One thread at a time.
class Database {
 public:
  // Opens or makes the file, checks its integrity and brings it to the last of `migrations` (SQL scripts, applied
  // once each and in order, in transactions; their number is kept in user_version). Throws Error(kDataLoss) or
  // Error(kFailedPrecondition) when the file is damaged or newer than the program.
  Database(const std::filesystem::path& file, std::span<const std::string_view> migrations);
  ~Database();
  Database(Database&&) noexcept;

  void Run(std::string_view sql);  // one or more statements without parameters
  std::int64_t Changes() const;
  std::int64_t LastRowId() const;
  sqlite3* handle() const { return db_; }

 private:
  sqlite3* db_ = nullptr;
};

// A prepared statement. `Statement s(db, "SELECT a FROM t WHERE b = ?"); s.Bind(1, x); while (s.Step()) s.Int(0);`
class Statement {
 public:
  Statement(Database& db, std::string_view sql);
  ~Statement();
  Statement(const Statement&) = delete;
  Statement& operator=(const Statement&) = delete;

  Statement& Bind(int index, std::int64_t value);  // index from 1
  Statement& Bind(int index, double value);
  Statement& Bind(int index, std::string_view text);
  Statement& Bind(int index, std::span<const std::byte> blob);
  Statement& BindNull(int index);

  bool Step();     // true: a row is there
  void Execute();  // for statements without rows
  void Reset();

  bool IsNull(int column) const;  // column from 0
  std::int64_t Int(int column) const;
  double Real(int column) const;
  std::string Text(int column) const;
  std::vector<std::byte> Blob(int column) const;

 private:
  sqlite3* db_ = nullptr;
  sqlite3_stmt* statement_ = nullptr;
};

// Rolls back unless Commit() was called. Nested use is an error.
class Transaction {
 public:
  explicit Transaction(Database& db);
  ~Transaction();
  Transaction(const Transaction&) = delete;
  Transaction& operator=(const Transaction&) = delete;
  void Commit();

 private:
  Database* db_;
  bool open_ = true;
};

}  // namespace consilium
