// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "site-node/library/sample_cache.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <chrono>
#include <cstring>
#include <fstream>
#include <string>

#include "core/base/error.h"
#include "core/base/file_store.h"
#include "site-node/library/case_library.h"
#include "tests/site-node/error_of.h"
#include "tests/support/temporary_folder.h"

namespace consilium {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

constexpr std::uint64_t kRoomy = std::uint64_t{1} << 30;
const CaseId kCase("case-a");
const Digest kKey = DigestOf("what it was made of");

Sample Make(const std::string& id = "case-a", Size3 size = {4, 3, 2}, bool label = true) {
  Sample sample;
  sample.id = CaseId(id);
  sample.grid = {size, {4, 4.5, 1.0 / 3}, {-0.1, 1.0 / 3, 1e-9}, {{{0, 1, 0}, {0, 0, 1}, {1, 0, 0}}}};
  std::vector<float> image(static_cast<std::size_t>(2 * size.count()));
  for (std::size_t i = 0; i < image.size(); ++i) image[i] = 0.1F * static_cast<float>(i % 1000);
  sample.image = std::move(image);
  if (label) {
    std::vector<std::uint8_t> voxels(static_cast<std::size_t>(size.count()));
    for (std::size_t i = 0; i < voxels.size(); i += 5) voxels[i] = 1;
    sample.label = std::move(voxels);
  }
  return sample;
}

class SampleCacheTest : public testing::Test {
 protected:
  void ExpectEqual(const Sample& a, const Sample& b) {
    EXPECT_EQ(a.id, b.id);
    EXPECT_EQ(a.grid, b.grid);
    EXPECT_EQ(a.channels, b.channels);
    EXPECT_EQ(a.image, b.image);
    EXPECT_EQ(a.label, b.label);
  }
  fs::path File() const {  // the only one
    EXPECT_EQ(Files(), 1);
    return fs::directory_iterator(dir_)->path();
  }
  std::ptrdiff_t Files() const { return std::distance(fs::directory_iterator(dir_), {}); }

  TemporaryFolder folder_;
  const fs::path dir_ = folder_ / "samples";
  const SampleCache cache_{dir_, kRoomy};
};

TEST_F(SampleCacheTest, ReadsBackBitForBit) {
  EXPECT_FALSE(cache_.Find(kCase, kKey));
  ExpectEqual(cache_.Put(Make(), kKey), Make());
  ExpectEqual(cache_.Find(kCase, kKey).value(), Make());
  ExpectEqual(SampleCache(dir_, kRoomy).Find(kCase, kKey).value(), Make());
  EXPECT_FALSE(cache_.Find(kCase, DigestOf("another plan")));
  EXPECT_FALSE(cache_.Find(CaseId("case-b"), kKey));
  cache_.Put(Make("case-c", {5, 1, 1}, false), kKey);
  EXPECT_TRUE(cache_.Find(CaseId("case-c"), kKey)->label.empty()) << "without a contour there is no label";
}

TEST_F(SampleCacheTest, NamesNoCaseInside) {
  cache_.Put(Make(), kKey);
  const auto bytes = ReadFile(File());
  EXPECT_EQ(std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size()).find("case-a"), std::string::npos);
  EXPECT_EQ(bytes.size(), 4096u + 48 * 4 + 24) << "a label voxel is one byte";
}

TEST_F(SampleCacheTest, AnyDamageIsSeenAndTheFileRemoved) {
  const auto good = [&] {
    cache_.Put(Make(), kKey);
    return ReadFile(File());
  }();
  const auto refused = [&](const std::vector<std::byte>& bytes, const std::string& reason) {
    cache_.Put(Make(), kKey);
    const fs::path file = File();
    WriteFileDurably(file, bytes);
    testing::internal::CaptureStderr();
    EXPECT_FALSE(cache_.Find(kCase, kKey));
    EXPECT_THAT(testing::internal::GetCapturedStderr(), HasSubstr(reason));
    EXPECT_EQ(Files(), 0) << "it is made again";
  };
  for (const std::size_t at : {0U, 8U, 16U, 40U, 100U, 180U, 230U}) {  // magic, sizes, place, digests
    SCOPED_TRACE(at);
    auto bytes = good;
    bytes[at] ^= std::byte{1};
    refused(bytes, at == 0 ? "another form" : "its header is damaged");
  }
  for (const std::size_t at : {std::size_t{4096}, good.size() - 1}) {
    auto bytes = good;
    bytes[at] ^= std::byte{1};
    refused(bytes, "its voxels are damaged");
  }
  for (const std::size_t size : {std::size_t{0}, std::size_t{100}, std::size_t{4096}, good.size() - 1}) {
    SCOPED_TRACE(size);
    refused({good.begin(), good.begin() + static_cast<std::ptrdiff_t>(size)}, "it is cut");
  }
  auto longer = good;
  longer.push_back({});
  refused(longer, "too long");
}

TEST_F(SampleCacheTest, AFileUnderAnotherNameIsNotTaken) {
  cache_.Put(Make(), kKey);
  const fs::path file = File();
  const Digest other = DigestOf("other");
  std::string name = file.filename().string();
  name.replace(name.find(kKey.Short()), kKey.Short().size(), other.Short());
  fs::rename(file, dir_ / name);
  EXPECT_FALSE(cache_.Find(kCase, other));
}

