// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
// Real contours to voxels against masks made by other software (MIRP). Prints a row for each series that differs.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <vector>

#include "imaging/dicom/rtstruct_reader.h"
#include "imaging/dicom/series_reader.h"
#include "imaging/findings/segmentation_metrics.h"
#include "imaging/prepare/nifti.h"

namespace consilium {
namespace fs = std::filesystem;
namespace {

std::vector<fs::path> SeriesFolders(const fs::path& root) {
  std::vector<fs::path> folders;
  for (const auto& entry : fs::recursive_directory_iterator(root)) {
    if (entry.path().filename() == "reference_mask.nii.gz") folders.push_back(entry.path().parent_path());
  }
  std::sort(folders.begin(), folders.end());
  return folders;
}

struct Comparison {
  double dice = 0;
  std::int64_t ours = 0, theirs = 0, different = 0;
};

Comparison Compare(const fs::path& folder) {
  const Series series = ReadSeries(folder / "image");
  const LabelMap ours = ToLabelMap(ReadRtStruct(folder / "RTSTRUCT.dcm"), "GTV*", series);
  LabelMap theirs = ReadNiftiLabelMap(folder / "reference_mask.nii.gz");
  EXPECT_TRUE(SameGrid(ours.geometry, theirs.geometry, 0.02)) << folder;
  theirs.geometry = ours.geometry;
  Comparison c{Dice(ours, theirs), ours.CountNonZero(), theirs.CountNonZero(), 0};
  for (std::size_t i = 0; i < ours.voxels.size(); ++i) c.different += (ours.voxels[i] != 0) != (theirs.voxels[i] != 0);
  return c;
}

TEST(RealContours, EqualTheReferenceMasks) {
  const char* root = std::getenv("CONSILIUM_STS");
  if (root == nullptr) GTEST_SKIP() << "CONSILIUM_STS is not set: no real patients here";
  const std::vector<fs::path> folders = SeriesFolders(root);
  ASSERT_FALSE(folders.empty());
  double sum = 0, lowest = 1;
  int identical = 0;
  for (const fs::path& folder : folders) {
    const Comparison c = Compare(folder);
    sum += c.dice;
    lowest = std::min(lowest, c.dice);
    identical += c.different == 0;
    if (c.different == 0) continue;
    std::printf("%-32s dice %.6f  ours %7ld  reference %7ld  different %5ld\n",
                fs::relative(folder, root).string().c_str(), c.dice, static_cast<long>(c.ours),
                static_cast<long>(c.theirs), static_cast<long>(c.different));
  }
  const double mean = sum / static_cast<double>(folders.size());
  std::printf("%zu series: mean Dice %.6f, lowest %.6f, identical %d\n", folders.size(), mean, lowest, identical);
  EXPECT_GE(mean, 0.999);
  EXPECT_GE(lowest, 0.99);
}

}  // namespace
}  // namespace consilium
