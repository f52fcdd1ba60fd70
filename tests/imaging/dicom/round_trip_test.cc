// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
// A label or volume written as SEG or NIfTI comes back voxel for voxel, on any geometry; and so does what other
// programs wrote (tools/oracles/labels.py: highdicom, nibabel, SimpleITK).
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <fstream>
#include <nlohmann/json.hpp>

#include "core/base/random.h"
#include "imaging/dicom/label_reader.h"
#include "imaging/dicom/seg_reader.h"
#include "imaging/dicom/seg_writer.h"
#include "imaging/dicom/series_reader.h"
#include "imaging/prepare/nifti.h"
#include "tests/support/dicom_files.h"
#include "tests/support/temporary_folder.h"

namespace consilium {
namespace {

namespace fs = std::filesystem;

// Any rotation, evenly: a random unit quaternion.
std::array<Vec3, 3> RandomAxes(Random& random) {
  std::array<double, 4> q{};
  double norm = 0;
  for (double& v : q) {
    v = random.Normal();
    norm += v * v;
  }
  for (double& v : q) v /= std::sqrt(norm);
  const auto [w, x, y, z] = q;
  return {{{1 - 2 * (y * y + z * z), 2 * (x * y + w * z), 2 * (x * z - w * y)},
           {2 * (x * y - w * z), 1 - 2 * (x * x + z * z), 2 * (y * z + w * x)},
           {2 * (x * z + w * y), 2 * (y * z - w * x), 1 - 2 * (x * x + y * y)}}};
}

// A series of any orientation, spacing and size, its slices in either direction and its names in or out of order.
SeriesFiles RandomSeries(Random& random) {
  SeriesFiles files;
  Geometry& g = files.geometry;  // up to 6 slices: shuffled names are a permutation below 7
  g.size = {random.Integer(1, 11), random.Integer(1, 11), random.Integer(2, 6)};
  g.spacing_mm = {random.Uniform(0.4, 6), random.Uniform(0.4, 6), random.Uniform(0.4, 6)};
  g.origin_mm = {random.Uniform(-400, 400), random.Uniform(-400, 400), random.Uniform(-1500, 1500)};
  g.direction = RandomAxes(random);
  if (random.Integer(0, 1) == 1) g.direction[2] = -1.0 * g.direction[2];
  files.modality = random.Integer(0, 1) == 1 ? Modality::kPet : Modality::kCt;
  files.shuffled = random.Integer(0, 1) == 1;
  return files;
}

LabelMap RandomLabel(Random& random, const Geometry& grid) {
  LabelMap map{grid, {}};
  for (std::int64_t n = 0; n < grid.size.count(); ++n) map.voxels.push_back(random.Integer(0, 2) == 0 ? 1 : 0);
  return map;
}

// The same voxels with the axes in another order and some of them reversed.
LabelMap Turned(const LabelMap& map, std::array<std::size_t, 3> order, unsigned reversed) {
  const Geometry& g = map.geometry;
  const std::array<std::int64_t, 3> size{g.size.x, g.size.y, g.size.z};
  const std::array<double, 3> spacing{g.spacing_mm.x, g.spacing_mm.y, g.spacing_mm.z};
  const auto old_index = [&](const std::array<std::int64_t, 3>& v) {  // v: index in the new order
    std::array<std::int64_t, 3> out{};
    for (std::size_t a = 0; a < 3; ++a) out[order[a]] = (reversed >> a) & 1 ? size[order[a]] - 1 - v[a] : v[a];
    return out;
  };
  LabelMap out;
  out.geometry.size = {size[order[0]], size[order[1]], size[order[2]]};
  out.geometry.spacing_mm = {spacing[order[0]], spacing[order[1]], spacing[order[2]]};
  for (std::size_t a = 0; a < 3; ++a)
    out.geometry.direction[a] = ((reversed >> a) & 1 ? -1.0 : 1.0) * g.direction[order[a]];
  const auto first = old_index({0, 0, 0});
  out.geometry.origin_mm =
      g.IndexToPoint({static_cast<double>(first[0]), static_cast<double>(first[1]), static_cast<double>(first[2])});
  for (std::int64_t k = 0; k < out.geometry.size.z; ++k)
    for (std::int64_t j = 0; j < out.geometry.size.y; ++j)
      for (std::int64_t i = 0; i < out.geometry.size.x; ++i) {
        const auto v = old_index({i, j, k});
        out.voxels.push_back(map.voxels[static_cast<std::size_t>(g.Offset(v[0], v[1], v[2]))]);
      }
  return out;
}

// A NIfTI-1 file as the standard lays it out (nifti1.h), read without ITK: float or byte voxels, the sform's affine.
struct RawNifti {
  explicit RawNifti(const fs::path& file) : bytes(ReadFileBytes(file)) {}
  template <class T>
  T At(std::size_t offset) const {
    T value;
    std::memcpy(&value, bytes.data() + offset, sizeof(T));
    return value;
  }
  Size3 size() const { return {At<std::int16_t>(42), At<std::int16_t>(44), At<std::int16_t>(46)}; }
  double Value(std::size_t n) const {
    const auto start = static_cast<std::size_t>(At<float>(108));
    const std::int16_t type = At<std::int16_t>(70);
    if (type == 2) return At<std::uint8_t>(start + n);
    EXPECT_EQ(type, 16) << "neither bytes nor floats";
    return At<float>(start + 4 * n);
  }
  Vec3 Point(double i, double j, double k) const {  // LPS
    const auto row = [&](std::size_t r) {
      const std::size_t at = 280 + 16 * r;
      return At<float>(at) * i + At<float>(at + 4) * j + At<float>(at + 8) * k + At<float>(at + 12);
    };
    return {-row(0), -row(1), row(2)};
  }
  std::string bytes;
};

void ExpectSamePlaces(const RawNifti& raw, const Geometry& g) {
  EXPECT_EQ(raw.size(), g.size);
  for (int corner = 0; corner < 8; ++corner) {
    const Vec3 v{(corner & 1) ? static_cast<double>(g.size.x - 1) : 0.0,
                 (corner & 2) ? static_cast<double>(g.size.y - 1) : 0.0,
                 (corner & 4) ? static_cast<double>(g.size.z - 1) : 0.0};
    EXPECT_LT(Norm(raw.Point(v.x, v.y, v.z) - g.IndexToPoint(v)), 2e-3) << "float holds 1500 mm to 1e-4";
  }
}

class RoundTrip : public testing::TestWithParam<std::uint64_t> {
 protected:
  TemporaryFolder folder_;
};

TEST_P(RoundTrip, LabelAndVolumeComeBackVoxelForVoxel) {
  Random random(GetParam(), 4);
  WriteSeries(folder_.path() / "s", RandomSeries(random));
  const Series series = ReadSeries(folder_.path() / "s");
  const LabelMap map = RandomLabel(random, series.geometry);

  const fs::path seg = folder_.path() / "label.dcm";
  WriteSeg(seg, series, map, {.origin = SegOrigin::kManual});
  EXPECT_EQ(ReadSeg(seg, series).voxels, map.voxels);
  EXPECT_EQ(ReadLabel(seg, series, {}).voxels, map.voxels);

  const fs::path nifti = folder_.path() / "label.nii.gz";
  WriteNifti(nifti, map);
  EXPECT_EQ(ReadLabel(nifti, series, {}).voxels, map.voxels);
  const LabelMap plain = ReadNiftiLabelMap(nifti);
  EXPECT_EQ(plain.voxels, map.voxels);
  EXPECT_TRUE(SameGrid(plain.geometry, map.geometry, 2e-3));

  // As another program may store it, in any of the 48 orders and directions of the axes.
  std::array<std::size_t, 3> order{0, 1, 2};
  for (auto n = random.Integer(0, 5); n > 0; --n) std::next_permutation(order.begin(), order.end());
  const LabelMap turned = Turned(map, order, static_cast<unsigned>(random.Integer(0, 7)));
  WriteNifti(nifti, turned);
  EXPECT_EQ(ReadLabel(nifti, series, {}).voxels, map.voxels);

  const fs::path file = folder_.path() / "volume.nii";
  const Volume volume = ToVolume(series, SeriesKey("k"));
  WriteNifti(file, volume);
  const RawNifti raw(file);
  ExpectSamePlaces(raw, series.geometry);
  std::size_t n = 0, wrong = 0;
  for (std::int64_t k = 0; k < raw.size().z; ++k)
    for (std::int64_t j = 0; j < raw.size().y; ++j)
      for (std::int64_t i = 0; i < raw.size().x; ++i) wrong += raw.Value(n++) != double{volume.Value(i, j, k)};
  EXPECT_EQ(wrong, 0u);
  WriteNifti(folder_.path() / "label.nii", turned);
  const RawNifti label(folder_.path() / "label.nii");
  ExpectSamePlaces(label, turned.geometry);
  for (std::size_t v = 0; v < turned.voxels.size(); ++v) ASSERT_EQ(label.Value(v), turned.voxels[v]);
}

INSTANTIATE_TEST_SUITE_P(Seeds, RoundTrip, testing::Range<std::uint64_t>(1, 61));

class ForeignLabels : public testing::Test {
 protected:
  const fs::path folder_ = CONSILIUM_LABELS_ORACLE;
  const Series series_ = ReadSeries(folder_ / "series");
  const nlohmann::json oracle_ = nlohmann::json::parse(std::ifstream(folder_ / "labels.json"));

