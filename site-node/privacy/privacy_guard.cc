// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "site-node/privacy/privacy_guard.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "core/base/error.h"
#include "core/model/parameters.h"

namespace consilium {
namespace {

constexpr std::string_view kMigrations[] = {R"sql(
CREATE TABLE egress(
  number INTEGER PRIMARY KEY AUTOINCREMENT,
  time_ms INTEGER NOT NULL,
  run TEXT NOT NULL, round INTEGER NOT NULL, site TEXT NOT NULL, attempt INTEGER NOT NULL,
  digest TEXT NOT NULL, bytes INTEGER NOT NULL, tensors INTEGER NOT NULL, numbers INTEGER NOT NULL,
  norm REAL NOT NULL, norm_limit REAL NOT NULL,
  loss REAL NOT NULL, steps INTEGER NOT NULL, patients INTEGER NOT NULL, dice_sum REAL NOT NULL, dice_cases INTEGER NOT NULL,
  seconds REAL NOT NULL,
  acknowledged INTEGER NOT NULL DEFAULT 0,
  file_kept INTEGER NOT NULL DEFAULT 1,
  UNIQUE(run, round, site, attempt));
)sql",
                                            // Names of runs repeat from hub to hub: what was learnt from belongs to the
                                            // name. Lines of before have no base, and none is found by them.
                                            R"sql(
CREATE TABLE egress_by_base(
  number INTEGER PRIMARY KEY AUTOINCREMENT,
  time_ms INTEGER NOT NULL,
  run TEXT NOT NULL, round INTEGER NOT NULL, site TEXT NOT NULL, attempt INTEGER NOT NULL, base TEXT NOT NULL,
  digest TEXT NOT NULL, bytes INTEGER NOT NULL, tensors INTEGER NOT NULL, numbers INTEGER NOT NULL,
  norm REAL NOT NULL, norm_limit REAL NOT NULL,
  loss REAL NOT NULL, steps INTEGER NOT NULL, patients INTEGER NOT NULL, dice_sum REAL NOT NULL, dice_cases INTEGER NOT NULL,
  seconds REAL NOT NULL,
  acknowledged INTEGER NOT NULL DEFAULT 0,
  file_kept INTEGER NOT NULL DEFAULT 1,
  UNIQUE(run, round, site, attempt, base));
INSERT INTO egress_by_base(number, time_ms, run, round, site, attempt, base, digest, bytes, tensors, numbers, norm,
    norm_limit, loss, steps, patients, dice_sum, dice_cases, seconds, acknowledged, file_kept)
  SELECT number, time_ms, run, round, site, attempt, '', digest, bytes, tensors, numbers, norm, norm_limit, loss, steps,
    patients, dice_sum, dice_cases, seconds, acknowledged, file_kept FROM egress;
DROP TABLE egress;
ALTER TABLE egress_by_base RENAME TO egress;
)sql"};

[[noreturn]] void Refuse(const SubmissionId& id, const std::string& why, const std::string& next_step) {
  throw Error(ErrorCode::kPermissionDenied, fmt::format("update {} does not leave: {}", id.Text(), why), next_step);
}

void CheckMayLeave(const ModelUpdate& update, const Parameters& global, double norm, double norm_limit,
                   std::int64_t min_patients) {
  RequireSameLayout(update.delta, global, fmt::format("update {}", update.id.Text()));
  const TrainMetrics& metrics = update.metrics;
  if (!update.delta.AllFinite() || !std::isfinite(norm)) {
    Refuse(update.id, "it holds a number that is not finite",
           "Training diverged: tell the hub's administrator to lower `train.learning_rate`.");
  }
  if (!std::isfinite(metrics.loss) || !std::isfinite(metrics.validation.sum) || !std::isfinite(metrics.seconds)) {
    Refuse(update.id, "its loss or Dice is not finite",
           "Training diverged: tell the hub's administrator to lower `train.learning_rate`.");
  }
  if (norm > norm_limit) {
    Refuse(update.id, fmt::format("its norm {:.4g} is above the limit {:.4g}", norm, norm_limit),
           "Look at the site's data for a fault, or raise `max_update_norm` in site.toml.");
  }
  if (metrics.samples < min_patients) {
    Refuse(update.id, fmt::format("{} patients stand behind it, this site asks for {}", metrics.samples, min_patients),
           "Import more patients, or lower `min_patients` in site.toml.");
  }
}

void BindId(Statement& statement, const SubmissionId& id) {
  statement.Bind(1, id.run.text()).Bind(2, id.round.value()).Bind(3, id.site.text()).Bind(4, id.attempt);
}

}  // namespace

PrivacyGuard::PrivacyGuard(const std::filesystem::path& dir, EgressLimits limits, Clock& clock)
    : dir_(dir),
      limits_(limits),
      clock_(clock),
      files_(dir / "updates"),
      database_(dir / "egress.sqlite", kMigrations) {}

std::optional<SealedUpdate> PrivacyGuard::Find(const SubmissionId& id, const Digest& base) {
  std::lock_guard lock(mutex_);
  Statement find(
      database_,
      "SELECT digest, bytes FROM egress WHERE run = ? AND round = ? AND site = ? AND attempt = ? AND base = ?");
  BindId(find, id);
  find.Bind(5, base.Hex());
  if (!find.Step()) return std::nullopt;
  const Digest digest = Digest::FromHex(find.Text(0));
  return SealedUpdate(id, digest, static_cast<std::uint64_t>(find.Int(1)), files_.PathOf(digest));
}

