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
