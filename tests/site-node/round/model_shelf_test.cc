// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "site-node/round/model_shelf.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "site-node/outbox/outbox.h"
#include "tests/site-node/error_of.h"
#include "tests/support/fake_clock.h"
#include "tests/support/temporary_folder.h"

namespace consilium {
namespace {

using testing::HasSubstr;

std::vector<std::byte> ModelBytes(std::uint64_t seed) {
  ModelCard card;
  card.network.features = {2, 4};
  card.seed = seed;
  return SerializeModel(card, InitialParameters(card.network, seed));
}

class ModelShelfTest : public testing::Test {
 protected:
  std::shared_ptr<const GlobalModel> Bring(std::uint64_t seed) {
    const auto bytes = ModelBytes(seed);
    return shelf_.Get(DigestOf(bytes), [&](const std::filesystem::path& to) {
      ++fetched_;
      WriteFileDurably(to, bytes);
    });
  }
  TemporaryFolder scratch_;
  ModelShelf shelf_{scratch_.path()};
  int fetched_ = 0;
};

TEST_F(ModelShelfTest, AModelIsFetchedOnce) {
  EXPECT_EQ(Bring(1)->card.seed, 1U);
  Bring(2);
  Bring(1);
  EXPECT_EQ(fetched_, 2);
}

TEST_F(ModelShelfTest, WithoutAWayToFetchItsAbsenceIsToldInWords) {
  const Error error = ErrorOf([&] { shelf_.Get(DigestOf("none")); });
  EXPECT_EQ(error.code(), ErrorCode::kNotFound);
  EXPECT_THAT(error.next_step(), HasSubstr("--model FILE"));
}

TEST_F(ModelShelfTest, TheCurrentModelIsKnownAfterARestart) {
  EXPECT_FALSE(shelf_.Current());
  const auto model = Bring(1);
  shelf_.MakeCurrent(model->digest);
  EXPECT_EQ(ModelShelf(scratch_.path()).Current(), model->digest);
}

TEST_F(ModelShelfTest, OldModelsGoAndTheCurrentOneStays) {
  const auto first = Bring(1);
  for (std::uint64_t seed = 2; seed < 10; ++seed) Bring(seed);
  shelf_.MakeCurrent(first->digest);
  int files = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(scratch_.path()))
    files += entry.is_regular_file() && entry.path().parent_path() != scratch_.path() ? 1 : 0;
  EXPECT_EQ(files, 5);
  EXPECT_EQ(ModelShelf(scratch_.path()).Get(first->digest)->digest, first->digest);
}

TEST_F(ModelShelfTest, ADamagedFileIsNotUsed) {
  const auto model = Bring(1);
  WriteFileDurably(FileStore(scratch_.path()).PathOf(model->digest), ModelBytes(2));
  ModelShelf again(scratch_.path());
  EXPECT_EQ(ErrorOf([&] { again.Get(model->digest); }).code(), ErrorCode::kDataLoss);
  EXPECT_EQ(ErrorOf([&] { again.Get(model->digest); }).code(), ErrorCode::kNotFound) << "it is fetched anew";
}

TEST(Outbox, AFileIsThereWholeOrNotAtAll) {
  const TemporaryFolder scratch;
  const Outbox outbox(scratch / "outbox");
  EXPECT_THROW(outbox.Put(CaseId("case-a"), DigestOf("m"),
                          [](const auto& file) {
                            WriteFileDurably(file, "half");
                            throw Error(ErrorCode::kDataLoss, "the disk is full");
                          }),
               Error);
  EXPECT_TRUE(outbox.Waiting().empty());
  const auto put = outbox.Put(CaseId("case-a"), DigestOf("m"), [](const auto& file) { WriteFileDurably(file, "SEG"); });
  ASSERT_EQ(outbox.Waiting().size(), 1U);
  EXPECT_EQ(outbox.Waiting()[0], put);
  outbox.Put(CaseId("case-a"), DigestOf("m"), [](const auto& file) { WriteFileDurably(file, "SEG again"); });
  EXPECT_EQ(Outbox(scratch / "outbox").Waiting().size(), 1U);
}

}  // namespace
}  // namespace consilium
