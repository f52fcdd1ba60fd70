// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "site-node/outbox/outbox.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/base/file_store.h"
#include "tests/site-node/error_of.h"
#include "tests/support/temporary_folder.h"

namespace consilium {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;

std::string TextOf(const fs::path& file) {
  const std::vector<std::byte> bytes = ReadFile(file);
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

class OutboxTest : public testing::Test {
 protected:
  Outbox Open() const { return Outbox(scratch_ / "outbox"); }
  fs::path Put(const std::string& id, const std::string& model, const std::string& text) const {
    return Open().Put(CaseId(id), DigestOf(model), [&](const fs::path& file) { WriteFileDurably(file, text); });
  }
  std::vector<std::string> Names() const {
    std::vector<std::string> names;
    for (const fs::path& file : Open().Waiting()) names.push_back(file.filename().string());
    return names;
  }
  static std::string NameFor(const std::string& id, const std::string& model) {
    return id + "-" + DigestOf(model).Short() + ".dcm";
  }
  TemporaryFolder scratch_;
};

TEST_F(OutboxTest, WhatWaitsIsThereAfterARestartByName) {
  Put("case-c", "m", "third");
  Put("case-a", "m", "first");
  Put("case-b", "m", "second");
  EXPECT_THAT(Names(), ElementsAre(NameFor("case-a", "m"), NameFor("case-b", "m"), NameFor("case-c", "m")));
  EXPECT_EQ(TextOf(Open().Waiting().at(1)), "second");
}

TEST_F(OutboxTest, AnotherModelOfTheSameCaseIsAnotherFile) {
  const fs::path one = Put("case-a", "m", "by m"), two = Put("case-a", "n", "by n");
  EXPECT_NE(one, two);
  EXPECT_EQ(TextOf(one), "by m");
  EXPECT_EQ(TextOf(two), "by n");
  EXPECT_EQ(Names().size(), 2U);
}

TEST_F(OutboxTest, AFailureLeavesTheFileThatWasThere) {
  const fs::path file = Put("case-a", "m", "whole");
  const Error error = ErrorOf([&] {
    Open().Put(CaseId("case-a"), DigestOf("m"), [](const fs::path& part) {
      WriteFileDurably(part, "ha");
      throw Error(ErrorCode::kResourceExhausted, "the disk is full");
    });
  });
  EXPECT_THAT(error.what(), HasSubstr("disk is full"));
  EXPECT_EQ(TextOf(file), "whole");
  EXPECT_THAT(Names(), ElementsAre(NameFor("case-a", "m")));
  Put("case-a", "m", "again");
  EXPECT_EQ(TextOf(file), "again") << "what the failure left does not stand in the way";
}

TEST_F(OutboxTest, AWriterThatWritesNothingIsAnErrorAndPutsNothing) {
  const Error error = ErrorOf([&] { Open().Put(CaseId("case-a"), DigestOf("m"), [](const fs::path&) {}); });
  EXPECT_EQ(error.code(), ErrorCode::kNotFound);
  EXPECT_TRUE(Names().empty());
}

TEST_F(OutboxTest, RemainsOfACrashAndOtherFilesDoNotWait) {
  Put("case-a", "m", "whole");
  WriteFileDurably(scratch_ / "outbox/case-b-0123456789ab.dcm.part", "ha");
  WriteFileDurably(scratch_ / "outbox/notes.txt", "by hand");
  fs::create_directories(scratch_ / "outbox/sent");
  EXPECT_THAT(Names(), ElementsAre(NameFor("case-a", "m")));
  EXPECT_EQ(std::distance(fs::directory_iterator(scratch_ / "outbox"), fs::directory_iterator()), 4)
      << "nothing of others is removed";
}

// A SEG names the patient.
TEST_F(OutboxTest, FilesAreForTheSitesOwnAccount) {
  const fs::path file = Open().Put(CaseId("case-a"), DigestOf("m"), [](const fs::path& part) {
    WriteFileDurably(part, "SEG", 0644);
    fs::permissions(part, static_cast<fs::perms>(0644));
  });
  EXPECT_EQ(fs::status(file).permissions(), fs::perms::owner_read | fs::perms::owner_write);
  EXPECT_FALSE(fs::exists(file.string() + ".part"));
}

}  // namespace
}  // namespace consilium
