// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "imaging/dicom/file_listing.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/support/dicom_files.h"
#include "tests/support/temporary_folder.h"

namespace consilium {
namespace {

namespace fs = std::filesystem;

class FileListingTest : public testing::Test {
 protected:
  void File(const fs::path& name) {
    fs::create_directories((folder_.path() / name).parent_path());
    WriteFileBytes(folder_.path() / name, "x");
  }
  void Link(const fs::path& name, const fs::path& to) {
    fs::create_directories((folder_.path() / name).parent_path());
    fs::create_symlink(to, folder_.path() / name);
  }
  // What is found below "archive", by its path in there.
  std::vector<std::string> Found(const std::string& below = "archive") const {
    std::vector<std::string> found;
    const Listing listing = FilesBelow(folder_.path() / below);
    for (const fs::path& file : listing.files)
      found.push_back(file.lexically_relative(folder_.path() / below).string());
    EXPECT_TRUE(listing.unlisted.empty());
    return found;
  }
  using Names = std::vector<std::string>;
  TemporaryFolder folder_;
};

TEST_F(FileListingTest, FoldersBehindLinksAreListedAsIfTheyLayThere) {
  File("disk/p1/CT/1.dcm");
  File("disk/p1/CT/2.dcm");
  File("disk/p2/1.dcm");
  File("archive/p0/1.dcm");
  Link("archive/p1", "../disk/p1");
  Link("archive/p2", folder_ / "disk/p2");
  Link("disk/p2/more", "../../third");  // a link behind a link
  File("third/deep/1.dcm");
  EXPECT_EQ(Found(), (Names{"p0/1.dcm", "p1/CT/1.dcm", "p1/CT/2.dcm", "p2/1.dcm", "p2/more/deep/1.dcm"}));
  Link("all", "archive");
  EXPECT_EQ(Found("all").size(), 5U) << "the folder itself may be a link";
}

TEST_F(FileListingTest, WhatSeveralWaysLeadToIsListedOnce) {
  File("archive/z/1.dcm");
  Link("archive/a", "z");  // what lies there without a link keeps that path
  Link("archive/b.dcm", "z/1.dcm");
  File("disk/p/1.dcm");
  File("disk/p/sub/2.dcm");
  Link("archive/q", "../disk/p");  // of links the first
  Link("archive/r", "../disk/p");
  Link("archive/s", "../disk");
  Link("archive/t.dcm", "../disk/p/sub/2.dcm");
  EXPECT_EQ(Found(), (Names{"q/1.dcm", "q/sub/2.dcm", "z/1.dcm"}));
  fs::create_hard_link(folder_ / "archive/z/1.dcm", folder_ / "archive/z/2.dcm");
  EXPECT_EQ(Found().size(), 4U) << "two names without a link are two files, as on every file system";
}

TEST_F(FileListingTest, LinksThatLeadBackEnd) {
  File("archive/p/1.dcm");
  File("beside.dcm");
  Link("archive/p/itself", ".");
  Link("archive/p/up", "..");
  Link("archive/p/further", "../..");
  Link("archive/q", "../disk");
  File("disk/x/2.dcm");
  Link("disk/x/back", folder_ / "disk");
  Link("disk/x/over", folder_.path());
  EXPECT_EQ(Found(), (Names{"p/1.dcm", "q/x/2.dcm"})) << "and nothing above the folder that was asked for";
  Link("disk/x/sister", "../y");
  Link("disk/y/brother", "../x");
  File("disk/y/3.dcm");
  EXPECT_EQ(Found(), (Names{"p/1.dcm", "q/x/2.dcm", "q/y/3.dcm"}));
}

TEST_F(FileListingTest, LinksThatLeadNowhereAreListed) {
  File("archive/p/1.dcm");
  Link("archive/p/0.dcm", "../../unmounted/0.dcm");
  Link("archive/q", "../unmounted");
  Link("archive/loop", "loop");
  Link("archive/.hidden", "nowhere");
  Link("archive/null", "/dev/null");  // no regular file
  EXPECT_EQ(Found(), (Names{"loop", "p/0.dcm", "p/1.dcm", "q"}));
}

// The first slice of a series leaves no gap when it is missing: a shorter volume would look sound.
TEST_F(FileListingTest, ASeriesWithALinkThatLeadsNowhereIsNotUsed) {
  const auto written = WriteSeries(folder_ / "disk", {});
  for (const fs::path& file : written) Link(fs::path("archive/s") / file.filename(), file);
  ASSERT_EQ(ScanFolder(folder_ / "archive").usable.size(), 1U);
  for (const std::size_t slice : {std::size_t{0}, written.size() - 1, std::size_t{2}}) {
    fs::rename(written[slice], folder_ / "away");
    const SeriesScan scan = ScanFolder(folder_ / "archive");
    EXPECT_TRUE(scan.usable.empty());
    std::string all;
    for (const RejectedSeries& one : scan.rejected) {
      EXPECT_EQ(one.fault.reason, QuarantineReason::kNotReadable);
      all += one.fault.words + "\n";
    }
    EXPECT_NE(all.find("not readable: " + written[slice].filename().string()), std::string::npos) << all;
    EXPECT_NE(all.find("it is a link that leads nowhere"), std::string::npos) << all;
    fs::rename(folder_ / "away", written[slice]);
  }
}

}  // namespace
}  // namespace consilium
