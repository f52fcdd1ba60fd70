// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "imaging/phantom/phantom.h"

#include <dcmtk/config/osconfig.h>
#include <dcmtk/dcmdata/dctk.h>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>

#include "core/base/digest.h"
#include "core/base/error.h"
#include "imaging/phantom/anatomy.h"
#include "imaging/phantom/dicom_writer.h"
#include "imaging/phantom/scanner.h"

namespace consilium {
namespace {

namespace fs = std::filesystem;

class PhantomFiles : public testing::Test {
 protected:
  void SetUp() override {
    const auto* info = testing::UnitTest::GetInstance()->current_test_info();
    dir_ = fs::path(testing::TempDir()) / (std::string("phantom-") + info->name());
    fs::remove_all(dir_);
  }
  void TearDown() override { fs::remove_all(dir_); }

  PhantomSummary Write(const std::string& style, std::int64_t patients = 1, std::uint64_t seed = 1,
                       const std::string& folder = "") {
    return WritePhantoms({dir_ / folder, patients, style, seed, 1});
  }

  std::map<std::string, std::string> Digests(const fs::path& folder) const {
    std::map<std::string, std::string> digests;
    for (const auto& entry : fs::recursive_directory_iterator(folder)) {
      if (entry.is_regular_file()) {
        digests[fs::relative(entry.path(), folder).string()] = DigestOfFile(entry.path()).Hex();
      }
    }
    return digests;
  }

