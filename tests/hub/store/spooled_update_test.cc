// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "hub/store/spooled_update.h"

#include <gtest/gtest.h>

#include <cstring>
#include <fstream>

#include "core/base/file_store.h"
#include "core/model/model_card.h"
#include "tests/hub/small_run.h"
#include "tests/support/expect_error.h"
#include "tests/support/temporary_folder.h"

namespace consilium {
namespace {

class SpooledUpdateTest : public testing::Test {
 protected:
  // A file whose header has `padding` more bytes, so that its numbers begin anywhere.
  void Write(const ModelUpdate& update, std::size_t padding = 0) const {
    std::string text = TextOf(SerializeUpdate(update));
    std::uint64_t size = 0;
    std::memcpy(&size, text.data(), sizeof size);
    text.insert(8 + size, padding, ' ');
    size += padding;
    std::memcpy(text.data(), &size, sizeof size);
    WriteFileDurably(folder_ / "u", text);
  }
  void ExpectRefused(ErrorCode code, const std::string& words) const {
    ExpectError(code, words, [&] { SpooledUpdate(folder_ / "u", "the update"); });
  }

  TemporaryFolder folder_;
  ModelUpdate update_ = [] {
    ModelUpdate update{SmallId(), DigestOf("base"), {0.5, 50, 10, {1.5, 2}, 3.25}, {}};
    update.delta.arrays = {{"b", {2, 2}, {1, 2, 3, 4}}, {"a", {3}, {-5, 6.5F, 1e-30F}}};
    return update;
  }();
};

TEST_F(SpooledUpdateTest, NumbersComeFromAnyPlaceInFileOrder) {
  Write(update_);
  const SpooledUpdate update(folder_ / "u", "the update");
  EXPECT_EQ(update.count(), 7);
  EXPECT_EQ(update.header().id, update_.id);
  EXPECT_EQ(update.header().base, update_.base);
  EXPECT_EQ(update.header().metrics, update_.metrics);
  EXPECT_EQ(update.header().layout.tensors[1].name, "a");
  const std::vector<float> all{1, 2, 3, 4, -5, 6.5F, 1e-30F};
  for (std::size_t first = 0; first <= all.size(); ++first) {
    for (std::size_t size = 0; first + size <= all.size(); ++size) {
      std::vector<float> values(size);
      update.Read(static_cast<std::int64_t>(first), values);
      EXPECT_TRUE(std::equal(values.begin(), values.end(), all.begin() + static_cast<std::ptrdiff_t>(first)));
    }
  }
}

TEST_F(SpooledUpdateTest, NumbersNeedNotBeAligned) {
  for (const std::size_t padding : {1U, 2U, 3U}) {
    Write(update_, padding);
    const SpooledUpdate update(folder_ / "u", "the update");
    std::vector<float> values(7);
    update.Read(0, values);
    EXPECT_EQ(values, (std::vector<float>{1, 2, 3, 4, -5, 6.5F, 1e-30F})) << padding;
  }
}

TEST_F(SpooledUpdateTest, MovesWithoutLettingGoOfItsFile) {
  Write(update_);
  SpooledUpdate first(folder_ / "u", "the update");
  std::filesystem::remove(folder_ / "u");  // the mapping holds it
  const SpooledUpdate second = std::move(first);
  std::vector<float> values(2);
  second.Read(4, values);
  EXPECT_EQ(values, (std::vector<float>{-5, 6.5F}));
  EXPECT_EQ(second.count(), 7);
}

TEST_F(SpooledUpdateTest, WhatIsNoUpdateIsRefusedInWords) {
  ExpectRefused(ErrorCode::kDataLoss, "the update: its file is gone from the spool");
  WriteFileDurably(folder_ / "u", "");
  ExpectRefused(ErrorCode::kInvalidArgument, "the update: the file is empty");
  WriteFileDurably(folder_ / "u", std::string(100, 'x'));
  ExpectRefused(ErrorCode::kInvalidArgument, "the update is no valid safetensors file");
  ModelCard card;
  card.network = SmallPlan().network;
  WriteFileDurably(folder_ / "u", SerializeModel(card, InitialParameters(card.network, 1)));
  ExpectRefused(ErrorCode::kInvalidArgument, "the update holds no update");
  update_.metrics.samples = 0;
  Write(update_);
  ExpectRefused(ErrorCode::kInvalidArgument, "the update: it comes from no training patient");
}

TEST_F(SpooledUpdateTest, ATornFileIsRefusedAtEveryLength) {
  const std::string whole = TextOf(SerializeUpdate(update_));
  for (std::size_t size = 1; size < whole.size(); size += 3) {
    std::ofstream(folder_ / "u") << whole.substr(0, size);
    EXPECT_THROW(SpooledUpdate(folder_ / "u", "the update"), Error) << size;
  }
}

}  // namespace
}  // namespace consilium
