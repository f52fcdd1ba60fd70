// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/data/study_counts.h"

namespace consilium {

// What the desktop knows of the federation: the site node's push, as plain values. Words are those of the messages
// (proto/site.proto); no patient data.
struct FederationView {
  struct SiteResult {
    std::string site;
    double dice = 0;  // mean on the site's validation patients, of the round's incoming model
    std::int64_t cases = 0;
    double loss = 0;
    friend bool operator==(const SiteResult&, const SiteResult&) = default;
  };
  struct Round {
    std::int64_t round = 0;
    double dice = 0;  // pooled, of the incoming model: the one that round - 1 made
    double loss = 0;
    double seconds = 0;
    std::vector<std::string> sites;
    std::vector<SiteResult> results;
    friend bool operator==(const Round&, const Round&) = default;
  };
  struct Site {
    std::string site, display_name, state, progress, reason;
    double fraction = 0;
    std::int64_t training_patients = 0, validation_patients = 0;  // training -1: not said yet
    double dice = -1;
    std::int64_t last_seen_ms = 0;
    std::string studies;  // "2 quarantined (1 no-suv, 1 label)"; empty: not said
    friend bool operator==(const Site&, const Site&) = default;
  };

  std::string federation;  // empty: nothing known yet
  std::string our_site;
  bool hub_connected = false;
  std::int64_t cases = 0, predictions_waiting = 0;
  std::string activity;  // of our own site: "training round 3 (41 %)"
  StudyCounts studies;   // of our own site

  std::string run;  // empty: there was none
  std::string run_name, phase, reason;
  std::int64_t round = 0, rounds = 0, updates_in = 0, updates_asked = 0;
  double final_dice = 0, seconds_in_round = 0;
  std::uint64_t bytes_up = 0, bytes_down = 0;
  std::string model;  // first digits of the newest global model's digest
  std::vector<Round> history;
  std::vector<SiteResult> final_results;
  std::vector<Site> sites;

  friend bool operator==(const FederationView&, const FederationView&) = default;
};

}  // namespace consilium
