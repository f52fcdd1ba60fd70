// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "imaging/phantom/anatomy.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>

namespace consilium {
namespace {

constexpr std::int64_t kPatients = 60;

std::vector<PhantomBody> Bodies(std::string_view style, std::uint64_t seed = 7) {
  std::vector<PhantomBody> bodies;
  for (std::int64_t number = 1; number <= kPatients; ++number) {
    bodies.push_back(MakePhantomBody(PhantomStyleNamed(style), seed, number));
  }
  return bodies;
}

const Tissue& TissueOf(const PhantomBody& body, const Shape& tumour) {
  const auto found = std::find_if(body.tissues.begin(), body.tissues.end(), [&](const Tissue& tissue) {
    return tissue.shape.centre_mm == tumour.centre_mm && tissue.shape.semi_axes_mm == tumour.semi_axes_mm;
  });
  return *found;
}

class EveryStyle : public testing::TestWithParam<std::string> {};
INSTANTIATE_TEST_SUITE_P(Styles, EveryStyle, testing::Values("north", "coast", "valley"),
                         [](const auto& test) { return test.param; });

TEST_P(EveryStyle, HasZeroToThreeTumoursAndFewPatientsWithout) {
  std::map<std::size_t, int> patients;
  for (const PhantomBody& body : Bodies(GetParam())) ++patients[body.tumours.size()];
  EXPECT_LE(patients.rbegin()->first, 3U);
  EXPECT_LE(patients[0], kPatients / 8);
  EXPECT_GE(patients[1], kPatients / 4);
  EXPECT_GE(patients[2] + patients[3], kPatients / 4);
}

TEST_P(EveryStyle, TumoursHaveTheSizeUptakeAndDensityOfTheStyle) {
  const PhantomStyle& style = PhantomStyleNamed(GetParam());
  double smallest = 1e9, largest = 0;
  for (const PhantomBody& body : Bodies(GetParam())) {
    for (const Shape& tumour : body.tumours) {
      const Tissue& tissue = TissueOf(body, tumour);
      EXPECT_GE(tissue.suv, style.tumour_suv.low);
      EXPECT_LE(tissue.suv, style.tumour_suv.high);
      EXPECT_GE(tissue.hu, style.tumour_hu.low);
      EXPECT_LE(tissue.hu, style.tumour_hu.high);
      smallest = std::min(smallest, tumour.VolumeMl());
      largest = std::max(largest, tumour.VolumeMl());
    }
  }
  EXPECT_GT(largest, 3 * smallest);  // varied
}

TEST_P(EveryStyle, TumoursLieInTheFieldAndInTheBody) {
  for (const PhantomBody& body : Bodies(GetParam())) {
    for (const Shape& tumour : body.tumours) {
      const Vec3 half = tumour.HalfExtentMm();
      EXPECT_LT(std::abs(tumour.centre_mm.x) + half.x, kPhantomHalfFieldMm.x);
      EXPECT_LT(std::abs(tumour.centre_mm.y) + half.y, kPhantomHalfFieldMm.y);
      EXPECT_LT(std::abs(tumour.centre_mm.z) + half.z, kPhantomHalfFieldMm.z);
      const bool in_body = std::any_of(body.tissues.begin(), body.tissues.end(), [&](const Tissue& tissue) {
        return tissue.shape.kind == ShapeKind::kColumn && tissue.shape.Contains(tumour.centre_mm);
      });
      EXPECT_TRUE(in_body);
    }
  }
}

TEST_P(EveryStyle, TumoursDoNotTouchEachOther) {
  for (const PhantomBody& body : Bodies(GetParam())) {
    for (std::size_t a = 0; a < body.tumours.size(); ++a) {
      for (std::size_t b = 0; b < a; ++b) {
        for (double z = body.tumours[a].centre_mm.z - 25; z < body.tumours[a].centre_mm.z + 25; z += 1) {
          for (const Vec3& point : body.tumours[a].Outline(z, 32)) EXPECT_FALSE(body.tumours[b].Contains(point));
        }
      }
    }
  }
}

TEST_P(EveryStyle, SomethingBenignIsAsHotAsTheTumours) {
  for (const PhantomBody& body : Bodies(GetParam())) {
    double hottest_tumour = 0;
    for (const Shape& tumour : body.tumours) hottest_tumour = std::max(hottest_tumour, TissueOf(body, tumour).suv);
    const bool hot = std::any_of(body.tissues.begin(), body.tissues.end(), [&](const Tissue& tissue) {
      return tissue.hu < 20 && tissue.suv >= 8;  // the bladder: water
    });
    EXPECT_TRUE(hot);
  }
}

TEST(Anatomy, EachStyleGrowsTumoursElsewhere) {
  // Mean height of tumours, mm: thighs below, abdomen between, chest above.
  std::map<std::string, double> height;
  for (const char* style : {"north", "coast", "valley"}) {
    double sum = 0;
    int count = 0;
    for (const PhantomBody& body : Bodies(style)) {
      for (const Shape& tumour : body.tumours) sum += tumour.centre_mm.z, ++count;
    }
    height[style] = sum / count;
  }
  EXPECT_LT(height["north"], -90);
  EXPECT_GT(height["valley"], -60);
  EXPECT_LT(height["valley"], -10);
  EXPECT_GT(height["coast"], 25);
}

TEST(Anatomy, OnlyValleysTumoursHaveAColdCore) {
  for (const char* style : {"north", "coast", "valley"}) {
    for (const PhantomBody& body : Bodies(style)) {
      std::size_t cores = 0;
      for (const Shape& tumour : body.tumours) {
        cores +=
            static_cast<std::size_t>(std::count_if(body.tissues.begin(), body.tissues.end(), [&](const Tissue& tissue) {
              return tissue.shape.centre_mm == tumour.centre_mm && tissue.suv < 0.5 * TissueOf(body, tumour).suv;
            }));
      }
      EXPECT_EQ(cores, std::string_view(style) == "valley" ? body.tumours.size() : 0U);
    }
  }
}

TEST(Anatomy, SameSeedSamePatientAndOtherSeedOther) {
  const PhantomStyle& style = PhantomStyleNamed("coast");
  const PhantomBody once = MakePhantomBody(style, 3, 5);
  const PhantomBody again = MakePhantomBody(style, 3, 5);
  ASSERT_EQ(once.tissues.size(), again.tissues.size());
  for (std::size_t i = 0; i < once.tissues.size(); ++i) {
    EXPECT_EQ(once.tissues[i].shape.centre_mm, again.tissues[i].shape.centre_mm);
    EXPECT_EQ(once.tissues[i].suv, again.tissues[i].suv);
  }
  EXPECT_FALSE(MakePhantomBody(style, 4, 5).tissues[0].shape.semi_axes_mm == once.tissues[0].shape.semi_axes_mm);
  EXPECT_FALSE(MakePhantomBody(style, 3, 6).tissues[0].shape.semi_axes_mm == once.tissues[0].shape.semi_axes_mm);
}

}  // namespace
}  // namespace consilium
