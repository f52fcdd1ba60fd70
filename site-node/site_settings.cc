// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "site-node/site_settings.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "core/base/config.h"
#include "core/base/error.h"
#include "core/base/file_store.h"
#include "core/data/coded_concept.h"

namespace consilium {

void SiteSettings::Validate() const {
  const auto check = [](bool good, const char* key, const char* rule) {
    Require(good, fmt::format("site.toml: `{}` {}", key, rule), "Correct the file and start again.");
  };
  check(threads >= 0 && threads <= 1024, "threads", "must be 0 to 1024");
  check(validation_patients >= 0, "validation_patients", "must not be negative");
  check(validation_fraction >= 0, "validation_fraction", "must not be negative");
  check(test_fraction >= 0, "test_fraction", "must not be negative");
  check(review_fraction >= 0 && validation_fraction + test_fraction + review_fraction < 1, "review_fraction",
        "must not be negative, and with the other two fractions it must leave patients for training");
  check(!contours.empty(), "contours", "must name at least one contour");
  for (const auto& [code, names] : labels) {
    check(!names.empty(), "labels", "must name at least one contour for each code");
    check(ParseCodedConcept(code).Key() == code, "labels",
          "must have codes without their meaning, such as SCT 10200004");
    check(code != kNeoplasm.Key(), "labels", "cannot name the tumour, SCT 108369006: its names stand in `contours`");
  }
  check(sample_quota_mb >= 0, "sample_quota_mb", "must not be negative");
  check(max_update_norm > 0, "max_update_norm", "must be greater than 0");
  check(min_patients >= 1, "min_patients", "must be 1 or more");
  check(backoff_first_s > 0 && backoff_most_s >= backoff_first_s, "backoff_most_s", "must be at least backoff_first_s");
  check(predict_after_quiet_s >= 0, "predict_after_quiet_s", "must not be negative");
  check(keep_predictions >= 1, "keep_predictions", "must be 1 or more");
  check(prediction_quota_mb >= 1, "prediction_quota_mb", "must be 1 or more");
}

SiteDirectory::SiteDirectory(std::filesystem::path root) : root_(std::move(root)) {
  std::error_code failed;
  if (!std::filesystem::exists(root_, failed)) {
    std::filesystem::create_directories(root_, failed);
    if (!failed) std::filesystem::permissions(root_, std::filesystem::perms::owner_all, failed);
  }
  if (!failed && ::access(root_.c_str(), R_OK | W_OK | X_OK) != 0) failed = {errno, std::generic_category()};
  if (failed || !std::filesystem::is_directory(root_)) {
    throw Error(ErrorCode::kPermissionDenied,
                fmt::format("cannot use the site's folder {}: {}", root_.string(),
                            failed ? failed.message() : "it is not a folder"),
                "Give another folder with --dir, or make this one and give it to this account.");
  }
  root_ = std::filesystem::canonical(root_);
}

SiteDirectory SiteDirectory::Existing(const std::filesystem::path& root) {
  const bool there = std::filesystem::is_directory(root);
  for (const char* name : {"site.toml", "library.sqlite", "key.pem", "readers"})
    if (there && std::filesystem::exists(root / name)) return SiteDirectory(root);
  if (std::filesystem::exists(root) && !there) return SiteDirectory(root);  // refused there, with words
  throw Error(ErrorCode::kNotFound,
              there ? fmt::format("{} is no site's folder", root.string())
                    : fmt::format("there is no folder {}", root.string()),
              "Name the site's folder with --dir; `consilium-site join` or `import` makes one.");
}

SiteSettings ReadSettings(const SiteDirectory& place) {
  SiteSettings settings;
  if (std::filesystem::exists(place.settings())) {
    ConfigReader reader = ConfigReader::FromFile(place.settings());
    settings.Visit(reader);
    reader.Finish();
  }
  settings.Validate();
  return settings;
}

void WriteSettings(const SiteDirectory& place, SiteSettings settings) {
  settings.Validate();
  ConfigPrinter printer;
  settings.Visit(printer);
  WriteFileDurably(place.settings(), printer.text());
}

namespace {

int OpenLock(const SiteDirectory& place) {
  const int file = ::open(place.lock().c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (file < 0) {
    throw Error(ErrorCode::kPermissionDenied,
                fmt::format("cannot open {}: {}", place.lock().string(), std::strerror(errno)),
                "Run the command as the account that owns the site's folder.");
  }
  return file;
}

}  // namespace

DirectoryLock::DirectoryLock(const SiteDirectory& place, const std::string& purpose) : file_(OpenLock(place)) {
  if (::flock(file_, LOCK_EX | LOCK_NB) != 0) {
    ::close(file_);
    throw Error(ErrorCode::kFailedPrecondition,
                fmt::format("{} is in use by another consilium-site: {}", place.root().string(), purpose),
                "Stop the service first, or give another folder with --dir.");
  }
}

DirectoryLock::~DirectoryLock() { ::close(file_); }

bool DirectoryLock::Held(const SiteDirectory& place) {
  const int file = OpenLock(place);
  const bool held = ::flock(file, LOCK_EX | LOCK_NB) != 0;
  ::close(file);
  return held;
}

}  // namespace consilium
