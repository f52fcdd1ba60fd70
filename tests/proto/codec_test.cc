// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "proto/codec.h"

#include <gtest/gtest.h>

#include <limits>

#include "proto/chunks.h"
#include "tests/support/expect_error.h"
#include "tests/support/temporary_folder.h"

namespace consilium {
namespace {

Geometry Grid() {
  Geometry grid;
  grid.size = {3, 2, 2};
  grid.spacing_mm = {1.5, 2, 4};
  grid.origin_mm = {-10, 20, 30};
  grid.direction = {{{0, 1, 0}, {-1, 0, 0}, {0, 0, 1}}};
  return grid;
}

TEST(Codec, AnErrorKeepsItsCodeWordsAndNextStep) {
  for (int i = 0; i <= static_cast<int>(ErrorCode::kInternal); ++i) {
    const Error before(static_cast<ErrorCode>(i), "what failed", "do this");
    const Error after = ToError(ToStatus(before), "cannot reach the hub");
    EXPECT_EQ(Name(after.code()), Name(before.code()));
    EXPECT_EQ(after.Text(), before.Text());
  }
  EXPECT_EQ(ToStatus(std::runtime_error("odd")).error_code(), grpc::StatusCode::INTERNAL);
  const grpc::Status foreign(grpc::StatusCode::UNAVAILABLE, "connect failed");
  EXPECT_STREQ(ToError(foreign, "cannot reach the hub").what(), "cannot reach the hub: connect failed");
}

TEST(Codec, ValuesComeBackAsTheyWere) {
  LabelMap map{Grid(), {0, 1, 1, 1, 0, 0, 2, 2, 0, 0, 0, 1}};
  const LabelMap back = LabelMapFromMessage(ToMessage(map));
  EXPECT_EQ(back.geometry, map.geometry);
  EXPECT_EQ(back.voxels, map.voxels);
  const Lesion lesion{3, 1.25, 9.5, 4.5, 0.75, {1, -2, 3}};
  const Lesion same = LesionFromMessage(ToMessage(lesion));
  EXPECT_EQ(same.number, 3);
  EXPECT_EQ(same.suv_max, 9.5);
  EXPECT_EQ(same.probability, 0.75);
  EXPECT_EQ(same.centroid_mm, lesion.centroid_mm);
  EXPECT_EQ(LesionFromMessage(ToMessage(Lesion{1, 1, 1, 1, std::nullopt, {}})).probability, std::nullopt);
  const SubmissionId id{RunId("tiny-1"), RoundNumber(4), SiteId("north"), 2};
  const v1::UploadHeader header = ToMessage(id, DigestOf("x"), 77);
  EXPECT_EQ(SubmissionFromMessage(header, SiteId("north")), id);
  EXPECT_EQ(DigestFromBytes(header.digest(), "it"), DigestOf("x"));
}

TEST(Codec, WhatIsNoValueIsRefusedInWords) {
  const auto refused = [](std::string_view words, auto change) {
    v1::GridMessage message = ToMessage(Grid());
    change(message);
    ExpectError(ErrorCode::kInvalidArgument, words, [&] { GeometryFromMessage(message); });
  };
  refused("incomplete", [](auto& m) { m.mutable_size()->RemoveLast(); });
  refused("edge of 0 voxels", [](auto& m) { m.set_size(1, 0); });
  refused("too many voxels", [](auto& m) {
    for (int i : {0, 1, 2}) m.set_size(i, 65535);
  });
  refused("not finite", [](auto& m) { m.set_origin_mm(0, std::numeric_limits<double>::quiet_NaN()); });
  refused("not positive", [](auto& m) { m.set_spacing_mm(2, 0); });
  refused("no unit vector", [](auto& m) { m.set_direction(4, 2); });
  v1::LabelMapMessage map = ToMessage(LabelMap{Grid(), std::vector<std::uint8_t>(12)});
  map.mutable_run_label()->push_back(1);
  ExpectError(ErrorCode::kInvalidArgument, "another number of runs", [&] { LabelMapFromMessage(map); });
  map = ToMessage(LabelMap{Grid(), std::vector<std::uint8_t>(12)});
  map.set_run_length(0, 4'000'000'000U);
  EXPECT_THROW(LabelMapFromMessage(map), Error);
  ExpectError(ErrorCode::kInvalidArgument, "31 bytes instead of 32",
              [] { DigestFromBytes(std::string(31, 'x'), "the order"); });
  ExpectError(ErrorCode::kInvalidArgument, "names no run", [] { SubmissionFromMessage({}, SiteId("north")); });
  v1::Evaluation evaluation;
  evaluation.set_cases(2);
  evaluation.set_dice_sum(2.5);
  EXPECT_THROW(DiceFromMessage(evaluation), Error);
}

TEST(Chunks, AFileArrivesInPiecesFromAnyOffset) {
  const TemporaryFolder folder;
  const std::string bytes(2 * kChunkBytes + 5, 'q');
  {
    PartialFile source(folder / "a", bytes.size(), DigestOf(bytes));
    for (std::size_t at = 0; at < bytes.size(); at += kChunkBytes) {
      v1::Chunk chunk;
      chunk.set_offset(at);
      chunk.set_data(bytes.substr(at, kChunkBytes));
      source.Append(chunk);
    }
    source.Finish();
  }
  {
    PartialFile target(folder / "b", bytes.size(), DigestOf(bytes));
    target.Append(*FileChunks(folder / "a", 0).Next());
  }
  PartialFile target(folder / "b", bytes.size(), DigestOf(bytes));
  EXPECT_EQ(target.offset(), kChunkBytes);
  FileChunks rest(folder / "a", target.offset());
  while (const auto chunk = rest.Next()) target.Append(*chunk);
  EXPECT_TRUE(target.full());
  target.Finish();
  EXPECT_EQ(DigestOfFile(folder / "b"), DigestOf(bytes));
  ExpectError(ErrorCode::kOutOfRange, "was asked for", [&] { FileChunks(folder / "a", bytes.size() + 1); });
  PartialFile wrong(folder / "c", 2, DigestOf("ab"));
  v1::Chunk chunk;
  chunk.set_data("xy");
  wrong.Append(chunk);
  ExpectError(ErrorCode::kDataLoss, "do not have the digest", [&] { wrong.Finish(); });
  EXPECT_EQ(wrong.offset(), 0U);
}

TEST(Chunks, AFileNamedWithoutAFolderLiesInTheWorkingFolder) {
  const TemporaryFolder folder;
  const auto before = std::filesystem::current_path();
  std::filesystem::current_path(folder.path());
  PartialFile file("plain", 2, DigestOf("ab"));
  v1::Chunk chunk;
  chunk.set_data("ab");
  file.Append(chunk);
  EXPECT_NO_THROW(file.Finish());
  std::filesystem::current_path(before);
  EXPECT_EQ(DigestOfFile(folder / "plain"), DigestOf("ab"));
}

}  // namespace
}  // namespace consilium
