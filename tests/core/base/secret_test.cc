// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "core/base/secret.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <utility>

#include "core/base/file_store.h"
#include "tests/support/expect_error.h"
#include "tests/support/temporary_folder.h"

namespace consilium {
namespace {

TEST(SecretTest, MovesAndEmptiesTheOld) {
  Secret a("horse");
  Secret b(std::move(a));
  EXPECT_EQ(b.Reveal(), "horse");
  EXPECT_TRUE(a.empty());  // NOLINT(bugprone-use-after-move): that it is empty is the promise
  a = std::move(b);
  EXPECT_EQ(a.Reveal(), "horse");
  EXPECT_TRUE(b.empty());  // NOLINT(bugprone-use-after-move)
  EXPECT_EQ(Secret().Reveal(), "");
}

TEST(SecretTest, ComparesWhole) {
  const Secret secret("horse");
  EXPECT_TRUE(secret.Equals("horse"));
  EXPECT_FALSE(secret.Equals("horsE"));
  EXPECT_FALSE(secret.Equals("hors"));
  EXPECT_FALSE(secret.Equals(""));
  EXPECT_TRUE(Secret().Equals(""));
}

TEST(SecretTest, ReadsTheFirstLineOfAPrivateFile) {
  const TemporaryFolder folder;
  WriteFileDurably(folder / "pass", "correct horse\nsecond line\n", 0600);
  EXPECT_EQ(ReadSecretFile(folder / "pass").Reveal(), "correct horse");
  WriteFileDurably(folder / "dos", "horse\r\n", 0400);
  EXPECT_EQ(ReadSecretFile(folder / "dos").Reveal(), "horse");
}

TEST(SecretTest, BadFilesSayWhatToDo) {
  const TemporaryFolder folder;
  WriteFileDurably(folder / "open", "horse\n", 0644);
  ExpectError(
      ErrorCode::kPermissionDenied,
      "other users of this machine may read the secret in " + (folder / "open").string() + "\n  Run: chmod 600 ",
      [&] { ReadSecretFile(folder / "open"); });
  WriteFileDurably(folder / "empty", "\nhorse\n", 0600);
  ExpectError(ErrorCode::kInvalidArgument, "begins with an empty line", [&] { ReadSecretFile(folder / "empty"); });
  WriteFileDurably(folder / "large", std::string(5000, 'x'), 0600);
  ExpectError(ErrorCode::kResourceExhausted, "at most 4096 are allowed", [&] { ReadSecretFile(folder / "large"); });
  ExpectError(ErrorCode::kNotFound, "cannot read", [&] { ReadSecretFile(folder / "none"); });
}

}  // namespace
}  // namespace consilium
