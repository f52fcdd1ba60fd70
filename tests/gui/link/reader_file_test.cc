// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "core/base/reader_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <csignal>
#include <fstream>

#include "core/base/error.h"

namespace consilium {
namespace {

using ::testing::HasSubstr;

std::string Block(const std::string& kind, const std::string& body) {
  return "-----BEGIN " + kind + "-----\n" + body + "\n-----END " + kind + "-----\n";
}

ReaderFile Example() {
  return {.panel = "127.0.0.1:39200",
          .site = "north",
          .reader = "dr-lee",
          .authority_pem = Block("CERTIFICATE", "QUFB"),
          .certificate_pem = Block("CERTIFICATE", "QkJC"),
          .key_pem = Block("PRIVATE KEY", "Q0ND")};
}

std::string Complaint(const std::string& text) {
  try {
    ParseReaderFile(text, "x.reader");
  } catch (const Error& error) {
    return error.Text();
  }
  return "no complaint";
}

class ReaderFileTest : public ::testing::Test {
 protected:
  ReaderFileTest() : folder_(::testing::TempDir() + "/reader_file_test") {
    std::filesystem::remove_all(folder_);
    std::filesystem::create_directories(folder_);
  }
  ~ReaderFileTest() override { std::filesystem::remove_all(folder_); }
  const std::filesystem::path folder_;
};

TEST_F(ReaderFileTest, TextComesBackEqual) { EXPECT_EQ(ParseReaderFile(ToText(Example()), "x"), Example()); }

TEST_F(ReaderFileTest, SaysWhatIsMissing) {
  ReaderFile file = Example();
  file.panel.clear();
  EXPECT_THAT(Complaint(ToText(file)),
              HasSubstr("x.reader is not a reader file: the line `Panel: host:port` is missing"));
  file = Example();
  file.panel = "north";
  EXPECT_THAT(Complaint(ToText(file)), HasSubstr("`Panel: north` has no port"));
  file = Example();
  file.certificate_pem.clear();
  EXPECT_THAT(Complaint(ToText(file)), HasSubstr("it holds 1 certificates, not 2"));
  file = Example();
  file.key_pem.clear();
  EXPECT_THAT(Complaint(ToText(file)), HasSubstr("the private key is missing"));
  EXPECT_THAT(Complaint("Panel: a:1\n-----BEGIN CERTIFICATE-----\nQUFB"), HasSubstr("a block has no end"));
  EXPECT_THAT(Complaint(std::string(70000, 'x')), HasSubstr("larger than 64 KiB"));
  EXPECT_THAT(Complaint(""), HasSubstr("consilium-site reader add"));
}

TEST_F(ReaderFileTest, IsWrittenOnceAndOnlyForItsOwner) {
  const auto path = folder_ / "lee.reader";
  WriteReaderFile(path, Example());
  struct stat status {};
  ASSERT_EQ(::stat(path.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600U);
  EXPECT_EQ(ReadReaderFile(path), Example());
  EXPECT_THROW(WriteReaderFile(path, Example()), Error);
}

// The disk has room for half of it.
TEST_F(ReaderFileTest, AHalfFileIsNeverLeft) {
  ::signal(SIGXFSZ, SIG_IGN);
  struct rlimit before {};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
  const struct rlimit little { 100, before.rlim_max };
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &little), 0);
  EXPECT_THROW(WriteReaderFile(folder_ / "lee.reader", Example()), Error);
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &before), 0);
  EXPECT_TRUE(std::filesystem::is_empty(folder_));
  WriteReaderFile(folder_ / "lee.reader", Example());
  EXPECT_EQ(ReadReaderFile(folder_ / "lee.reader"), Example());
}

TEST_F(ReaderFileTest, AFolderMustHoldExactlyOne) {
  EXPECT_THROW(ReadReaderFile(folder_), Error);
  WriteReaderFile(folder_ / "a.reader", Example());
  std::ofstream(folder_ / "notes.txt") << "x";
  EXPECT_EQ(ReadReaderFile(folder_), Example());
  WriteReaderFile(folder_ / "b.reader", Example());
  try {
    ReadReaderFile(folder_);
    FAIL() << "two files were taken";
  } catch (const Error& error) {
    EXPECT_THAT(error.Text(), HasSubstr("holds 2 *.reader files, not one"));
    EXPECT_THAT(error.Text(), HasSubstr("Name the file itself."));
  }
}

}  // namespace
}  // namespace consilium
