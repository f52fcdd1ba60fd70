// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "site-node/commands.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/base/reader_file.h"
#include "site-node/panel/readers.h"
#include "tests/site-node/error_of.h"
#include "tests/support/temporary_folder.h"

namespace consilium {
namespace {

using testing::HasSubstr;

class ReaderAddTest : public testing::Test {
 protected:
  void Add(const std::filesystem::path& out) { RunReaderAdd(place_, "dr-lee", out, panel_, {}); }

  TemporaryFolder folder_;
  SiteDirectory place_{folder_ / "site"};
  std::optional<std::string> panel_;
};

TEST_F(ReaderAddTest, AReaderWithoutAFileIsNoReader) {
  EXPECT_THAT(ErrorOf([&] { Add(folder_ / "no such folder" / "lee.reader"); }).what(), HasSubstr("cannot write"));
  EXPECT_TRUE(Readers(place_.readers(), nullptr, SystemClock()).List().empty());
  Add(folder_ / "lee.reader");  // the name is free
  EXPECT_EQ(ReadReaderFile(folder_ / "lee.reader").panel, "127.0.0.1:7445");
  EXPECT_EQ(Readers(place_.readers(), nullptr, SystemClock()).List().size(), 1U);
}

TEST_F(ReaderAddTest, AnAddressThatNoDesktopCanDialIsRefused) {
  for (const char* every : {"0.0.0.0:7443", "[::]:7443"}) {
    SiteSettings settings;
    settings.panel_listen = every;
    WriteSettings(place_, settings);
    const Error error = ErrorOf([&] { Add(folder_ / "lee.reader"); });
    EXPECT_THAT(error.what(), HasSubstr(every));
    EXPECT_THAT(error.next_step(), HasSubstr("--panel HOST:PORT"));
  }
  EXPECT_FALSE(std::filesystem::exists(folder_ / "lee.reader"));
  panel_ = "pet.hospital.example:7443";
  Add(folder_ / "lee.reader");
  EXPECT_EQ(ReadReaderFile(folder_ / "lee.reader").panel, "pet.hospital.example:7443");
}

}  // namespace
}  // namespace consilium
