// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
// The public patients' series: ours hold what pydicom reads, bit for bit (digests made by
// tools/oracles/real_series.py).
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <nlohmann/json.hpp>

#include "core/base/digest.h"
#include "imaging/dicom/series_reader.h"

namespace consilium {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

// The integers of the files, and the physical values, of all voxels.
struct Numbers {
  std::vector<std::int32_t> stored;
  std::vector<float> values;
};

Numbers NumbersOf(const Series& series) {
  const Volume volume = ToVolume(series, SeriesKey("k"));
  const std::int32_t shift = !series.format.is_signed && series.format.bits_stored == 16 ? 32768 : 0;
  Numbers numbers;
  for (std::int64_t k = 0; k < volume.geometry.size.z; ++k) {
    for (std::int64_t j = 0; j < volume.geometry.size.y; ++j) {
      for (std::int64_t i = 0; i < volume.geometry.size.x; ++i) {
        const std::int16_t voxel = volume.voxels[static_cast<std::size_t>(volume.geometry.Offset(i, j, k))];
        numbers.stored.push_back(voxel + shift);
        numbers.values.push_back(volume.Value(i, j, k));
      }
    }
  }
  return numbers;
}

TEST(RealSeries, EveryVoxelIsPydicoms) {
  const char* root = std::getenv("CONSILIUM_STS");
  if (root == nullptr) GTEST_SKIP() << "CONSILIUM_STS is not set: no real patients here";
  std::ifstream in(CONSILIUM_REAL_SERIES_ORACLE);
  const json oracle = json::parse(in).at("series");
  ASSERT_EQ(oracle.size(), 96U);
  for (const auto& [place, expected] : oracle.items()) {
    SCOPED_TRACE(place);
    const Series series = ReadSeries(fs::path(root) / place / "image");
    const Geometry& grid = series.geometry;
    EXPECT_EQ(json({grid.size.x, grid.size.y, grid.size.z}), expected.at("shape"));
    EXPECT_NEAR(grid.spacing_mm.x, expected.at("spacing").at(0).get<double>(), 1e-6);
    EXPECT_NEAR(grid.spacing_mm.y, expected.at("spacing").at(1).get<double>(), 1e-6);
    EXPECT_NEAR(grid.spacing_mm.z, expected.at("spacing").at(2).get<double>(), 1e-6);
    const Numbers numbers = NumbersOf(series);
    EXPECT_EQ(DigestOf(std::as_bytes(std::span(numbers.stored))).Hex(), expected.at("stored"));
    EXPECT_EQ(DigestOf(std::as_bytes(std::span(numbers.values))).Hex(), expected.at("values"));
    EXPECT_EQ(*std::max_element(numbers.values.begin(), numbers.values.end()), expected.at("largest").get<float>());
  }
}

}  // namespace
}  // namespace consilium
