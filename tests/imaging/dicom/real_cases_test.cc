// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <cstdlib>

#include "imaging/dicom/rtstruct_reader.h"
#include "imaging/dicom/seg_reader.h"
#include "imaging/dicom/seg_writer.h"
#include "imaging/dicom/study_finder.h"
#include "tests/support/temporary_folder.h"

namespace consilium {
namespace {

bool HasValidator() { return std::system("command -v dciodvfy > /dev/null 2>&1") == 0; }

bool ValidatorFindsErrors(const std::filesystem::path& file) {
  return std::system(("dciodvfy '" + file.string() + "' 2>&1 | grep -q '^Error'").c_str()) == 0;
}

TEST(RealCases, EveryPatientIsFoundAndSegReadsBackEqual) {
  const char* root = std::getenv("CONSILIUM_STS");
  if (root == nullptr) GTEST_SKIP() << "CONSILIUM_STS is not set: no real patients here";
  const CaseScan scan = FindCases(root);
  EXPECT_EQ(scan.cases.size(), 32u);
  EXPECT_TRUE(scan.rejected.empty()) << scan.rejected.front().fault.words;
  const TemporaryFolder folder;
  ASSERT_TRUE(HasValidator()) << "dciodvfy is missing: ./dev setup installs it";
  for (const PatientCase& patient : scan.cases) {
    ASSERT_TRUE(patient.contour) << patient.no_contour;
    EXPECT_NE(patient.contour->string().find("/PET/"), std::string::npos) << *patient.contour;
    const LabelMap map = ToLabelMap(ReadRtStruct(*patient.contour), "GTV*", patient.pet);
    const auto file = folder.path() / "x.dcm";
    WriteSeg(file, patient.pet, map, {});
    EXPECT_EQ(ReadSeg(file, patient.pet).voxels, map.voxels);
    EXPECT_FALSE(ValidatorFindsErrors(file)) << patient.pet.slices.front().file;
  }
}

}  // namespace
}  // namespace consilium