TEST_F(SampleCacheTest, NothingHangsOnWhatIsNoFile) {
  cache_.Put(Make(), kKey);
  const fs::path file = File();
  fs::remove(file);
  ASSERT_EQ(::mkfifo(file.c_str(), 0600), 0);
  EXPECT_FALSE(cache_.Find(kCase, kKey));
}

TEST_F(SampleCacheTest, ASampleOutlivesItsFileAndItsCache) {
  std::optional<Sample> held;
  {
    const SampleCache other(folder_ / "other", kRoomy);
    other.Put(Make(), kKey);
    held = other.Find(kCase, kKey);
    other.Drop(kCase);
  }
  fs::remove_all(folder_ / "other");
  ExpectEqual(*held, Make());
}

TEST_F(SampleCacheTest, DropsACaseAndNoOther) {
  cache_.Put(Make("case-1"), kKey);
  cache_.Put(Make("case-1"), DigestOf("other plan"));
  cache_.Put(Make("case-10"), kKey);
  cache_.Drop(CaseId("case-1"));
  EXPECT_EQ(Files(), 1);
  EXPECT_TRUE(cache_.Find(CaseId("case-10"), kKey));
}

// A program was killed while it wrote a sample: the voxels of a label that is withdrawn later must not stay.
TEST_F(SampleCacheTest, HalvesOfKilledWritersGo) {
  const auto leave = [&] {
    const std::string name = ".case-a-0123.sample.tmp-1-1";
    WriteFileDurably(folder_ / "half", "voxels");
    fs::rename(folder_ / "half", dir_ / name);
    EXPECT_EQ(Files(), 1);
  };
  leave();
  cache_.Drop(kCase);
  EXPECT_EQ(Files(), 0);
  leave();
  const SampleCache again(dir_, kRoomy);
  EXPECT_EQ(Files(), 0);
}

TEST_F(SampleCacheTest, BeyondItsRoomTheLongestUnusedGo) {
  const std::uint64_t one = 4096 + 48 * 4 + 24;
  const SampleCache small(dir_, 3 * one);
  const auto age = [&](const std::string& id, int hours) {
    for (const auto& entry : fs::directory_iterator(dir_))
      if (entry.path().filename().string().starts_with(id + "-"))
        fs::last_write_time(entry.path(), fs::file_time_type::clock::now() - std::chrono::hours(hours));
  };
  for (const char* id : {"a", "b", "c"}) small.Put(Make(id), kKey);
  age("a", 3), age("b", 2), age("c", 1);
  EXPECT_TRUE(small.Find(CaseId("a"), kKey)) << "asked for now: the newest";
  small.Put(Make("d"), kKey);
  EXPECT_EQ(Files(), 3);
  EXPECT_FALSE(small.Find(CaseId("b"), kKey));
  for (const char* id : {"a", "c", "d"}) EXPECT_TRUE(small.Find(CaseId(id), kKey)) << id;
  const SampleCache none(dir_, 0);
  ExpectEqual(none.Put(Make("e"), kKey), Make("e"));
  EXPECT_EQ(Files(), 1) << "the one just put stays";
}

TEST_F(SampleCacheTest, FilesOfOlderProgramsGo) {
  WriteFileDurably(dir_ / "case-a-0123.safetensors", "old");
  const SampleCache again(dir_, kRoomy);
  EXPECT_EQ(Files(), 0);
}

std::int64_t OwnMemoryKb() {
  std::ifstream status("/proc/self/status");
  std::string word;
  std::int64_t kb = 0;
  while (status >> word)
    if (word == "RssAnon:") status >> kb;
  return kb;
}

TEST_F(SampleCacheTest, HoldingManySamplesTakesNoMemoryOfTheirSize) {
  constexpr Size3 kSize{128, 128, 64};  // 9 MB
  for (int n = 0; n < 8; ++n) cache_.Put(Make("case-" + std::to_string(n), kSize), kKey);
  const std::int64_t before = OwnMemoryKb();
  std::vector<Sample> held;
  double sum = 0;
  for (int n = 0; n < 8; ++n) {
    held.push_back(cache_.Find(CaseId("case-" + std::to_string(n)), kKey).value());
    for (const float value : held.back().image) sum += double{value};
  }
  EXPECT_GT(sum, 0);
  EXPECT_LT(OwnMemoryKb() - before, 4096) << "eight samples are 75 MB";
}

TEST_F(SampleCacheTest, WhatIsNoSampleIsNotWritten) {
  Sample bad = Make();
  bad.image = std::vector<float>(47);
  EXPECT_EQ(ErrorOf([&] { cache_.Put(bad, kKey); }).code(), ErrorCode::kInvalidArgument);
  bad = Make();
  bad.label = std::vector<std::uint8_t>(23);
  EXPECT_EQ(ErrorOf([&] { cache_.Put(bad, kKey); }).code(), ErrorCode::kInvalidArgument);
  EXPECT_EQ(Files(), 0);
}

TEST(NaturalLess, NumbersCountAsNumbers) {
  EXPECT_TRUE(NaturalLess("STS_9", "STS_10"));
  EXPECT_FALSE(NaturalLess("STS_10", "STS_9"));
  EXPECT_TRUE(NaturalLess("STS_009", "STS_10"));
  EXPECT_TRUE(NaturalLess("A1", "B0"));
  EXPECT_TRUE(NaturalLess("P", "P1"));
  EXPECT_FALSE(NaturalLess("P1", "P1"));
  EXPECT_TRUE(NaturalLess("P01", "P1") != NaturalLess("P1", "P01")) << "an order for any two";
}

}  // namespace
}  // namespace consilium