  fs::path dir_;
};

std::string TextOf(DcmItem& item, const DcmTagKey& tag) {
  OFString text;
  EXPECT_TRUE(item.findAndGetOFStringArray(tag, text).good()) << tag.toString();
  return text.c_str();
}

// What `dciodvfy` says of a file, line by line.
std::string Validate(const fs::path& file) {
  std::string said;
  std::FILE* pipe = popen(("dciodvfy '" + file.string() + "' 2>&1").c_str(), "r");
  if (pipe == nullptr) return "Error: dciodvfy does not start";
  std::array<char, 512> line{};
  while (std::fgets(line.data(), line.size(), pipe) != nullptr) said += line.data();
  pclose(pipe);
  return said;
}

TEST_F(PhantomFiles, LieAsTheRealOnesDo) {
  const PhantomSummary summary = Write("coast", 2);
  EXPECT_EQ(summary.patients, 2);
  EXPECT_TRUE(fs::is_regular_file(dir_ / "coast-001/PET/image/0001.dcm"));
  EXPECT_TRUE(fs::is_regular_file(dir_ / "coast-002/CT/image/0001.dcm"));
  EXPECT_TRUE(fs::is_regular_file(dir_ / "coast-002/PET/RTSTRUCT.dcm"));
  const auto files = Digests(dir_);
  EXPECT_EQ(summary.files, static_cast<std::int64_t>(files.size()));
  EXPECT_LT(summary.bytes, 2U * 2500000U);
}

TEST_F(PhantomFiles, AreValidDicom) {
  for (const char* style : {"north", "coast", "valley"}) {
    Write(style);
    const fs::path patient = dir_ / fmt::format("{}-001", style);
    const std::map<std::string, std::string> names{
        {"PET/image/0001.dcm", "PETImage"}, {"CT/image/0040.dcm", "CTImage"}, {"PET/RTSTRUCT.dcm", "RTStructureSet"}};
    for (const auto& [file, name] : names) {
      const std::string said = Validate(patient / file);
      EXPECT_THAT(said, testing::HasSubstr(name)) << file;  // it was read and known
      EXPECT_THAT(said, testing::Not(testing::HasSubstr("Error"))) << file;
      EXPECT_THAT(said, testing::Not(testing::HasSubstr("Warning"))) << file;
    }
  }
}

TEST_F(PhantomFiles, HoldThePixelsOfTheScan) {
  Write("valley", 1, 5);
  const PhantomStyle& style = PhantomStyleNamed("valley");
  const Volume pet = ScanPet(MakePhantomBody(style, 5, 1), style, Random(DeriveSeed(DeriveSeed(5, 1), 1)));
  std::set<std::string> slopes;
  for (std::int64_t k = 0; k < pet.geometry.size.z; ++k) {
    DcmFileFormat file;
    ASSERT_TRUE(file.loadFile((dir_ / fmt::format("valley-001/PET/image/{:04}.dcm", k + 1)).c_str()).good());
    DcmDataset& data = *file.getDataset();
    EXPECT_EQ(TextOf(data, DCM_Units), "GML");
    const std::string slope = TextOf(data, DCM_RescaleSlope);
    slopes.insert(slope);
    EXPECT_EQ(std::stof(slope), pet.slope[static_cast<std::size_t>(k)]);
    const double z = pet.geometry.IndexToPoint({0, 0, static_cast<double>(k)}).z;
    EXPECT_THAT(TextOf(data, DCM_ImagePositionPatient), testing::EndsWith(fmt::format("\\{:.8g}", z)));
    const Uint16* pixels = nullptr;
    unsigned long count = 0;
    ASSERT_TRUE(data.findAndGetUint16Array(DCM_PixelData, pixels, &count).good());
    ASSERT_EQ(static_cast<std::int64_t>(count), pet.geometry.size.x * pet.geometry.size.y);
    const auto* expected = pet.voxels.data() + pet.geometry.Offset(0, 0, k);
    EXPECT_TRUE(std::equal(pixels, pixels + count, reinterpret_cast<const Uint16*>(expected)));
  }
  EXPECT_EQ(static_cast<std::int64_t>(slopes.size()), pet.geometry.size.z);
}

// Area of one polygon of a contour, mm^2.
double ContourArea(DcmItem& contour) {
  const std::string text = TextOf(contour, DCM_ContourData);
  std::vector<double> numbers;
  for (std::size_t at = 0; at != std::string::npos;) {
    const std::size_t end = text.find('\\', at);
    numbers.push_back(std::stod(text.substr(at, end - at)));
    at = end == std::string::npos ? end : end + 1;
  }
  double area = 0;
  const std::size_t points = numbers.size() / 3;
  for (std::size_t i = 0; i < points; ++i) {
    const std::size_t next = (i + 1) % points;
    area += 0.5 * (numbers[3 * i] * numbers[3 * next + 1] - numbers[3 * next] * numbers[3 * i + 1]);
  }
  return area;
}

TEST_F(PhantomFiles, ContoursHaveTheVolumeOfTheTumours) {
  for (const char* style_name : {"north", "coast", "valley"}) {
    Write(style_name, 4);
    const PhantomStyle& style = PhantomStyleNamed(style_name);
    double contoured_ml = 0, exact_ml = 0;
    for (std::int64_t number = 1; number <= 4; ++number) {
      const PhantomBody body = MakePhantomBody(style, 1, number);
      DcmFileFormat file;
      const fs::path path = dir_ / fmt::format("{}-{:03}/PET/RTSTRUCT.dcm", style_name, number);
      ASSERT_TRUE(file.loadFile(path.c_str()).good());
      for (std::size_t roi = 0; roi < body.tumours.size(); ++roi) {
        DcmItem* entry = nullptr;
        DcmItem* contours = nullptr;
        const auto at = static_cast<signed long>(roi);
        ASSERT_TRUE(file.getDataset()->findAndGetSequenceItem(DCM_StructureSetROISequence, entry, at).good());
        EXPECT_EQ(TextOf(*entry, DCM_ROIName), fmt::format("GTV_{}", roi + 1));
        ASSERT_TRUE(file.getDataset()->findAndGetSequenceItem(DCM_ROIContourSequence, contours, at).good());
        double ml = 0;
        DcmItem* contour = nullptr;
        for (signed long i = 0; contours->findAndGetSequenceItem(DCM_ContourSequence, contour, i).good(); ++i) {
          ml += ContourArea(*contour) * style.pet_voxel_mm.z / 1000;
        }
        // Slices 4 to 5 mm thick sample a tumour of some 20 mm: 6 % for one, less in the sum.
        EXPECT_NEAR(ml, body.tumours[roi].VolumeMl(), 0.06 * body.tumours[roi].VolumeMl());
        contoured_ml += ml, exact_ml += body.tumours[roi].VolumeMl();
      }
    }
    EXPECT_NEAR(contoured_ml, exact_ml, 0.02 * exact_ml) << style_name;
  }
}

TEST_F(PhantomFiles, APatientWithoutTumourHasAnEmptyContour) {
  const PhantomStyle& style = PhantomStyleNamed("north");
  std::int64_t number = 1;
  while (!MakePhantomBody(style, 1, number).tumours.empty()) ++number;
  const PhantomSummary summary = WritePhantoms({dir_, 1, "north", 1, number});
  EXPECT_EQ(summary.tumours, 0);
  const fs::path path = dir_ / fmt::format("north-{:03}/PET/RTSTRUCT.dcm", number);
  DcmFileFormat file;
  ASSERT_TRUE(file.loadFile(path.c_str()).good());
  DcmItem* contours = nullptr;
  DcmItem* contour = nullptr;
  ASSERT_TRUE(file.getDataset()->findAndGetSequenceItem(DCM_ROIContourSequence, contours).good());
  EXPECT_TRUE(contours->findAndGetSequenceItem(DCM_ContourSequence, contour).bad());
  EXPECT_THAT(Validate(path), testing::Not(testing::HasSubstr("Error")));
}

TEST_F(PhantomFiles, SameSeedSameBytesOtherSeedOther) {
  Write("north", 2, 9, "a");
  Write("north", 2, 9, "b");
  Write("north", 2, 10, "c");
  const auto a = Digests(dir_ / "a"), b = Digests(dir_ / "b"), c = Digests(dir_ / "c");
  EXPECT_EQ(a, b);
  EXPECT_NE(a.at("north-001/PET/image/0001.dcm"), c.at("north-001/PET/image/0001.dcm"));
  EXPECT_NE(a.at("north-001/PET/image/0030.dcm"), a.at("north-002/PET/image/0030.dcm"));
}

TEST_F(PhantomFiles, APatientDoesNotDependOnHowManyAreWritten) {
  Write("coast", 3, 4, "many");
  WritePhantoms({dir_ / "one", 1, "coast", 4, 3});
  EXPECT_EQ(Digests(dir_ / "many/coast-003"), Digests(dir_ / "one/coast-003"));
}

TEST_F(PhantomFiles, WhatIsThereAlreadyIsNotOverwritten) {
  Write("coast");
  try {
    Write("coast");
    FAIL() << "overwritten";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kAlreadyExists);
    EXPECT_THAT(error.what(), testing::HasSubstr("coast-001"));
    EXPECT_EQ(error.next_step(), "Name an empty folder, or remove the old phantoms first.");
  }
}

TEST_F(PhantomFiles, AFolderThatCannotBeMadeIsNamed) {
  fs::create_directories(dir_);
  std::ofstream(dir_ / "file") << "x";
  try {
    Write("coast", 1, 1, "file");
    FAIL() << "wrote into a file";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kUnavailable);
    EXPECT_THAT(error.what(), testing::HasSubstr("cannot make the folder"));
  }
}

