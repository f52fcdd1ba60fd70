// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
// Fifty thousand files in one folder: time is linear, memory bounded, and a kill at any moment loses and doubles
// nothing.
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <fstream>
#include <iostream>
#include <random>
#include <set>
#include <thread>

#include "site-node/library/case_library.h"
#include "tests/support/fake_clock.h"
#include "tests/support/small_study.h"
#include "tests/support/temporary_folder.h"

namespace consilium {
namespace {

namespace fs = std::filesystem;

constexpr int kFilesOfAStudy = 6 + 12 + 1;
constexpr int kStudies = 50'000 / kFilesOfAStudy + 1;

// All files in one folder, with names that say nothing of who belongs together.
void WriteFlat(const fs::path& folder, int first, int last) {
  fs::create_directories(folder);
  const fs::path apart = folder.parent_path() / "apart";
  for (int number = first; number <= last; ++number) {
    WriteSmallStudy(apart, MakeSmallStudy(number));
    int file = 0;
    for (const auto& entry : fs::recursive_directory_iterator(apart))
      if (entry.is_regular_file())
        fs::rename(entry.path(), folder / (std::to_string(file++) + "-" + std::to_string(number)));
    fs::remove_all(apart);
  }
}

std::int64_t FilesIn(const fs::path& folder) { return std::distance(fs::directory_iterator(folder), {}); }

struct Measured {
  double seconds = 0;
  std::int64_t peak_mb = 0, added = 0;
};

class ImportLargeTest : public testing::Test {
 protected:
  std::unique_ptr<CaseLibrary> Open(const std::string& site) {
    fs::create_directories(folder_ / site);
    return std::make_unique<CaseLibrary>(folder_ / site, LibraryOptions{}, Device(), clock_);
  }
  // In a process of its own, so that the peak is this import's.
  Measured ImportApart(const std::string& site) {
    int ends[2];
    EXPECT_EQ(::pipe(ends), 0);
    const pid_t child = ::fork();
    if (child == 0) {
      const auto begun = std::chrono::steady_clock::now();
      Measured measured;
      measured.added = Open(site)->Import(images_).added;
      measured.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begun).count();
      rusage usage{};
      ::getrusage(RUSAGE_SELF, &usage);
      measured.peak_mb = usage.ru_maxrss / 1024;
      ::_exit(::write(ends[1], &measured, sizeof measured) == sizeof measured ? 0 : 1);
    }
    ::close(ends[1]);
    Measured measured;
    EXPECT_EQ(::read(ends[0], &measured, sizeof measured), static_cast<ssize_t>(sizeof measured));
    ::close(ends[0]);
    int status = 0;
    ::waitpid(child, &status, 0);
    EXPECT_EQ(status, 0);
    std::cout << FilesIn(images_) << " files: " << measured.added << " cases added in " << measured.seconds
              << " s, peak " << measured.peak_mb << " MB\n";
    return measured;
  }
  // Ends itself by SIGKILL some microseconds after `at` cases.
  void ImportAndKill(const std::string& site, std::int64_t at, std::chrono::microseconds later) {
    const pid_t child = ::fork();
    if (child == 0) {
      std::jthread killer;
      Open(site)->Import(images_, {.progress =
                                       [&](const ImportProgress& progress) {
                                         if (progress.what != kReadingStudies || progress.done != at) return;
                                         killer = std::jthread([later] {
                                           std::this_thread::sleep_for(later);
                                           ::kill(::getpid(), SIGKILL);
                                         });
                                       },
                                   .stop = {}});
      ::_exit(0);
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    EXPECT_TRUE(WIFSIGNALED(status));
  }

  TemporaryFolder folder_;
  const fs::path images_ = folder_ / "images";
  FakeClock clock_;
};

TEST_F(ImportLargeTest, FiftyThousandFilesInOneFolder) {
  WriteFlat(images_, 1, kStudies / 4);
  const Measured quarter = ImportApart("quarter");
  WriteFlat(images_, kStudies / 4 + 1, kStudies);
  ASSERT_GE(FilesIn(images_), 50'000);
  const Measured all = ImportApart("all");
  EXPECT_EQ(all.added, kStudies);
  EXPECT_LT(all.seconds, 4 * 1.6 * quarter.seconds) << "time is linear";
  EXPECT_LT(all.peak_mb - quarter.peak_mb, 300) << "6 kB a file at most: headers, no pixels";
  EXPECT_LT(all.peak_mb, 600);
  const Measured again = ImportApart("all");
  EXPECT_EQ(again.added, 0);
  EXPECT_LT(again.seconds, all.seconds) << "what is known is not read again";

  std::mt19937 random(7);
  std::int64_t at = 0;
  for (int kill = 0; kill < 4; ++kill) {
    at += 1 + static_cast<std::int64_t>(random() % 500);
    ImportAndKill("killed", at, std::chrono::microseconds(random() % 20'000));
    EXPECT_GE(std::ssize(Open("killed")->Cases()), at) << "what was read is kept";
  }
  const std::size_t kept = Open("killed")->Cases().size();
  const auto library = Open("killed");
  const ImportReport report = library->Import(images_);
  EXPECT_EQ(report.known, static_cast<std::int64_t>(kept)) << "not read again";
  EXPECT_EQ(report.added + report.known, kStudies);
  std::set<PatientText> patients;
  for (const CaseRecord& record : library->Cases()) patients.insert(record.patient);
  EXPECT_EQ(patients.size(), static_cast<std::size_t>(kStudies));
  EXPECT_EQ(library->Cases().size(), static_cast<std::size_t>(kStudies)) << "no double";
  EXPECT_EQ(library->Quality(), (StudyQuality{kStudies, 0, {}}));
}

}  // namespace
}  // namespace consilium