  // The oracle's grid, which may run against ours, as SimpleITK gave it.
  Geometry Theirs() const {
    const auto size = oracle_.at("size").get<std::vector<std::int64_t>>();
    const auto spacing = oracle_.at("spacing").get<std::vector<double>>();
    const auto origin = oracle_.at("origin").get<std::vector<double>>();
    const auto d = oracle_.at("direction").get<std::vector<double>>();
    return {{size[0], size[1], size[2]},
            {spacing[0], spacing[1], spacing[2]},
            {origin[0], origin[1], origin[2]},
            {{{d[0], d[3], d[6]}, {d[1], d[4], d[7]}, {d[2], d[5], d[8]}}}};
  }
  // The label's formula at our voxel (i, j, k): its place on their grid decides.
  int Expected(std::int64_t i, std::int64_t j, std::int64_t k) const {
    const Vec3 at = Theirs().PointToIndex(
        series_.geometry.IndexToPoint({static_cast<double>(i), static_cast<double>(j), static_cast<double>(k)}));
    const auto a = std::llround(at.x), b = std::llround(at.y), c = std::llround(at.z);
    return static_cast<int>((7 * a + 5 * b * b + 3 * c * c * c + a * b * c) % 3);
  }
  void ExpectWhere(int value, const LabelMap& map) const {
    const Geometry& g = series_.geometry;
    ASSERT_EQ(map.geometry, g);
    std::int64_t wrong = 0;
    for (std::int64_t k = 0; k < g.size.z; ++k)
      for (std::int64_t j = 0; j < g.size.y; ++j)
        for (std::int64_t i = 0; i < g.size.x; ++i)
          wrong += map.voxels[static_cast<std::size_t>(g.Offset(i, j, k))] != (Expected(i, j, k) == value ? 1 : 0);
    EXPECT_EQ(wrong, 0);
  }
};

TEST_F(ForeignLabels, NiftiInSevenOrientationsAndTypes) {
  const auto names = oracle_.at("nifti").get<std::vector<std::string>>();
  ASSERT_EQ(names.size(), 7u);
  for (const std::string& name : names) {
    SCOPED_TRACE(name);
    ExpectWhere(1, ReadLabel(folder_ / name, series_, {}));
  }
}

TEST_F(ForeignLabels, ShuffledFramesOfHighdicom) {
  const SegInfo info = ReadSegInfo(folder_ / "seg.dcm");
  ASSERT_EQ(info.segments.size(), 2u);
  EXPECT_EQ(info.segments[0].type, kNeoplasm);
  EXPECT_EQ(info.segments[0].origin, SegmentOrigin::kManual);
  EXPECT_EQ(info.segments[1].origin, SegmentOrigin::kAutomatic);
  EXPECT_EQ(info.segments[1].algorithm, "A program");
  ExpectWhere(1, ReadLabel(folder_ / "seg.dcm", series_, {.patterns = "GTV*"}));
  ExpectWhere(2, ReadSegments(folder_ / "seg.dcm", series_, std::array{2}));
}

}  // namespace
}  // namespace consilium
