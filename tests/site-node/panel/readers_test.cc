// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "site-node/panel/readers.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <optional>

#include "core/base/file_store.h"
#include "tests/site-node/error_of.h"
#include "tests/support/fake_clock.h"
#include "tests/support/temporary_folder.h"

namespace consilium {
namespace {

using std::chrono::hours;
using testing::HasSubstr;
using testing::Not;

constexpr const char* kPanel = "127.0.0.1:7443";

class ReadersTest : public testing::Test {
 protected:
  // Nothing if the reader is let in.
  static std::optional<ErrorCode> Refusal(Readers& readers, const ReaderFile& file) {
    try {
      readers.RequireReader(file.certificate_pem);
    } catch (const Error& error) {
      return error.code();
    }
    return std::nullopt;
  }
  TemporaryFolder scratch_;
  FakeClock clock_;
  Readers readers_{scratch_ / "readers", nullptr, clock_};
};

TEST_F(ReadersTest, AReaderIsLetInForAYearAndNotLonger) {
  const ReaderFile lee = readers_.Add("dr-lee", "north", kPanel);
  EXPECT_EQ(Refusal(readers_, lee), std::nullopt);
  clock_.Advance(hours(24 * 364));
  EXPECT_EQ(Refusal(readers_, lee), std::nullopt);
  clock_.Advance(hours(24 * 2));
  EXPECT_EQ(Refusal(readers_, lee), ErrorCode::kUnauthenticated);
  EXPECT_EQ(readers_.List().size(), 1U) << "still listed, with the day it ended";
  EXPECT_LT(readers_.List()[0].not_after, clock_.Wall());
}

TEST_F(ReadersTest, TheListSaysWhomAndHowLong) {
  const ReaderFile lee = readers_.Add("dr-lee", "north", kPanel);
  const Certificate certificate = Certificate::FromPem(lee.certificate_pem);
  const Reader listed = readers_.List().at(0);
  EXPECT_EQ(listed.name, "dr-lee");
  EXPECT_EQ(listed.fingerprint, certificate.Fingerprint());
  EXPECT_EQ(std::chrono::floor<std::chrono::seconds>(listed.not_after),
            std::chrono::floor<std::chrono::seconds>(certificate.NotAfter()));
}

TEST_F(ReadersTest, AnotherProcessesRemovalCountsAtOnce) {
  const ReaderFile lee = readers_.Add("dr-lee", "north", kPanel);
  Readers command(scratch_ / "readers", nullptr, clock_);
  EXPECT_EQ(Refusal(command, lee), std::nullopt);
  command.Remove("dr-lee");
  EXPECT_EQ(Refusal(readers_, lee), ErrorCode::kPermissionDenied);
  EXPECT_TRUE(readers_.List().empty());
}

// The name alone opens nothing: the removed key stays out when the name is given again.
TEST_F(ReadersTest, ANameGivenAgainIsAnotherKey) {
  const ReaderFile before = readers_.Add("dr-lee", "north", kPanel);
  readers_.Remove("dr-lee");
  const ReaderFile after = readers_.Add("dr-lee", "north", kPanel);
  EXPECT_NE(before.key_pem, after.key_pem);
  EXPECT_EQ(Refusal(readers_, before), ErrorCode::kPermissionDenied);
  EXPECT_EQ(Refusal(readers_, after), std::nullopt);
}

TEST_F(ReadersTest, ThePanelsOwnCertificateAndForeignOnesAreNoReaders) {
  const Readers::ServerIdentity panel = readers_.MakeServerIdentity();
  EXPECT_THROW(readers_.RequireReader(panel.certificate_pem), Error);
  EXPECT_THROW(readers_.RequireReader(panel.authority_pem), Error);
  EXPECT_THROW(readers_.RequireReader("no certificate"), Error);
  Readers foreign(scratch_ / "foreign", nullptr, clock_);
  EXPECT_NE(Refusal(readers_, foreign.Add("dr-lee", "north", kPanel)), std::nullopt);
}

TEST_F(ReadersTest, KeysLieWhereOnlyTheSiteReadsThemAndReadersKeysNowhere) {
  using std::filesystem::perms;
  const ReaderFile lee = readers_.Add("dr-lee", "north", kPanel);
  EXPECT_EQ(std::filesystem::status(scratch_ / "readers/authority-key.pem").permissions(),
            perms::owner_read | perms::owner_write);
  for (const auto& entry : std::filesystem::recursive_directory_iterator(scratch_.path())) {
    if (!entry.is_regular_file()) continue;
    const std::vector<std::byte> bytes = ReadFile(entry.path());
    const std::string text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    EXPECT_THAT(text, Not(HasSubstr(lee.key_pem.substr(40, 60)))) << entry.path();
  }
}

TEST_F(ReadersTest, AWrongPassphraseOpensNothing) {
  const Secret right("correct horse"), wrong("battery staple");
  const ReaderFile lee = Readers(scratch_ / "locked", &right, clock_).Add("dr-lee", "north", kPanel);
  const Error error = ErrorOf([&] { Readers again(scratch_ / "locked", &wrong, clock_); });
  EXPECT_EQ(error.code(), ErrorCode::kUnauthenticated);
  EXPECT_THAT(error.Text(), HasSubstr("passphrase"));
  Readers again(scratch_ / "locked", &right, clock_);
  EXPECT_EQ(Refusal(again, lee), std::nullopt) << "the authority is the same one";
}

}  // namespace
}  // namespace consilium
