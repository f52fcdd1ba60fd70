// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
// `consilium phantom` and `consilium convert`, run as people run them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "core/base/file_store.h"
#include "imaging/dicom/rtstruct_reader.h"
#include "imaging/dicom/seg_reader.h"
#include "imaging/dicom/series_reader.h"
#include "tests/tools/consilium/front_door.h"

namespace consilium {
namespace {

using ::testing::HasSubstr;
namespace fs = std::filesystem;

class Convert : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    made_ = RunConsilium("phantom --patients 2 --style coast --seed 5 --json --out " + (Shared() / "p").string());
  }
  static void TearDownTestSuite() { fs::remove_all(Shared()); }
  static fs::path Shared() { return fs::path(testing::TempDir()) / ("convert_test_" + std::to_string(getpid())); }
  static fs::path Patient() { return Shared() / "p" / "coast-001"; }
  static fs::path Contours() { return Patient() / "PET" / "RTSTRUCT.dcm"; }
  static fs::path ContoursOfAnother() { return Shared() / "p" / "coast-002" / "PET" / "RTSTRUCT.dcm"; }
  static Ran ConvertPet(const std::string& words) {
    return RunConsilium("convert " + (Patient() / "PET" / "image").string() + " " + words);
  }
  static std::string To(const std::string& name) { return "--out " + (Shared() / name).string(); }

  static inline Ran made_;
};

TEST_F(Convert, PhantomsAreCountedAsTheyLie) {
  ASSERT_EQ(made_.exit_code, 0) << made_.err;
  const auto json = nlohmann::json::parse(made_.out);
  EXPECT_EQ(json.at("patients"), 2);
  EXPECT_EQ(json.at("style"), "coast");
  std::int64_t files = 0;
  std::uint64_t bytes = 0;
  for (const auto& entry : fs::recursive_directory_iterator(Shared() / "p")) {
    if (!entry.is_regular_file()) continue;
    ++files;
    bytes += entry.file_size();
  }
  EXPECT_EQ(json.at("files"), files);
  EXPECT_EQ(json.at("bytes"), bytes);
  std::size_t tumours = 0;
  for (const fs::path& contours : {Contours(), ContoursOfAnother()})
    tumours += MatchingRois(ReadRtStruct(contours), "GTV*").size();
  EXPECT_EQ(json.at("tumours"), tumours);
}

TEST_F(Convert, PhantomMistakesAreSaid) {
  const Ran again = RunConsilium("phantom --patients 1 --style coast --seed 5 --out " + (Shared() / "p").string());
  EXPECT_EQ(again.exit_code, 1);
  EXPECT_THAT(again.err, HasSubstr("error: "));
  EXPECT_THAT(again.err, HasSubstr("coast-001"));
  const Ran style = RunConsilium("phantom --style desert --out " + (Shared() / "q").string());
  EXPECT_EQ(style.exit_code, 1);
  EXPECT_THAT(style.err, HasSubstr("desert"));
  EXPECT_THAT(style.err, HasSubstr("north")) << "the styles there are";
  const Ran none = RunConsilium("phantom --patients 0 --out " + (Shared() / "q").string());
  EXPECT_EQ(none.exit_code, 1);
  EXPECT_FALSE(fs::exists(Shared() / "q"));
  const Ran nowhere = RunConsilium("phantom");
  EXPECT_NE(nowhere.exit_code, 0);
  EXPECT_THAT(nowhere.err, HasSubstr("--out"));
}

TEST_F(Convert, ASeriesBecomesNifti) {
  const Ran ran = ConvertPet(To("pet.nii"));
  ASSERT_EQ(ran.exit_code, 0) << ran.err;
  const Geometry grid = ReadSeries(Patient() / "PET" / "image").geometry;
  EXPECT_THAT(ran.out, HasSubstr(std::to_string(grid.size.x) + " x " + std::to_string(grid.size.y) + " x " +
                                 std::to_string(grid.size.z) + " voxels"));
  const std::vector<std::byte> bytes = ReadFile(Shared() / "pet.nii");
  ASSERT_GE(bytes.size(), 352 + static_cast<std::size_t>(grid.size.count()));
  const auto short_at = [&](std::size_t at) {
    return std::to_integer<int>(bytes[at]) + 256 * std::to_integer<int>(bytes[at + 1]);
  };
  EXPECT_EQ(short_at(0), 348);  // sizeof_hdr of NIfTI-1
  EXPECT_EQ(short_at(42), grid.size.x);
  EXPECT_EQ(short_at(44), grid.size.y);
  EXPECT_EQ(short_at(46), grid.size.z);
}

TEST_F(Convert, AContourBecomesASegOfThisSeries) {
  const Ran ran = ConvertPet("--contours " + Contours().string() + " " + To("c.dcm"));
  ASSERT_EQ(ran.exit_code, 0) << ran.err;
  const Series series = ReadSeries(Patient() / "PET" / "image");
  const LabelMap mask = ToLabelMap(ReadRtStruct(Contours()), "GTV*", series.geometry);
  EXPECT_EQ(ReadSeg(Shared() / "c.dcm", series.geometry).voxels, mask.voxels);
  EXPECT_EQ(ReadSegInfo(Shared() / "c.dcm").source.series_uids, std::vector{series.info.series_uid});
  EXPECT_THAT(ran.out, HasSubstr(std::to_string(mask.CountNonZero()) + " of them inside the contour"));
}

TEST_F(Convert, AnotherPatientsContourIsRefused) {
  for (const char* name : {"other.dcm", "other.nii.gz"}) {
    const Ran ran = ConvertPet("--contours " + ContoursOfAnother().string() + " " + To(name));
    EXPECT_EQ(ran.exit_code, 1);
    EXPECT_THAT(ran.err,
                HasSubstr("error: cannot put the RTSTRUCT " + ContoursOfAnother().string() + " on the series " +
                          (Patient() / "PET" / "image").string() + ": it belongs to another patient than the images"));
    EXPECT_THAT(ran.err, HasSubstr("\n  Give the RTSTRUCT that was made on these images."));
    EXPECT_FALSE(fs::exists(Shared() / name));
  }
}

TEST_F(Convert, MistakesAreSaid) {
  const Ran ending = ConvertPet(To("pet.png"));
  EXPECT_EQ(ending.exit_code, 1);
  EXPECT_THAT(ending.err, HasSubstr("its ending is not known"));
  EXPECT_THAT(ending.err, HasSubstr("End it with .nii.gz"));
  EXPECT_EQ(ConvertPet(To("pet.dcm")).exit_code, 1) << "a SEG needs a contour";

  const Ran roi = ConvertPet("--roi Liver --contours " + Contours().string() + " " + To("l.nii.gz"));
  EXPECT_EQ(roi.exit_code, 1);
  EXPECT_THAT(roi.err, HasSubstr("GTV_1")) << "the names there are";
  EXPECT_FALSE(fs::exists(Shared() / "l.nii.gz"));

  const Ran two = RunConsilium("convert " + Patient().string() + " " + To("two.nii.gz"));
  EXPECT_EQ(two.exit_code, 1) << "a folder of two series";
  EXPECT_THAT(two.err, HasSubstr("error: "));
  const Ran gone = RunConsilium("convert " + (Shared() / "gone").string() + " " + To("gone.nii.gz"));
  EXPECT_EQ(gone.exit_code, 1);
  EXPECT_THAT(gone.err, HasSubstr("gone"));
}

}  // namespace
}  // namespace consilium
