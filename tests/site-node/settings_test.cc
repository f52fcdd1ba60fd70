// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/base/file_store.h"
#include "site-node/site_settings.h"
#include "tests/site-node/error_of.h"
#include "tests/support/fake_clock.h"
#include "tests/support/temporary_folder.h"

namespace consilium {
namespace {

using testing::HasSubstr;

TEST(SiteSettings, AFileThatIsNotThereGivesTheDefaults) {
  const TemporaryFolder scratch;
  EXPECT_EQ(ReadSettings(SiteDirectory(scratch / "new")), SiteSettings());
}

TEST(SiteSettings, WhatIsWrittenIsReadBack) {
  const TemporaryFolder scratch;
  const SiteDirectory place(scratch.path());
  SiteSettings settings;
  settings.hub = "hub.example.org:443";
  settings.site = "north";
  settings.contours = {"Mass*"};
  settings.backoff_first_s = 0.05;
  WriteSettings(place, settings);
  EXPECT_EQ(ReadSettings(place), settings);
}

TEST(SiteSettings, AnUnknownKeyNamesTheNearest) {
  const TemporaryFolder scratch;
  const SiteDirectory place(scratch.path());
  WriteFileDurably(place.settings(), "min_patient = 5\n");
  EXPECT_THAT(ErrorOf([&] { ReadSettings(place); }).Text(), HasSubstr("min_patients"));
}

TEST(SiteSettings, AValueOutOfItsRangeNamesTheKey) {
  const TemporaryFolder scratch;
  const SiteDirectory place(scratch.path());
  WriteFileDurably(place.settings(), "max_update_norm = -1.0\n");
  EXPECT_THAT(ErrorOf([&] { ReadSettings(place); }).what(), HasSubstr("`max_update_norm` must be greater than 0"));
}

TEST(SiteSettings, EveryRuleNamesItsKeyAndWhatToDo) {
  const TemporaryFolder scratch;
  const SiteDirectory place(scratch.path());
  const std::pair<const char*, const char*> lines[] = {
      {"threads = -1", "`threads` must be 0 to 1024"},
      {"threads = 1025", "`threads` must be 0 to 1024"},
      {"validation_patients = -1", "`validation_patients` must not be negative"},
      {"contours = []", "`contours` must name at least one contour"},
      {"labels = {\"SCT 10200004\" = []}", "`labels` must name at least one contour for each code"},
      {"labels = {\"SCT 10200004 Liver\" = [\"L*\"]}", "`labels` must have codes without their meaning"},
      {"[labels]\n\"SCT 108369006\" = [\"L*\"]", "`labels` cannot name the tumour"},
      {"sample_quota_mb = -1", "`sample_quota_mb` must not be negative"},
      {"max_update_norm = 0.0", "`max_update_norm` must be greater than 0"},
      {"max_update_norm = nan", "`max_update_norm` must be"},
      {"min_patients = 0", "`min_patients` must be 1 or more"},
      {"backoff_first_s = 0.0", "`backoff_most_s` must be at least backoff_first_s"},
      {"backoff_first_s = 5.0\nbackoff_most_s = 4.0", "`backoff_most_s` must be at least backoff_first_s"},
      {"predict_after_quiet_s = -0.1", "`predict_after_quiet_s` must not be negative"},
      {"keep_predictions = 0", "`keep_predictions` must be 1 or more"},
      {"prediction_quota_mb = 0", "`prediction_quota_mb` must be 1 or more"}};
  for (const auto& [line, words] : lines) {
    SCOPED_TRACE(line);
    WriteFileDurably(place.settings(), line);
    const Error error = ErrorOf([&] { ReadSettings(place); });
    EXPECT_EQ(error.code(), ErrorCode::kInvalidArgument);
    EXPECT_THAT(error.what(), HasSubstr(std::string("site.toml")));
    EXPECT_THAT(error.what(), HasSubstr(words));
  }
}

TEST(SiteSettings, TheEdgesOfTheRulesAreInside) {
  const TemporaryFolder scratch;
  const SiteDirectory place(scratch.path());
  WriteFileDurably(
      place.settings(),
      "threads = 1024\nvalidation_patients = 0\nmin_patients = 1\nbackoff_first_s = 2.0\n"
      "backoff_most_s = 2.0\npredict_after_quiet_s = 0.0\nkeep_predictions = 1\nprediction_quota_mb = 1\n");
  const SiteSettings settings = ReadSettings(place);
  EXPECT_EQ(settings.threads, 1024);
  EXPECT_EQ(settings.validation_patients, 0);
  EXPECT_EQ(settings.contours, SiteSettings().contours) << "what the file does not name keeps its default";
}

TEST(SiteSettings, LabelsAreATableOfCodes) {
  const TemporaryFolder scratch;
  const SiteDirectory place(scratch.path());
  WriteFileDurably(place.settings(), "threads = 2\n[labels]\n\"SCT 10200004\" = [\"Liver*\", \"Hepar\"]\nDCM = []\n");
  EXPECT_THAT(ErrorOf([&] { ReadSettings(place); }).what(), HasSubstr("`labels`"));
  WriteFileDurably(place.settings(), "threads = 2\n[labels]\n\"SCT 10200004\" = [\"Liver*\", \"Hepar\"]\n");
  const SiteSettings settings = ReadSettings(place);
  ASSERT_EQ(settings.labels.size(), 1U);
  EXPECT_EQ(settings.labels.at("SCT 10200004"), (std::vector<std::string>{"Liver*", "Hepar"}));
  WriteSettings(place, settings);
  EXPECT_EQ(ReadSettings(place), settings);
  WriteFileDurably(place.settings(), "[labels]\n\"SCT 10200004\" = \"Liver*\"\n");
  EXPECT_THAT(ErrorOf([&] { ReadSettings(place); }).what(),
              HasSubstr("site.toml, line 2: `labels.SCT 10200004` must be a list of texts"));
  WriteFileDurably(place.settings(), "labels = 3\n");
  EXPECT_THAT(ErrorOf([&] { ReadSettings(place); }).what(), HasSubstr("`labels` must be a section"));
}

TEST(SiteSettings, AnotherTypeOrBrokenTomlIsToldWithTheLine) {
  const TemporaryFolder scratch;
  const SiteDirectory place(scratch.path());
  WriteFileDurably(place.settings(), "# mine\nthreads = \"two\"\n");
  EXPECT_THAT(ErrorOf([&] { ReadSettings(place); }).what(),
              HasSubstr("site.toml, line 2: `threads` must be a whole number"));
  WriteFileDurably(place.settings(), "contours = \"GTV*\"\n");
  EXPECT_THAT(ErrorOf([&] { ReadSettings(place); }).what(), HasSubstr("`contours` must be"));
  WriteFileDurably(place.settings(), "hub = 'a'\nthreads =\n");
  EXPECT_THAT(ErrorOf([&] { ReadSettings(place); }).what(), HasSubstr("site.toml, line 2"));
}

TEST(SiteSettings, NothingBadIsWritten) {
  const TemporaryFolder scratch;
  const SiteDirectory place(scratch.path());
  SiteSettings good;
  good.hub = "good:1";
  WriteSettings(place, good);
  SiteSettings bad;
  bad.min_patients = 0;
  EXPECT_THAT(ErrorOf([&] { WriteSettings(place, bad); }).what(), HasSubstr("min_patients"));
  EXPECT_EQ(ReadSettings(place).hub, "good:1");
}

TEST(SiteSettings, TheFileExplainsEveryKey) {
  const TemporaryFolder scratch;
  const SiteDirectory place(scratch.path());
  WriteSettings(place, {});
  const std::vector<std::byte> bytes = ReadFile(place.settings());
  const std::string text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  for (const char* words : {"threads = 0", "panel_listen = \"127.0.0.1:7445\"", "auto, cpu or cuda:N",
                            "names of the tumour's contour", "an update learnt from fewer patients"}) {
    EXPECT_THAT(text, HasSubstr(words));
  }
}

TEST(SiteDirectory, IsMadeForItsOwnAccountOnly) {
  const TemporaryFolder scratch;
  const SiteDirectory place(scratch / "made");
  EXPECT_EQ(std::filesystem::status(place.root()).permissions(), std::filesystem::perms::owner_all);
}

TEST(SiteDirectory, AFileInItsPlaceIsAnErrorInWords) {
  const TemporaryFolder scratch;
  WriteFileDurably(scratch / "file", "x");
  const Error error = ErrorOf([&] { SiteDirectory place(scratch / "file"); });
  EXPECT_EQ(error.code(), ErrorCode::kPermissionDenied);
  EXPECT_THAT(error.next_step(), HasSubstr("--dir"));
}

TEST(DirectoryLock, IsHeldByOneAndFreeAfterwards) {
  const TemporaryFolder scratch;
  const SiteDirectory place(scratch.path());
  EXPECT_FALSE(DirectoryLock::Held(place));
  {
    const DirectoryLock lock(place, "it cannot be served");
    EXPECT_TRUE(DirectoryLock::Held(place));
    const Error error = ErrorOf([&] { DirectoryLock second(place, "it cannot be served twice"); });
    EXPECT_EQ(error.code(), ErrorCode::kFailedPrecondition);
    EXPECT_THAT(error.what(), HasSubstr("it cannot be served twice"));
  }
  EXPECT_FALSE(DirectoryLock::Held(place));
}

}  // namespace
}  // namespace consilium
