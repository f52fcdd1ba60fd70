// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "site-node/library/sample_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/base/file_store.h"
#include "core/model/safetensors.h"
#include "site-node/library/case_library.h"
#include "tests/site-node/error_of.h"
#include "tests/support/fake_clock.h"
#include "tests/support/temporary_folder.h"

namespace consilium {
namespace {

using testing::HasSubstr;

Sample Make() {
  Sample sample;
  sample.id = CaseId("case-a");
  sample.grid.size = {4, 3, 2};
  sample.grid.spacing_mm = {4, 4, 4};
  sample.grid.origin_mm = {-0.1, 1.0 / 3, 1e-9};
  for (int i = 0; i < 48; ++i) sample.image.push_back(0.1F * static_cast<float>(i));
  sample.label.assign(24, 0);
  sample.label[5] = 1;
  return sample;
}

TEST(SampleFile, ReadsBackBitForBit) {
  const TemporaryFolder scratch;
  WriteSampleFile(scratch / "s", Make());
  const Sample read = ReadSampleFile(scratch / "s", CaseId("case-a"));
  EXPECT_EQ(read.grid, Make().grid);
  EXPECT_EQ(read.image, Make().image);
  EXPECT_EQ(read.label, Make().label);
  EXPECT_EQ(read.channels, 2);
}

TEST(SampleFile, ACaseWithoutContourHasNoLabel) {
  const TemporaryFolder scratch;
  Sample sample = Make();
  sample.label.clear();
  WriteSampleFile(scratch / "s", sample);
  EXPECT_TRUE(ReadSampleFile(scratch / "s", CaseId("case-a")).label.empty());
}

TEST(SampleFile, NamesNoCase) {
  const TemporaryFolder scratch;
  WriteSampleFile(scratch / "s", Make());
  const auto bytes = ReadFile(scratch / "s");
  EXPECT_EQ(std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size()).find("case-a"), std::string::npos);
}

TEST(SampleFile, DamageIsAnErrorWithWhatToDo) {
  const TemporaryFolder scratch;
  WriteSampleFile(scratch / "s", Make());
  auto bytes = ReadFile(scratch / "s");
  bytes.resize(bytes.size() - 4);
  WriteFileDurably(scratch / "cut", bytes);
  EXPECT_THROW(ReadSampleFile(scratch / "cut", CaseId("a")), Error);
  const Parameters other{{{"image", {2, 2, 3, 5}, std::vector<float>(60)}}};
  ParametersFile good = ReadParametersFile(scratch / "s");
  WriteFileDurably(scratch / "shape", SerializeParameters(other, good.metadata));
  const Error error = ErrorOf([&] { ReadSampleFile(scratch / "shape", CaseId("a")); });
  EXPECT_EQ(error.code(), ErrorCode::kDataLoss);
  EXPECT_THAT(error.what(), HasSubstr("wrong shape"));
  WriteFileDurably(scratch / "none", SerializeParameters({}, good.metadata));
  EXPECT_THAT(ErrorOf([&] { ReadSampleFile(scratch / "none", CaseId("a")); }).what(), HasSubstr("image is missing"));
  WriteFileDurably(scratch / "grid", SerializeParameters(other, {{"grid", "[1"}}));
  EXPECT_EQ(ErrorOf([&] { ReadSampleFile(scratch / "grid", CaseId("a")); }).code(), ErrorCode::kDataLoss);
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
