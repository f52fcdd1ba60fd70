// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
// What lies in the folders of real archives, and what happens to them meanwhile: nothing stops an import, nothing hangs
// it, and every study that is whole is taken in.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <memory>

#include "site-node/library/case_library.h"
#include "tests/support/fake_clock.h"
#include "tests/support/small_study.h"
#include "tests/support/temporary_folder.h"

namespace consilium {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

class ImportResistanceTest : public testing::Test {
 protected:
  std::unique_ptr<CaseLibrary> Open() {
    fs::create_directories(folder_ / "site");
    return std::make_unique<CaseLibrary>(folder_ / "site", LibraryOptions{}, Device(), clock_);
  }
  fs::path Write(int number, const fs::path& below) {
    WriteSmallStudy(images_ / below, MakeSmallStudy(number));
    return images_ / below;
  }
  static std::vector<std::string> PatientsOf(CaseLibrary& library) {
    std::vector<std::string> patients;
    for (const CaseRecord& record : library.Cases()) patients.push_back(record.patient.Reveal());
    return patients;
  }
  // A second import of the same folder finds everything as it was.
  void ExpectNothingNew(CaseLibrary& library) {
    const std::int64_t generation = library.Generation();
    const auto cases = library.Cases();
    const ImportReport again = library.Import(images_);
    EXPECT_EQ(again.added, 0);
    EXPECT_TRUE(again.changed.empty());
    EXPECT_EQ(again.known, std::ssize(cases));
    EXPECT_EQ(library.Generation(), generation);
    EXPECT_EQ(PatientsOf(library).size(), cases.size());
  }

