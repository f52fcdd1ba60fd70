// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

namespace consilium {

// What a hospital's administrator may set: DIR/site.toml. `consilium-site join` writes the file with every key
// explained; without a file the defaults hold. No secret is in it.
struct SiteSettings {
  std::string hub;         // host:port of the hub's sites' port; empty: not joined
  std::string site;        // the name the hub gave this hospital
  std::string federation;  // the federation's name
  std::string device = "auto";
  std::int64_t threads = 0;
  std::string panel_listen = "127.0.0.1:7445";
  std::int64_t validation_patients = 2;
  double validation_fraction = 0.15, test_fraction = 0.10, review_fraction = 0.05;
  std::string roles_file;
  std::vector<std::string> contours = {"GTV*", "Tumour*", "Tumor*"};
  std::map<std::string, std::vector<std::string>> labels;  // "SCHEME VALUE" to names of contours
  double max_update_norm = 1000;
  std::int64_t min_patients = 3;
  double backoff_first_s = 1;
  double backoff_most_s = 5;
  double predict_after_quiet_s = 5;
  std::int64_t keep_predictions = 10;
  std::int64_t prediction_quota_mb = 1024;
  std::int64_t sample_quota_mb = 65536;

  template <class V>
  void Visit(V& v) {
    v.Field("hub", hub, "host:port of the hub's port for sites");
    v.Field("site", site, "the name that the hub gave this hospital");
    v.Field("federation", federation, "the federation's name");
    v.Field("device", device, "auto, cpu or cuda:N");
    v.Field("threads", threads, "processor threads for training and predicting; 0: all");
    v.Field("panel_listen", panel_listen, "where desktops of this hospital connect; port 0 picks a free one");
    v.Field("validation_patients", validation_patients,
            "at least so many labelled patients are kept out of training, to measure with");
    v.Field("validation_fraction", validation_fraction,
            "part of the patients for validation, drawn by the site's key; with fewer than 20 patients only "
            "validation_patients counts");
    v.Field("test_fraction", test_fraction, "part of the patients that is not read before a run has ended");
    v.Field("review_fraction", review_fraction, "part of the patients that people look at and no model learns from");
    v.Field("roles_file", roles_file, "the site's own list, one `patient,role` a line; goes before the draw");
    v.Field("contours", contours,
            "names of the tumour's contours (regions, segments), SCT 108369006 in a plan; * stands for anything");
    v.Field("labels", labels,
            "names of the contours of other labels, by the plan's code: { \"SCT 10200004\" = [\"Liver*\"] }");
    v.Field("max_update_norm", max_update_norm, "an update with a larger Euclidean norm does not leave");
    v.Field("min_patients", min_patients, "an update learnt from fewer patients (people, not studies) does not leave");
    v.Field("backoff_first_s", backoff_first_s, "first wait before dialling the hub again; doubles, with jitter");
    v.Field("backoff_most_s", backoff_most_s,
            "longest wait before dialling the hub again; never more than the hub's heartbeat");
    v.Field("predict_after_quiet_s", predict_after_quiet_s, "predict by itself when no order came for so long");
    v.Field("keep_predictions", keep_predictions, "stored predictions of a case, by model");
    v.Field("prediction_quota_mb", prediction_quota_mb, "room for stored predictions; the oldest go first");
    v.Field("sample_quota_mb", sample_quota_mb,
            "room for prepared samples; those not used for the longest go first, and are made again when needed");
  }
  void Validate() const;  // throws Error(kInvalidArgument) naming the key

  friend bool operator==(const SiteSettings&, const SiteSettings&) = default;
};

// The folder that holds all a site knows, and where things lie in it. Only the site's own account may read it (0700).
class SiteDirectory {
 public:
  explicit SiteDirectory(std::filesystem::path root);  // makes the folder
  // For commands that only look: throws Error(kNotFound) where no site is, and makes nothing.
  static SiteDirectory Existing(const std::filesystem::path& root);

  const std::filesystem::path& root() const { return root_; }
  std::filesystem::path settings() const { return root_ / "site.toml"; }
  std::filesystem::path key() const { return root_ / "key.pem"; }
  std::filesystem::path certificate() const { return root_ / "certificate.pem"; }
  std::filesystem::path authority() const { return root_ / "hub-authority.pem"; }
  std::filesystem::path invitation() const { return root_ / "invitation.token"; }  // while it waits for approval
  std::filesystem::path pseudonym_key() const { return root_ / "pseudonym.key"; }
  std::filesystem::path readers() const { return root_ / "readers"; }
  std::filesystem::path models() const { return root_ / "models"; }
  std::filesystem::path outbox() const { return root_ / "outbox"; }
  std::filesystem::path socket() const { return root_ / "panel.sock"; }
  std::filesystem::path lock() const { return root_ / "service.lock"; }

 private:
  std::filesystem::path root_;
};

SiteSettings ReadSettings(const SiteDirectory& place);  // defaults where there is no file
void WriteSettings(const SiteDirectory& place, SiteSettings settings);

// Held by the one process that trains and predicts in a site's directory. Released when the process ends, however.
class DirectoryLock {
 public:
  // Throws Error(kFailedPrecondition) when another process holds it; `purpose` ends "... cannot".
  DirectoryLock(const SiteDirectory& place, const std::string& purpose);
  ~DirectoryLock();
  DirectoryLock(const DirectoryLock&) = delete;
  DirectoryLock& operator=(const DirectoryLock&) = delete;

  static bool Held(const SiteDirectory& place);

 private:
  int file_ = -1;
};

}  // namespace consilium