TEST(PhantomOptions, AreChecked) {
  const auto refuse = [](const PhantomOptions& options, const char* words) {
    try {
      options.Validate();
      ADD_FAILURE() << "accepted: " << words;
    } catch (const Error& error) {
      EXPECT_STREQ(error.what(), words);
    }
  };
  refuse({"out", 0, "north", 1, 1}, "0 phantom patients were asked for");
  refuse({"out", 1, "north", 1, 0}, "the first phantom patient cannot have the number 0");
  refuse({"", 1, "north", 1, 1}, "no folder for the phantoms was named");
  refuse({"out", 1, "moon", 1, 1}, "there is no phantom style `moon`");
}

TEST(DerivedUid, IsValidAndFollowsTheText) {
  const std::string uid = DerivedUid("a");
  EXPECT_EQ(uid, DerivedUid("a"));
  EXPECT_NE(uid, DerivedUid("b"));
  // SHA-256("a") begins ca978112ca1bbdcafac231b39a23dc4d; with version 8 and its variant
  // ca978112ca1b8dcabac231b39a23dc4d
  EXPECT_EQ(uid, "2.25.269290709893686844195134956664967650381");
  for (int i = 0; i < 200; ++i) {
    const std::string text = DerivedUid(std::to_string(i));
    EXPECT_LE(text.size(), 64U);
    EXPECT_THAT(text, testing::MatchesRegex("2\\.25\\.[1-9][0-9]*"));
  }
}

}  // namespace
}  // namespace consilium