SealedUpdate PrivacyGuard::Seal(const ModelUpdate& update, const Parameters& global, double plan_norm) {
  if (auto sealed = Find(update.id, update.base)) return *sealed;
  const double norm = update.delta.Norm();
  const double norm_limit = std::min(limits_.max_norm, plan_norm);
  CheckMayLeave(update, global, norm, norm_limit, limits_.min_patients);

  const std::vector<std::byte> bytes = SerializeUpdate(update);
  std::lock_guard lock(mutex_);
  const Digest digest = files_.Put(bytes);
  Transaction transaction(database_);
  Statement add(database_,
                "INSERT INTO egress(run, round, site, attempt, time_ms, digest, bytes, tensors, numbers, norm, "
                "norm_limit, loss, steps, patients, dice_sum, dice_cases, seconds, base) "
                "VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)");
  BindId(add, update.id);
  const TrainMetrics& metrics = update.metrics;
  add.Bind(5, std::int64_t{clock_.Wall().time_since_epoch().count()})
      .Bind(6, digest.Hex())
      .Bind(7, static_cast<std::int64_t>(bytes.size()))
      .Bind(8, static_cast<std::int64_t>(update.delta.arrays.size()))
      .Bind(9, update.delta.Count())
      .Bind(10, norm)
      .Bind(11, norm_limit)
      .Bind(12, metrics.loss)
      .Bind(13, metrics.steps)
      .Bind(14, metrics.samples)
      .Bind(15, metrics.validation.sum)
      .Bind(16, metrics.validation.cases)
      .Bind(17, metrics.seconds)
      .Bind(18, update.base.Hex());
  add.Execute();
  transaction.Commit();
  return SealedUpdate(update.id, digest, bytes.size(), files_.PathOf(digest));
}

void PrivacyGuard::Acknowledged(const SealedUpdate& update) {
  std::lock_guard lock(mutex_);
  Statement mark(database_, "UPDATE egress SET acknowledged = 1 WHERE digest = ?");
  mark.Bind(1, update.digest().Hex()).Execute();
  // Of no more use is the file of an earlier update that the hub holds, and of one of the same name that was learnt
  // from another model. Its line in the ledger stays for good.
  Statement old(database_,
                "SELECT number, digest FROM egress WHERE file_kept = 1 AND digest <> ?5 AND "
                "(acknowledged = 1 OR (run = ?1 AND round = ?2 AND site = ?3 AND attempt = ?4))");
  BindId(old, update.id());
  old.Bind(5, update.digest().Hex());
  while (old.Step()) {
    files_.Remove(Digest::FromHex(old.Text(1)));
    Statement removed(database_, "UPDATE egress SET file_kept = 0 WHERE number = ?");
    removed.Bind(1, old.Int(0)).Execute();
  }
}

std::vector<EgressEntry> PrivacyGuard::Ledger() {
  std::lock_guard lock(mutex_);
  Statement read(
      database_,
      "SELECT number, time_ms, run, round, site, attempt, digest, bytes, tensors, numbers, norm, norm_limit, "
      "loss, steps, patients, dice_sum, dice_cases, seconds, acknowledged FROM egress ORDER BY number DESC");
  std::vector<EgressEntry> entries;
  while (read.Step()) {
    EgressEntry entry;
    entry.number = read.Int(0);
    entry.time = WallTime(std::chrono::milliseconds(read.Int(1)));
    entry.id = {RunId(read.Text(2)), RoundNumber(read.Int(3)), SiteId(read.Text(4)), read.Int(5)};
    entry.digest = Digest::FromHex(read.Text(6));
    entry.bytes = read.Int(7);
    entry.tensors = read.Int(8);
    entry.numbers = read.Int(9);
    entry.norm = read.Real(10);
    entry.norm_limit = read.Real(11);
    entry.metrics.loss = read.Real(12);
    entry.metrics.steps = read.Int(13);
    entry.metrics.samples = read.Int(14);
    entry.metrics.validation = {read.Real(15), read.Int(16)};
    entry.metrics.seconds = read.Real(17);
    entry.acknowledged = read.Int(18) != 0;
    entries.push_back(std::move(entry));
  }
  return entries;
}

std::string Describe(const EgressEntry& entry) {
  const auto grouped = [](std::int64_t number) {
    std::string text = std::to_string(number);
    for (std::size_t at = text.size(); at > 3; at -= 3) text.insert(at - 3, ",");
    return text;
  };
  return fmt::format(
      "Run {}, round {}, {}: one update, {} bytes, {} numbers in {} tensors, norm {:.4g} (limit {:.4g}).\n"
      "Beside it: mean loss {:.4g} over {} steps, {} training patients, Dice summed over {} validation cases.\n"
      "No pixel, name, date or UID in it. The hub can read the numbers (trust: judging). Digest {}, {}.\n",
      entry.id.run.text(), entry.id.round.value(), ToIso8601(entry.time), grouped(entry.bytes), grouped(entry.numbers),
      entry.tensors, entry.norm, entry.norm_limit, entry.metrics.loss, entry.metrics.steps, entry.metrics.samples,
      entry.metrics.validation.cases, entry.digest.Hex(),
      entry.acknowledged ? "acknowledged by the hub" : "not yet acknowledged by the hub");
}

}  // namespace consilium
