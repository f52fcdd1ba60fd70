// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

#include "core/base/secret.h"
#include "site-node/library/case_library.h"
#include "site-node/link/join.h"
#include "site-node/site_settings.h"

namespace consilium {

// What the commands of consilium-site do; main.cc only reads the command line. All print to standard output and throw
// Error; standard error gets logs and progress.

struct ServeOptions {
  std::optional<std::string> panel_listen;
  std::optional<std::filesystem::path> ports_file;  // gets {"panel": "host:port"} as JSON when the service is up
  std::optional<std::int64_t> threads;
  std::optional<std::string> device;
  std::optional<Secret> passphrase;
};

struct WorkAlongOptions {
  std::optional<std::int64_t> threads;
  std::optional<std::string> device;
};

struct TrainOptions {
  std::filesystem::path plan;
  std::optional<std::filesystem::path> model;      // to start from; none: the plan's first model, as the hub makes it
  std::filesystem::path update;                    // out
  std::optional<std::filesystem::path> model_out;  // the start plus the update
  std::optional<std::int64_t> steps;               // instead of the plan's
  std::int64_t round = 1;
};

// Which cases to predict, besides those of a role: held-out: all but training patients with a label. new: without a
// label. Test patients are in none of them as long as they are locked.
inline constexpr std::array kCaseChoices = {"held-out", "new", "all"};

struct PredictCommandOptions {
  std::filesystem::path out;                   // folder
  std::optional<std::filesystem::path> model;  // none: the newest model of the federation
  std::optional<std::string> case_id;          // none: the cases with role `role`
  std::string role = "held-out";               // a CaseRole, or one of kCaseChoices
  std::optional<std::int64_t> patch;
  bool queue_for_pacs = false;
  bool maps = false;  // also probability and entropy of each voxel
  bool json = false;
};

struct StatisticsOptions {
  bool json = false;
  bool shared = false;                            // only what may leave: no bin of fewer than `min_patients` patients
  std::optional<std::filesystem::path> pictures;  // a folder for SVG files
};

struct ImportOptions {
  bool json = false;
  bool gone = false;             // it is meant that nothing is there any more
  bool allow_unmatched = false;  // the list of roles names patients that come later
};

void RunImport(const SiteDirectory& place, const SiteSettings& settings, const std::filesystem::path& folder,
               const ImportOptions& options);
void RunCases(const SiteDirectory& place, bool quarantined, bool json);
void RunStatistics(const SiteDirectory& place, const StatisticsOptions& options);
void RunFingerprint(const SiteDirectory& place, bool json);  // only what may leave the hospital
void RunLabelList(const SiteDirectory& place, const std::string& case_id, bool json);
void RunLabelAdd(const SiteDirectory& place, const std::string& case_id, const LabelGiven& given);
void RunLabelUse(const SiteDirectory& place, const std::string& case_id, std::int64_t version);
void RunLabelWithdraw(const SiteDirectory& place, const std::string& case_id, std::int64_t version);
void RunServe(const SiteDirectory& place, const ServeOptions& options);  // returns on SIGTERM or SIGINT
// One of the other processes of a site that trains in several: takes part in what `serve` or `train` in process 0
// trains.
void RunWorkAlong(const SiteDirectory& place, const WorkAlongOptions& options);
void RunTrain(const SiteDirectory& place, const TrainOptions& options);
void RunPredict(const SiteDirectory& place, const PredictCommandOptions& options);
void RunReaderAdd(const SiteDirectory& place, const std::string& name, const std::filesystem::path& out,
                  const std::optional<std::string>& panel, const std::optional<Secret>& passphrase);
void RunReaderList(const SiteDirectory& place, const std::optional<Secret>& passphrase, bool json);
void RunReaderRemove(const SiteDirectory& place, const std::string& name, const std::optional<Secret>& passphrase);
void RunEgressShow(const SiteDirectory& place, const std::string& which, bool json);  // "latest", a number or a digest
void RunEgressList(const SiteDirectory& place, bool json);

}  // namespace consilium
