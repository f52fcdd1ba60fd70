// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
// Small series that pydicom and GDCM wrote (tools/oracles/series.py): ours must mean the same in every voxel, PET in
// SUV computed by hand, and lie on the grid of SimpleITK.
#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>
#include <set>

#include "imaging/dicom/series_reader.h"

namespace consilium {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

const fs::path kFolder = CONSILIUM_SERIES_ORACLE;

json Oracle() {
  std::ifstream in(kFolder / "series.json");
  return json::parse(in);
}

Modality ModalityOf(const std::string& text) {
  if (text == "PT") return Modality::kPet;
  return text == "CT" ? Modality::kCt : Modality::kMr;
}

// The point of highdicom's voxel (slice, row, column).
Vec3 PointOf(const json& affine, std::int64_t slice, std::int64_t row, std::int64_t column) {
  const auto line = [&](std::size_t axis) {
    const json& a = affine.at(axis);
    return a.at(0).get<double>() * static_cast<double>(slice) + a.at(1).get<double>() * static_cast<double>(row) +
           a.at(2).get<double>() * static_cast<double>(column) + a.at(3).get<double>();
  };
  return {line(0), line(1), line(2)};
}

class SeriesOracle : public testing::TestWithParam<std::size_t> {};

// Values: bit for bit where all factors fit a float. Elsewhere slope and intercept are each rounded to float once, and
// so are product and sum: within 2^-22 of the larger of product and intercept.
TEST_P(SeriesOracle, EveryVoxelLiesWhereItShouldAndMeansTheSame) {
  const json one = Oracle().at("series").at(GetParam());
  const Volume volume = ToVolume(ReadSeries(kFolder / one.at("name").get<std::string>()), SeriesKey("k"));
  const auto shape = one.at("shape").get<std::vector<std::int64_t>>();
  const auto stored = one.at("stored").get<std::vector<std::int32_t>>();
  const auto slope = one.at("slope").get<std::vector<double>>();
  const auto intercept = one.at("intercept").get<std::vector<double>>();
  const bool exact = one.at("exact").get<bool>();
  EXPECT_EQ(volume.modality, ModalityOf(one.at("modality")));
  ASSERT_EQ(volume.geometry.size, (Size3{shape[2], shape[1], shape[0]}));

  std::set<std::int64_t> seen;
  std::size_t n = 0;
  std::int64_t wrong = 0;
  for (std::int64_t s = 0; s < shape[0]; ++s) {
    const auto slice = static_cast<std::size_t>(s);
    for (std::int64_t r = 0; r < shape[1]; ++r) {
      for (std::int64_t c = 0; c < shape[2]; ++c, ++n) {
        const Vec3 at = volume.geometry.PointToIndex(PointOf(one.at("affine"), s, r, c));
        const auto i = std::llround(at.x), j = std::llround(at.y), k = std::llround(at.z);
        const Vec3 whole{static_cast<double>(i), static_cast<double>(j), static_cast<double>(k)};
        ASSERT_LT(Norm(at - whole), 1e-5) << "slice " << s << ", row " << r << ", column " << c;
        ASSERT_TRUE(seen.insert(volume.geometry.Offset(i, j, k)).second);
        const double product = slope[slice] * stored[n], expected = product + intercept[slice];
        const double tolerance = exact ? 0 : std::ldexp(std::max(std::abs(product), std::abs(intercept[slice])), -22);
        wrong += std::abs(static_cast<double>(volume.Value(i, j, k)) - expected) > tolerance;
      }
    }
  }
  EXPECT_EQ(seen.size(), stored.size());
  EXPECT_EQ(wrong, 0) << "of " << n << " voxels";
}

TEST_P(SeriesOracle, TheGridIsSimpleItks) {
  const json one = Oracle().at("series").at(GetParam());
  const Geometry g = ReadSeries(kFolder / one.at("name").get<std::string>()).geometry;
  const auto origin = one.at("itk").at("origin").get<std::vector<double>>();
  const auto spacing = one.at("itk").at("spacing").get<std::vector<double>>();
  const auto direction = one.at("itk").at("direction").get<std::vector<double>>();
  EXPECT_LT(Norm(g.origin_mm - Vec3{origin[0], origin[1], origin[2]}), 1e-6);
  EXPECT_LT(Norm(g.spacing_mm - Vec3{spacing[0], spacing[1], spacing[2]}), 1e-6);
  for (std::size_t axis = 0; axis < 3; ++axis) {  // a column of ITK's matrix is the direction of an axis
    EXPECT_LT(Norm(g.direction[axis] - Vec3{direction[axis], direction[3 + axis], direction[6 + axis]}), 1e-6) << axis;
  }
}

std::string NameOf(const testing::TestParamInfo<std::size_t>& info) {
  std::string name = Oracle().at("series").at(info.param).at("name");
  std::erase(name, '-');
  return name;
}

INSTANTIATE_TEST_SUITE_P(Pydicom, SeriesOracle, testing::Range(std::size_t{0}, Oracle().at("series").size()), NameOf);

// The list itself: an encoding or a kind of pixel that falls out of it must be missed.
TEST(SeriesOracleList, HoldsEveryEncodingAndKind) {
  std::set<std::string> encodings, names;
  const json oracle = Oracle();
  for (const json& one : oracle.at("series")) {
    encodings.insert(one.at("syntax"));
    names.insert(one.at("name"));
  }
  EXPECT_EQ(encodings, (std::set<std::string>{"1.2.840.10008.1.2", "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.4.70",
                                              "1.2.840.10008.1.2.4.80", "1.2.840.10008.1.2.5"}));
  for (const char* name : {"pet-slopes", "pet-becquerels", "ct-oblique", "ct-unsigned", "mono1-implicit", "pet-raw-ge",
                           "pet-raw-siemens", "pet-raw-frames", "pet-raw-philips", "pet-raw-philips-counts",
                           "pet-raw-admin", "ct-anisotropic", "ct-oblique-reversed"}) {
    EXPECT_TRUE(names.contains(name)) << name;
  }
  const SeriesScan all = ScanFolder(kFolder);
  EXPECT_EQ(all.usable.size(), names.size());
  EXPECT_TRUE(all.rejected.empty());
  EXPECT_EQ(all.other_files, 1) << "series.json itself";
}

}  // namespace
}  // namespace consilium
