// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <stop_token>
#include <string>

#include "core/data/study_counts.h"
#include "core/model/metrics.h"
#include "site-node/link/credentials.h"
#include "site-node/link/orders.h"
#include "site-node/privacy/privacy_guard.h"

namespace consilium {

struct HubLinkOptions {
  std::string hub;  // host:port
  std::string program_version;
  double backoff_first_s = 1;
  double backoff_most_s = 5;  // and never more than the hub's heartbeat, once it said welcome
  std::uint64_t jitter_seed = 0;
};

// How many patients the site says it has: distinct people, whatever number of studies they have. Numbers and names of
// reasons only.
struct PatientCounts {
  std::int64_t training = 0, validation = 0;
  StudyCounts studies = {};
};

enum class Stage { kDownloading, kEvaluating, kTraining, kUploading };

// `fraction` of a transfer; called on the calling thread.
using TransferProgress = std::function<void(double fraction)>;

// The site's one way to the hub. It dials out over mutual TLS 1.3, keeps one control stream open for the hub to push
// on, dials again after a cut (after 1 s to the hub's heartbeat, with jitter), and moves files on streams of their own.
// All methods may be called from any thread.
class HubLink {
 public:
  // Starts dialling. `counts` is asked at every Hello, on the link's thread. `listener` must outlive the link.
  HubLink(HubLinkOptions options, const SiteCredentials& credentials, HubListener& listener,
          std::function<PatientCounts()> counts);
  ~HubLink();
  HubLink(const HubLink&) = delete;
  HubLink& operator=(const HubLink&) = delete;

  // Events. Progress is dropped while there is no connection; the others wait for one.
  // `attempt` is the order's, 0 for an evaluation: what is said late must not touch a later order.
  void Report(const RunId& run, RoundNumber round, std::int64_t attempt, Stage stage, double fraction);
  void Refuse(const RunId& run, RoundNumber round, std::int64_t attempt, const std::string& reason);
  void Evaluated(const RunId& run, const Digest& model, const DiceSummary& dice);
  void PatientsChanged(const PatientCounts& counts);

  // Fetches a global model file. Goes on where it was after a cut, until it is whole or `stop`. The file appears at
  // `to` only when its digest is right. Throws Error(kCancelled), and what the hub answers: kNotFound, ...
  void Download(const Digest& model, std::uint64_t bytes, const std::filesystem::path& to, std::stop_token stop,
                const TransferProgress& progress = {});

  // Sends an update and returns when the hub holds it durably. The only way out for numbers, and only sealed ones fit.
  void Send(const SealedUpdate& update, std::stop_token stop, const TransferProgress& progress = {});

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace consilium
