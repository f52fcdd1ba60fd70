// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <cstdio>
#include <iostream>

#include "core/base/error.h"
#include "core/base/file_store.h"
#include "core/base/log.h"
#include "core/base/terminal.h"
#include "site-node/commands.h"
#include "site-node/library/import_text.h"
#include "site-node/library/site_fingerprint.h"
#include "site-node/library/statistics.h"
#include "site-node/node.h"

namespace consilium {

void RunStatistics(const SiteDirectory& place, const StatisticsOptions& options) {
  const SiteSettings settings = ReadSettings(place);
  CaseLibrary library(place.root(), LibraryOptionsOf(settings), ParseDevice(settings.device), SystemClock());
  FeatureStore features(place.root());
  ProgressLine line(std::cerr, StyleOf(stderr), "Reading cases");
  CollectedStatistics collected = CollectStatistics(library, features, [&](double done) { line.Update(done); });
  line.Finish(Counted(collected.statistics.cases, "case"));
  const LibraryStatistics shown =
      options.shared ? Shareable(collected.statistics, settings.min_patients) : collected.statistics;
  if (options.pictures) {
    std::error_code failed;
    std::filesystem::create_directories(*options.pictures, failed);
    if (!failed && !std::filesystem::is_directory(*options.pictures))
      failed = std::make_error_code(std::errc::not_a_directory);
    if (failed) {
      throw Error(ErrorCode::kPermissionDenied,
                  fmt::format("cannot make the folder {}: {}", options.pictures->string(), failed.message()),
                  "Give another folder with --pictures.");
    }
    for (const Picture& picture : StatisticsPictures(shown))
      WriteFileDurably(*options.pictures / picture.name, picture.svg);
  }
  if (options.json) {
    std::cout << ToJson(shown) << "\n";
    return;
  }
  std::cout << StatisticsText(shown);
  if (collected.unread > 0)
    std::cout << fmt::format("\n{} not in it: cannot be read, or not yet.\n", Counted(collected.unread, "case"));
  if (options.pictures) std::cout << fmt::format("\nPictures: {}\n", options.pictures->string());
}

void RunFingerprint(const SiteDirectory& place, bool json) {
  const SiteSettings settings = ReadSettings(place);
  const Device device = ParseDevice(settings.device);
  CaseLibrary library(place.root(), LibraryOptionsOf(settings), device, SystemClock());
  ProgressLine line(std::cerr, StyleOf(stderr), "Measuring training cases");
  const CollectedFingerprint collected = CollectFingerprint(library, device, [&](double done) { line.Update(done); });
  line.Finish(fmt::format("{} cases", collected.fingerprint.cases));
  const Fingerprint shown = Shareable(collected.fingerprint, settings.min_patients);
  if (json) {
    std::cout << ToJson(shown) << "\n";
    return;
  }
  std::cout << FingerprintText(shown);
  if (collected.unread > 0) std::cout << fmt::format("\n{} training cases cannot be read.\n", collected.unread);
}

}  // namespace consilium
