// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "imaging/dicom/gantry_tilt.h"

#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>
#include <numbers>

#include "imaging/dicom/rtstruct_reader.h"
#include "imaging/dicom/seg_reader.h"
#include "imaging/dicom/seg_writer.h"
#include "imaging/dicom/series_reader.h"
#include "tests/support/dicom_files.h"
#include "tests/support/temporary_folder.h"

namespace consilium {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

const fs::path kOracle = CONSILIUM_TILT_ORACLE;

// Slices that lean by an angle about the left-right axis while the table moves along z.
Geometry Leaning(double degrees) {
  const double a = degrees * std::numbers::pi / 180;
  return {{12, 20, 9}, {2, 2, 3}, {-10, 20, -30}, {{{1, 0, 0}, {0, std::cos(a), std::sin(a)}, {0, 0, 1}}}};
}

// SimpleITK resampled each slice of files that pydicom wrote (tools/oracles/gantry_tilt.py). Ours are rounded to the
// stored step of 1 HU.
TEST(GantryTilt, EveryVoxelIsSimpleItks) {
  std::ifstream in(kOracle / "tilted.json");
  const json oracle = json::parse(in);
  ASSERT_EQ(oracle.at("series").size(), 3u);
  for (const json& one : oracle.at("series")) {
    SCOPED_TRACE(one.at("name").get<std::string>());
    const Series series = ReadSeries(kOracle / one.at("name").get<std::string>());
    std::array<char, 80> note{};
    std::snprintf(note.data(), note.size(), "gantry tilt of %.1f degrees resampled", one.at("lean").get<double>());
    EXPECT_EQ(series.notes, std::vector<std::string>{note.data()});
    const Volume volume = ToVolume(series, SeriesKey("k"));
    const auto size = one.at("size").get<std::vector<std::int64_t>>();
    const auto origin = one.at("origin").get<std::vector<double>>(), hu = one.at("hu").get<std::vector<double>>();
    const auto spacing = one.at("spacing").get<std::vector<double>>();
    const auto d = one.at("direction").get<std::vector<double>>();
    const Geometry expected{{size[0], size[1], size[2]},
                            {spacing[0], spacing[1], spacing[2]},
                            {origin[0], origin[1], origin[2]},
                            {{{d[0], d[3], d[6]}, {d[1], d[4], d[7]}, {d[2], d[5], d[8]}}}};
    ASSERT_TRUE(SameGrid(volume.geometry, expected, 1e-5));
    EXPECT_TRUE(SameGrid(volume.geometry, series.geometry));
    std::int64_t wrong = 0;
    for (std::int64_t k = 0, n = 0; k < size[2]; ++k)
      for (std::int64_t j = 0; j < size[1]; ++j)
        for (std::int64_t i = 0; i < size[0]; ++i, ++n)
          wrong += std::abs(static_cast<double>(volume.Value(i, j, k)) - hu[static_cast<std::size_t>(n)]) > 0.51;
    EXPECT_EQ(wrong, 0) << "of " << hu.size();
  }
}

// A ramp in space stays a ramp: linear interpolation is exact on it. Nothing of a slice is lost.
TEST(GantryTilt, ARampStaysARamp) {
  const Geometry leaning = Leaning(-21);
  Series series;
  series.geometry = UprightGrid(leaning);
  series.tilted = StoredSize{leaning.size.x, leaning.size.y};
  EXPECT_EQ(series.geometry.size.z, leaning.size.z);
  EXPECT_NEAR(Dot(series.geometry.direction[2], series.geometry.direction[1]), 0, 1e-12);
  const auto ramp = [](Vec3 p) { return 40 * p.x - 25 * p.y + 60 * p.z; };
  Volume stored{SeriesKey("k"), Modality::kCt, leaning, {}, {}, {}};
  for (std::int64_t k = 0; k < leaning.size.z; ++k) {
    Slice slice;
    slice.position_mm = leaning.IndexToPoint({0, 0, static_cast<double>(k)});
    series.slices.push_back(slice);
    stored.slope.push_back(1);
    stored.intercept.push_back(0);
    for (std::int64_t j = 0; j < leaning.size.y; ++j) {
      for (std::int64_t i = 0; i < leaning.size.x; ++i) {
        const Vec3 at{static_cast<double>(i), static_cast<double>(j), static_cast<double>(k)};
        stored.voxels.push_back(static_cast<std::int16_t>(std::lround(ramp(leaning.IndexToPoint(at)))));
      }
    }
  }
  const Volume upright = Straighten(series, stored);
  const Geometry& g = upright.geometry;
  std::int64_t inside = 0, air = 0;
  for (std::int64_t k = 0; k < g.size.z; ++k) {
    for (std::int64_t j = 0; j < g.size.y; ++j) {
      for (std::int64_t i = 0; i < g.size.x; ++i) {
        const Vec3 point = g.IndexToPoint({static_cast<double>(i), static_cast<double>(j), static_cast<double>(k)});
        const Vec3 at = leaning.PointToIndex(point);
        const double y = at.y, last = static_cast<double>(leaning.size.y - 1);
        if (y >= -1e-9 && y <= last + 1e-9) {
          ++inside;
          ASSERT_NEAR(static_cast<double>(upright.Value(i, j, k)), ramp(point), 1.01);
        } else if (y < -0.5 || y > last + 0.5) {
          ++air;
          ASSERT_EQ(upright.Value(i, j, k), -1000);
        }
      }
    }
  }
  EXPECT_GE(inside, leaning.size.x * (leaning.size.y - 1) * leaning.size.z) << "all rows of every slice";
  EXPECT_GT(air, 0);
}

TEST(GantryTilt, RoundedCosinesAreNoTilt) {
  for (const auto& [lean, told, tilted] :
       {std::tuple{0.05, 20.0, false}, std::tuple{0.3, 0.0, false}, std::tuple{0.3, -0.3, true},
        std::tuple{0.59, 0.0, false}, std::tuple{0.7, 0.0, true}, std::tuple{0.0, 15.0, false}}) {
    EXPECT_EQ(IsTilted(lean, told), tilted) << lean << " " << told;
    TemporaryFolder folder;
    SeriesFiles files;
    files.modality = Modality::kCt;
    files.geometry = Leaning(lean);
    files.edits = {{{0x00181120}, std::to_string(told)}};
    WriteSeries(folder / "s", files);
    const Series series = ReadSeries(folder.path());
    EXPECT_EQ(series.tilted.has_value(), tilted) << lean << " " << told;
    EXPECT_EQ(series.notes.size(), tilted ? 1u : 0u);
    EXPECT_NEAR(LeanDegrees(series.geometry), tilted ? 0 : lean, 1e-4);
  }
}

TEST(GantryTilt, WhatNoGantryDoesIsRefused) {
  TemporaryFolder folder;
  SeriesFiles files;
  files.modality = Modality::kCt;
  files.geometry = Leaning(50);
  WriteSeries(folder / "s", files);
  const SeriesScan scan = ScanFolder(folder.path());
  ASSERT_EQ(scan.rejected.size(), 1u);
  EXPECT_EQ(scan.rejected.at(0).fault.words, "slices that lean by 50.0 degrees: no gantry tilts so far");
  files.geometry = Leaning(40);
  files.edits = {{{0x00280030}, "0.0001\\0.0001"}};
  WriteSeries(folder / "s", files);
  EXPECT_EQ(ScanFolder(folder.path()).rejected.at(0).fault.words,
            "gantry tilt of 40.0 degrees: more voxels than any scanner makes");
}

// A SEG on the upright grid: its frames lie in the planes of the slices it names, and it reads back equal. A contour
// drawn on a leaning slice marks voxels of that plane.
TEST(GantryTilt, LabelsStayWhereTheyWereDrawn) {
  TemporaryFolder folder;
  SeriesFiles files;
  files.modality = Modality::kCt;
  files.geometry = Leaning(-15);
  WriteSeries(folder / "s", files);
  const Series series = ReadSeries(folder / "s");
  ASSERT_TRUE(series.tilted);
  const auto corner = [&](double i, double j) { return files.geometry.IndexToPoint({i, j, 4}); };
  RtStruct drawn;
  drawn.file = folder / "rt.dcm";
  drawn.source.patient_id = PatientText("P1");
  drawn.source.frames_of_reference = {PatientText("1.2.3.9")};
  drawn.rois = {{"GTV", {{corner(2.5, 3.5), corner(6.5, 3.5), corner(6.5, 9.5), corner(2.5, 9.5)}}}};
  WriteRtStruct(drawn);
  const LabelMap map = ToLabelMap(ReadRtStruct(drawn.file), "GTV", series.geometry);
  EXPECT_EQ(map.CountNonZero(), 4 * 6);
  for (std::int64_t j = 0; j < map.geometry.size.y; ++j) {
    for (std::int64_t i = 0; i < map.geometry.size.x; ++i) {
      const Vec3 at =
          files.geometry.PointToIndex(map.geometry.IndexToPoint({static_cast<double>(i), static_cast<double>(j), 4}));
      const bool inside = at.x > 2.5 && at.x < 6.5 && at.y > 3.5 && at.y < 9.5;
      EXPECT_EQ(map.voxels[static_cast<std::size_t>(map.geometry.Offset(i, j, 4))] != 0, inside) << i << ' ' << j;
    }
  }
  WriteSeg(folder / "seg.dcm", series, map, {});
  const LabelMap back = ReadSeg(folder / "seg.dcm", series);
  EXPECT_TRUE(SameGrid(back.geometry, map.geometry));
  EXPECT_EQ(back.voxels, map.voxels);
}

}  // namespace
}  // namespace consilium