  TemporaryFolder folder_;
  const fs::path images_ = folder_ / "images";
  FakeClock clock_;
};

TEST_F(ImportResistanceTest, NamesMayHoldAnyBytes) {
  const std::vector<std::string> names = {"with spaces  ",
                                          "M\xC3\xBCller, J\xC3\xBCrgen",
                                          "line\nbreak\r\n",
                                          "\xFF\xFE not UTF-8",
                                          "'; DROP TABLE cases; --",
                                          "%s %n",
                                          "-rf"};
  int number = 0;
  for (const std::string& name : names) Write(++number, name);
  const auto library = Open();
  const ImportReport report = library->Import(images_);
  EXPECT_EQ(report.added, std::ssize(names));
  EXPECT_TRUE(report.Rejected().empty());
  for (const CaseRecord& record : library->Cases()) {
    const CaseImages images = library->Images(record.id);
    ASSERT_TRUE(images.reference);
    EXPECT_EQ(images.reference->CountNonZero(), SmallStudy::kContourVoxels);
  }
  ExpectNothingNew(*library);
}

// Folders deeper than a path may be long (PATH_MAX, 4096 bytes) can be made step by step, and copies of copies make
// them.
TEST_F(ImportResistanceTest, VeryDeepFoldersDoNotStopTheOthers) {
  fs::path deep;
  for (int n = 0; n < 60; ++n) deep /= "a folder in a folder";
  Write(1, deep);
  Write(2, "flat");
  int at = ::open((images_ / deep).c_str(), O_DIRECTORY | O_RDONLY);
  ASSERT_GE(at, 0);
  for (int n = 0; n < 200; ++n) {
    ASSERT_EQ(::mkdirat(at, "a folder in a folder", 0700), 0);
    const int next = ::openat(at, "a folder in a folder", O_DIRECTORY | O_RDONLY);
    ASSERT_GE(next, 0);
    ::close(at);
    at = next;
  }
  const int file = ::openat(at, "beyond.dcm", O_CREAT | O_WRONLY, 0600);
  ASSERT_GE(file, 0);
  ::close(file);
  ::close(at);
  const auto library = Open();
  EXPECT_EQ(library->Import(images_).added, 2);
  ExpectNothingNew(*library);
}

TEST_F(ImportResistanceTest, LoopsOfLinksEndAndLinksThatLeadNowhereAreTold) {
  const fs::path study = Write(1, "study");
  fs::create_directory_symlink(images_, study / "up");
  fs::create_directory_symlink(study, study / "PET" / "again");
  fs::create_symlink("nowhere", study / "dangling.dcm");
  fs::create_symlink("itself.dcm", study / "itself.dcm");
  const auto library = Open();
  const ImportReport report = library->Import(images_);
  EXPECT_EQ(report.added, 1);
  const std::vector<Finding> rejected = report.Rejected();
  ASSERT_EQ(rejected.size(), 2U);
  for (const Finding& one : rejected) {
    EXPECT_EQ(one.fault.reason, QuarantineReason::kNotReadable);
    EXPECT_NE(one.fault.words.find("it is a link that leads nowhere"), std::string::npos) << one.fault.words;
  }
  EXPECT_EQ(rejected[0].place, study / "dangling.dcm");
  ExpectNothingNew(*library);
}

TEST_F(ImportResistanceTest, PatientsBehindLinksAreTakenInOnce) {
  const fs::path disk = images_.parent_path() / "disk";
  WriteSmallStudy(disk / "p1", MakeSmallStudy(1));
  WriteSmallStudy(disk / "p2", MakeSmallStudy(2));
  fs::create_directories(images_);
  for (const char* name : {"p1", "p2"}) fs::create_directory_symlink(disk / name, images_ / name);
  fs::create_directory_symlink(disk / "p1", images_ / "the same again");
  const auto library = Open();
  const ImportReport report = library->Import(images_);
  EXPECT_EQ(report.added, 2);
  EXPECT_EQ(report.Quality(), (StudyQuality{2, 0, {}}));
  for (const StudyRecord& study : report.studies) {
    EXPECT_TRUE(study.findings.empty()) << study.findings.front().fault.words;
    EXPECT_TRUE(study.place.string().starts_with((images_ / "p").string()))
        << "the path that was given, not its target";
  }
  ExpectNothingNew(*library);
  fs::remove(images_ / "p2");
  EXPECT_EQ(library->Import(images_).gone.size(), 1U);
}

// A pipe without a writer would hang whoever opens it.
TEST_F(ImportResistanceTest, PipesSocketsAndDevicesAreLeftAlone) {
  const fs::path study = Write(1, "study");
  ASSERT_EQ(::mkfifo((study / "CT" / "pipe.dcm").c_str(), 0600), 0);
  fs::create_symlink("/dev/zero", study / "CT" / "endless.dcm");
  fs::create_symlink(study / "CT" / "pipe.dcm", study / "PET" / "link to a pipe.dcm");
  const auto library = Open();
  EXPECT_EQ(library->Import(images_).added, 1);
  ExpectNothingNew(*library);
}

TEST_F(ImportResistanceTest, AStudySplitOverFoldersIsOne) {
  const fs::path study = Write(1, "archive 1");
  fs::create_directories(images_ / "archive 2" / "rest");
  int n = 0;
  for (const fs::path part : {"PET", "CT"})
    for (const auto& entry : fs::directory_iterator(study / part))
      if (++n % 2 == 0) fs::rename(entry.path(), images_ / "archive 2" / "rest" / (std::to_string(n) + ".img"));
  fs::rename(study / "RTSTRUCT.dcm", images_ / "archive 2" / "contours.dcm");
  const auto library = Open();
  const ImportReport report = library->Import(images_);
  EXPECT_EQ(report.added, 1);
  EXPECT_TRUE(report.Rejected().empty());
  const auto images = library->Images(library->Cases().front().id);
  EXPECT_EQ(images.pet.geometry.size.z, 6);
  EXPECT_EQ(images.ct.geometry.size.z, 12);
  EXPECT_EQ(images.reference->CountNonZero(), SmallStudy::kContourVoxels);
  ExpectNothingNew(*library);
}

// An archive that is still being copied: what is whole is taken in now, the rest by the next import.
TEST_F(ImportResistanceTest, FilesThatAreStillBeingWrittenAreTakenInLater) {
  Write(1, "whole");
  const fs::path slice = Write(2, "on its way") / "CT" / "004.dcm";
  const std::string bytes = ReadFileBytes(slice);
  const auto library = Open();
  for (const std::size_t there : {bytes.size() - 100, bytes.size() / 2, std::size_t{140}, std::size_t{0}}) {
    SCOPED_TRACE(there);
    WriteFileBytes(slice, bytes.substr(0, there));
    const ImportReport report = library->Import(images_);
    EXPECT_THAT(PatientsOf(*library), testing::ElementsAre("AW-001"));
    const std::vector<Finding> rejected = report.Rejected();
    ASSERT_FALSE(rejected.empty());
    EXPECT_TRUE(std::any_of(rejected.begin(), rejected.end(), [](const Finding& finding) {
      return finding.fault.words.find("not readable: ") != std::string::npos;
    }));
  }
  WriteFileBytes(slice, bytes);
  EXPECT_EQ(library->Import(images_).added, 1);
  EXPECT_EQ(library->Quality().quarantined, 0);
  ExpectNothingNew(*library);
}

// Between the look at the headers and the reading of the pixels a study goes away, and another one shrinks.
TEST_F(ImportResistanceTest, FilesThatGoAwayDuringTheImportDoNotStopTheOthers) {
  for (const int number : {1, 2, 3, 4}) Write(number, std::to_string(number));
  bool done = false;
  const auto spoil = [&](const ImportProgress& progress) {
    if (done || progress.what != kReadingStudies) return;
    done = true;
    fs::remove_all(images_ / "2");
    fs::resize_file(images_ / "3/CT/005.dcm", fs::file_size(images_ / "3/CT/005.dcm") - 100);
  };
  const auto library = Open();
  const ImportReport report = library->Import(images_, {.progress = spoil, .stop = {}});
  ASSERT_TRUE(done);
  EXPECT_EQ(report.added, 2);
  EXPECT_THAT(PatientsOf(*library), testing::ElementsAre("AW-001", "AW-004"));
  EXPECT_EQ(report.Rejected().size(), 2U);
}

}  // namespace
}  // namespace consilium
