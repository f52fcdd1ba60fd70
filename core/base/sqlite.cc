// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "core/base/sqlite.h"

#include <sqlite3.h>

#include <utility>

#include "core/base/error.h"

namespace consilium {
namespace {

[[noreturn]] void ThrowSqlite(sqlite3* db, std::string_view doing) {
  const int code = db == nullptr ? SQLITE_NOMEM : sqlite3_extended_errcode(db);
  const std::string what =
      "database: " + std::string(doing) + ": " + (db == nullptr ? "out of memory" : sqlite3_errmsg(db));
  switch (code & 0xFF) {
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB: throw Error(ErrorCode::kDataLoss, what, "Put back the last backup of the file.");
    case SQLITE_FULL: throw Error(ErrorCode::kResourceExhausted, what, "Free some space on that disk and try again.");
    case SQLITE_BUSY:
    case SQLITE_LOCKED: throw Error(ErrorCode::kUnavailable, what, "Another program has the file open; end it first.");
    case SQLITE_CANTOPEN: throw Error(ErrorCode::kNotFound, what, "Check the path and who owns the folder.");
    case SQLITE_READONLY:
    case SQLITE_PERM: throw Error(ErrorCode::kPermissionDenied, what, "Check who owns the file and its folder.");
    case SQLITE_CONSTRAINT:
      throw Error(code == SQLITE_CONSTRAINT_UNIQUE || code == SQLITE_CONSTRAINT_PRIMARYKEY
                      ? ErrorCode::kAlreadyExists
                      : ErrorCode::kFailedPrecondition,
                  what);
    default: throw Error(ErrorCode::kInternal, what);
  }
}

void CheckIntegrity(Database& db, const std::filesystem::path& file) {
  Statement check(db, "PRAGMA integrity_check(1)");
  const std::string answer = check.Step() ? check.Text(0) : "no answer";
  if (answer != "ok") {
    throw Error(ErrorCode::kDataLoss, "the database " + file.string() + " is damaged: " + answer,
                "Put back its last backup.");
  }
}

std::int64_t UserVersion(Database& db) {
  Statement version(db, "PRAGMA user_version");
  return version.Step() ? version.Int(0) : 0;
}

void Migrate(Database& db, const std::filesystem::path& file, std::span<const std::string_view> migrations) {
  const auto newest = static_cast<std::int64_t>(migrations.size());
  const std::int64_t version = UserVersion(db);
  if (version > newest) {
    throw Error(ErrorCode::kFailedPrecondition,
                "the database " + file.string() + " has version " + std::to_string(version) +
                    ", this program knows versions up to " + std::to_string(newest),
                "Use the newer program that wrote it.");
  }
  for (std::int64_t i = version; i < newest; ++i) {
    Transaction transaction(db);
    db.Run(migrations[static_cast<std::size_t>(i)]);
    db.Run("PRAGMA user_version = " + std::to_string(i + 1));
    transaction.Commit();
  }
}

}  // namespace

Database::Database(const std::filesystem::path& file, std::span<const std::string_view> migrations) {
  try {
    const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_FULLMUTEX | SQLITE_OPEN_EXRESCODE;
    if (sqlite3_open_v2(file.c_str(), &db_, flags, nullptr) != SQLITE_OK)
      ThrowSqlite(db_, "cannot open " + file.string());
    sqlite3_busy_timeout(db_, 5000);
    Run("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; PRAGMA trusted_schema = OFF");
    CheckIntegrity(*this, file);
    Migrate(*this, file, migrations);
  } catch (const Error& error) {
    sqlite3_close_v2(std::exchange(db_, nullptr));
    if (error.code() != ErrorCode::kDataLoss ||
        std::string_view(error.what()).find(file.string()) != std::string_view::npos)
      throw;
    throw Error(ErrorCode::kDataLoss, "the database " + file.string() + " is damaged: " + error.what(),
                "Put back its last backup.");
  }
}

Database::~Database() { sqlite3_close_v2(db_); }
Database::Database(Database&& other) noexcept : db_(std::exchange(other.db_, nullptr)) {}

void Database::Run(std::string_view sql) {
  if (sqlite3_exec(db_, std::string(sql).c_str(), nullptr, nullptr, nullptr) != SQLITE_OK)
    ThrowSqlite(db_, "cannot run SQL");
}

std::int64_t Database::Changes() const { return sqlite3_changes64(db_); }
std::int64_t Database::LastRowId() const { return sqlite3_last_insert_rowid(db_); }

Statement::Statement(Database& db, std::string_view sql) : db_(db.handle()) {
  if (sqlite3_prepare_v2(db_, sql.data(), static_cast<int>(sql.size()), &statement_, nullptr) != SQLITE_OK) {
    ThrowSqlite(db_, "cannot prepare SQL");
  }
}
Statement::~Statement() { sqlite3_finalize(statement_); }

Statement& Statement::Bind(int index, std::int64_t value) {
  if (sqlite3_bind_int64(statement_, index, value) != SQLITE_OK) ThrowSqlite(db_, "cannot bind a number");
  return *this;
}
Statement& Statement::Bind(int index, double value) {
  if (sqlite3_bind_double(statement_, index, value) != SQLITE_OK) ThrowSqlite(db_, "cannot bind a number");
  return *this;
}
Statement& Statement::Bind(int index, std::string_view text) {
  // A null pointer would bind NULL; an empty text is a text.
  const char* data = text.data() == nullptr ? "" : text.data();
  if (sqlite3_bind_text64(statement_, index, data, text.size(), SQLITE_TRANSIENT, SQLITE_UTF8) != SQLITE_OK) {
    ThrowSqlite(db_, "cannot bind a text");
  }
  return *this;
}
Statement& Statement::Bind(int index, std::span<const std::byte> blob) {
  const int code = blob.empty() ? sqlite3_bind_zeroblob(statement_, index, 0)
                                : sqlite3_bind_blob64(statement_, index, blob.data(), blob.size(), SQLITE_TRANSIENT);
  if (code != SQLITE_OK) ThrowSqlite(db_, "cannot bind bytes");
  return *this;
}
Statement& Statement::BindNull(int index) {
  if (sqlite3_bind_null(statement_, index) != SQLITE_OK) ThrowSqlite(db_, "cannot bind NULL");
  return *this;
}

bool Statement::Step() {
  const int code = sqlite3_step(statement_);
  if (code == SQLITE_ROW) return true;
  if (code == SQLITE_DONE) return false;
  // The statement lets go of its locks now, not when it is destroyed.
  try {
    ThrowSqlite(db_, "a statement failed");
  } catch (const Error&) {
    sqlite3_reset(statement_);
    throw;
  }
}

void Statement::Execute() {
  while (Step()) {
  }
  Reset();
}

void Statement::Reset() {
  sqlite3_reset(statement_);
  sqlite3_clear_bindings(statement_);
}

bool Statement::IsNull(int column) const { return sqlite3_column_type(statement_, column) == SQLITE_NULL; }
std::int64_t Statement::Int(int column) const { return sqlite3_column_int64(statement_, column); }
double Statement::Real(int column) const { return sqlite3_column_double(statement_, column); }

std::string Statement::Text(int column) const {
  const auto* text = reinterpret_cast<const char*>(sqlite3_column_text(statement_, column));
  return text == nullptr ? std::string()
                         : std::string(text, static_cast<std::size_t>(sqlite3_column_bytes(statement_, column)));
}

std::vector<std::byte> Statement::Blob(int column) const {
  const auto* blob = static_cast<const std::byte*>(sqlite3_column_blob(statement_, column));
  if (blob == nullptr) return {};
  return {blob, blob + sqlite3_column_bytes(statement_, column)};
}

Transaction::Transaction(Database& db) : db_(&db) {
  Ensure(sqlite3_get_autocommit(db.handle()) != 0, "a transaction inside a transaction");
  db_->Run("BEGIN IMMEDIATE");
}

Transaction::~Transaction() {
  // SQLite may have rolled back by itself (full disk); a second rollback would only be an error message.
  if (open_ && sqlite3_get_autocommit(db_->handle()) == 0) {
    sqlite3_exec(db_->handle(), "ROLLBACK", nullptr, nullptr, nullptr);
  }
}

void Transaction::Commit() {
  db_->Run("COMMIT");
  open_ = false;
}

}  // namespace consilium
