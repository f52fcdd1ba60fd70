// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "tools/study/report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <zlib.h>

#include "core/base/error.h"
#include "tests/tools/study/study_patients.h"

namespace consilium {
namespace {

using testing::HasSubstr;
using testing::Not;

std::vector<ModelScores> Models() {
  const std::vector<Cohort> cohorts{test::BoxCohort("east", {test::BoxPatient("e1")}),
                                    test::BoxCohort("<west>", {test::BoxPatient("w1")})};
  ModelScores right = Score("federated", cohorts, [](const StudyPatient& p) { return p.reference; });
  right.steps = 40;
  return {right};
}

TEST(Report, TheTableHasAColumnForEachHospital) {
  const std::string table = ResultTable(Models());
  EXPECT_THAT(table, HasSubstr("federated     40  2  1.000  1.000-1.000  1.000   1.000"));
  EXPECT_THAT(table, HasSubstr("<west>"));
}

TEST(Report, ThePageNeedsNothingFromElsewhereAndEscapesNames) {
  const std::vector<LossCurve> curves{{"federated", 20, {0.5, -0.25}}};
  const std::vector<std::string> pictures{CasePicture(test::BoxPatient("e1"), test::BoxPatient("e1").reference, "e1")};
  const std::string page = ReportPage("Study x", Models(), curves, pictures);
  EXPECT_THAT(page, HasSubstr("&lt;west&gt;"));
  EXPECT_THAT(page, Not(HasSubstr("<west>")));
  EXPECT_THAT(page, HasSubstr("Research use only. Not for diagnosis."));
  EXPECT_THAT(page, Not(HasSubstr("src=")));
  EXPECT_THAT(page, HasSubstr("data:image/png;base64,iVBORw0KGgo"));
  EXPECT_EQ(CurvesCsv(curves), "model,step,loss\nfederated,20,0.500000\nfederated,40,-0.250000\n");
}

// The box of 4 x 3 voxels has 4 + 4 + 3 + 3 edges.
TEST(Report, OutlinesRunAlongTheVoxelsEdges) {
  const StudyPatient patient = test::BoxPatient("e1");
  LabelMap nothing{patient.reference.geometry, std::vector<std::uint8_t>(480)};
  const std::string svg = CasePicture(patient, nothing, "a & b");
  EXPECT_THAT(svg, HasSubstr("a &amp; b"));
  const std::size_t path = svg.find("<path d=\"");
  const std::string d = svg.substr(path + 9, svg.find('"', path + 9) - path - 9);
  EXPECT_EQ(std::count(d.begin(), d.end(), 'M'), 14);
  EXPECT_EQ(std::count(d.begin(), d.end(), 'h'), 8);
  EXPECT_THAT(svg, HasSubstr("M56.0 56.0h28.0"));  // voxel (2, 2), 28 pixels a voxel
}

// Read back by zlib: rows, checksums of the stream and of each chunk.
TEST(Report, ThePngIsOne) {
  std::vector<unsigned char> grey(300 * 250);
  for (std::size_t i = 0; i < grey.size(); ++i) grey[i] = static_cast<unsigned char>(i * 7 % 251);
  const std::vector<unsigned char> png = EncodePng(grey, 300, 250);
  const auto u32 = [&](std::size_t at) {
    return static_cast<std::uint32_t>(png[at]) << 24 | static_cast<std::uint32_t>(png[at + 1]) << 16 |
           static_cast<std::uint32_t>(png[at + 2]) << 8 | png[at + 3];
  };
  EXPECT_EQ(std::string(png.begin() + 1, png.begin() + 4), "PNG");
  std::vector<unsigned char> rows(250 * 301);
  std::string types;
  for (std::size_t at = 8; at < png.size();) {
    const std::size_t length = u32(at);
    const std::string type(png.begin() + static_cast<std::ptrdiff_t>(at) + 4,
                           png.begin() + static_cast<std::ptrdiff_t>(at) + 8);
    types += type + " ";
    EXPECT_EQ(crc32(crc32(0, nullptr, 0), &png[at + 4], static_cast<uInt>(length + 4)), u32(at + 8 + length)) << type;
    if (type == "IHDR") {
      EXPECT_EQ(u32(at + 8), 300U);
      EXPECT_EQ(u32(at + 12), 250U);
    }
    if (type == "IDAT") {
      uLongf size = rows.size();
      ASSERT_EQ(uncompress(rows.data(), &size, &png[at + 8], length), Z_OK);
      EXPECT_EQ(size, rows.size());
    }
    at += 12 + length;
  }
  EXPECT_EQ(types, "IHDR IDAT IEND ");
  for (std::size_t y = 0; y < 250; ++y) {
    ASSERT_EQ(rows[301 * y], 0);
    ASSERT_TRUE(std::equal(grey.begin() + static_cast<std::ptrdiff_t>(300 * y),
                           grey.begin() + static_cast<std::ptrdiff_t>(300 * (y + 1)),
                           rows.begin() + static_cast<std::ptrdiff_t>(301 * y + 1)));
  }
  EXPECT_THROW(EncodePng(grey, 300, 251), Error);
}

}  // namespace
}  // namespace consilium
