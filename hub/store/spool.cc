// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "hub/store/spool.h"

#include <array>
#include <string_view>

#include "core/base/error.h"

namespace consilium {
namespace {

using State = Submission::State;
constexpr std::array<std::string_view, 4> kStates = {"arriving", "complete", "accepted", "rejected"};

State StateFrom(const std::string& text) {
  for (std::size_t i = 0; i < kStates.size(); ++i) {
    if (kStates[i] == text) return static_cast<State>(i);
  }
  throw Error(ErrorCode::kDataLoss, "the hub's database holds a submission in state '" + text + "'");
}

Statement& BindId(Statement& statement, const SubmissionId& id, int first) {
  statement.Bind(first, id.run.text()).Bind(first + 1, id.round.value());
  return statement.Bind(first + 2, id.site.text()).Bind(first + 3, id.attempt);
}

Digest DigestFrom(const std::vector<std::byte>& blob) {
  Digest digest;
  for (std::size_t i = 0; i < digest.bytes.size() && i < blob.size(); ++i) {
    digest.bytes[i] = static_cast<std::uint8_t>(blob[i]);
  }
  return digest;
}

}  // namespace

Spool::Spool(Database& database, std::filesystem::path dir) : database_(database), dir_(std::move(dir)) {
  std::filesystem::create_directories(dir_);
}

std::optional<Submission> Spool::Find(const SubmissionId& id) const {
  Statement row(database_,
                "SELECT digest, bytes, state, reason FROM submissions "
                "WHERE run = ? AND round = ? AND site = ? AND attempt = ?");
  BindId(row, id, 1);
  if (!row.Step()) return std::nullopt;
  return Submission{id, DigestFrom(row.Blob(0)), static_cast<std::uint64_t>(row.Int(1)), StateFrom(row.Text(2)),
                    row.Text(3)};
}

std::vector<Submission> Spool::Complete(const RunId& run) const {
  Statement rows(database_,
                 "SELECT round, site, attempt, digest, bytes FROM submissions "
                 "WHERE run = ? AND state = 'complete' ORDER BY round, site, attempt");
  rows.Bind(1, run.text());
  std::vector<Submission> found;
  while (rows.Step()) {
    found.push_back({{run, RoundNumber(rows.Int(0)), SiteId(rows.Text(1)), rows.Int(2)},
                     DigestFrom(rows.Blob(3)),
                     static_cast<std::uint64_t>(rows.Int(4)),
                     State::kComplete,
                     {}});
  }
  return found;
}

Submission Spool::Open(const SubmissionId& id, const Digest& digest, std::uint64_t bytes) {
  if (auto known = Find(id)) {
    if (known->digest == digest && known->bytes == bytes) return *known;
    throw Error(ErrorCode::kAlreadyExists, "submission " + id.Text() + " was already announced with other bytes",
                "The same submission always means the same bytes: send the update that was announced first.");
  }
  Statement insert(database_,
                   "INSERT INTO submissions (run, round, site, attempt, digest, bytes, state) "
                   "VALUES (?, ?, ?, ?, ?, ?, 'arriving')");
  BindId(insert, id, 1).Bind(5, std::as_bytes(std::span(digest.bytes)));
  insert.Bind(6, static_cast<std::int64_t>(bytes)).Execute();
  return {id, digest, bytes, State::kArriving, {}};
}

std::uint64_t Spool::Offset(const SubmissionId& id) {
  const auto submission = Find(id);
  if (!submission) return 0;
  if (submission->state != State::kArriving) return submission->bytes;
  PartialFile& file = FileOf(*submission);
  if (!file.full()) {
    file.Sync();
    return file.offset();
  }
  try {
    Finish(id, file);
    return submission->bytes;
  } catch (const Error& error) {
    if (error.code() != ErrorCode::kDataLoss) throw;
    return file.offset();  // 0: torn bytes; the site sends all of them again
  }
}

bool Spool::Append(const SubmissionId& id, const v1::Chunk& chunk) {
  const auto submission = Find(id);
  if (!submission) throw Error(ErrorCode::kFailedPrecondition, "submission " + id.Text() + " was not announced");
  if (submission->state != State::kArriving) return false;
  PartialFile& file = FileOf(*submission);
  file.Append(chunk);
  if (!file.full()) return false;
  Finish(id, file);
  return true;
}

void Spool::Finish(const SubmissionId& id, PartialFile& file) {
  file.Finish();
  open_.erase(id);
  SetState(id, State::kComplete, {});
}

void Spool::Judge(const SubmissionId& id, bool accepted, const std::string& reason) {
  SetState(id, accepted ? State::kAccepted : State::kRejected, reason);
}

std::filesystem::path Spool::PathOf(const SubmissionId& id) const {
  return dir_ / (id.run.text() + "." + std::to_string(id.round.value()) + "." + id.site.text() + "." +
                 std::to_string(id.attempt));
}

void Spool::RemoveFile(const SubmissionId& id) {
  open_.erase(id);
  std::filesystem::remove(PathOf(id));
}

void Spool::RemoveRun(const RunId& run) {
  std::erase_if(open_, [&](const auto& entry) { return entry.first.run == run; });
  for (const auto& entry : std::filesystem::directory_iterator(dir_)) {
    if (entry.path().filename().string().starts_with(run.text() + ".")) std::filesystem::remove(entry.path());
  }
}

PartialFile& Spool::FileOf(const Submission& submission) {
  auto& file = open_[submission.id];
  if (!file) {
    try {
      file = std::make_unique<PartialFile>(PathOf(submission.id), submission.bytes, submission.digest);
    } catch (const Error&) {
      open_.erase(submission.id);
      throw;
    }
  }
  return *file;
}

void Spool::SetState(const SubmissionId& id, State state, const std::string& reason) {
  Statement update(database_,
                   "UPDATE submissions SET state = ?, reason = ? "
                   "WHERE run = ? AND round = ? AND site = ? AND attempt = ?");
  update.Bind(1, kStates[static_cast<std::size_t>(state)]).Bind(2, reason);
  BindId(update, id, 3).Execute();
}

}  // namespace consilium
