// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "imaging/dicom/suv.h"

#include <gtest/gtest.h>

namespace consilium {
namespace {

PetFacts Fdg() {
  PetFacts f;
  f.units = "BQML";
  f.decay_correction = "START";
  f.corrected_image = "DECY\\ATTN";
  f.series_date = f.acquisition_date = "20200301";
  f.series_time = f.acquisition_time = "110000";
  f.injection_time = "100000.00";
  f.weight_kg = 70;
  f.dose_bq = 3.5e8;
  f.half_life_s = 3600;  // one half-life between injection and scan
  return f;
}

TEST(Suv, StartCorrectsTheDoseForTheWait) {
  EXPECT_NEAR(SuvBodyWeightFactor(Fdg()).factor, 70000 / (3.5e8 / 2), 1e-12);
  PetFacts late = Fdg();
  late.series_time = "130000";  // a derived series: the acquisition counts
  EXPECT_NEAR(SuvBodyWeightFactor(late).factor, 70000 / (3.5e8 / 2), 1e-12);
}

TEST(Suv, AdminNeedsNoTimes) {
  PetFacts f = Fdg();
  f.decay_correction = "ADMIN";
  f.injection_time.clear();
  EXPECT_NEAR(SuvBodyWeightFactor(f).factor, 2e-4, 1e-15);
}

TEST(Suv, InjectedBeforeMidnight) {
  PetFacts f = Fdg();
  f.series_time = f.acquisition_time = "003000";
  f.injection_time = "233000";
  EXPECT_NEAR(SuvBodyWeightFactor(f).factor, 4e-4, 1e-12);
}

TEST(Suv, GmlIsSuvAlready) {
  PetFacts f;
  f.units = "GML";
  EXPECT_EQ(SuvBodyWeightFactor(f).factor, 1);
  f.suv_type = "LBM";
  EXPECT_EQ(SuvBodyWeightFactor(f).fault, "SUVType (0054,1006) is not body weight");
}

TEST(Suv, FaultsNameTheTag) {
  const auto fault = [](auto change) {
    PetFacts f = Fdg();
    change(f);
    return SuvBodyWeightFactor(f).fault;
  };
  EXPECT_NE(fault([](PetFacts& f) { f.units = "CNTS"; }).find("(0054,1001)"), std::string::npos);
  EXPECT_NE(fault([](PetFacts& f) { f.dose_bq.reset(); }).find("(0018,1074)"), std::string::npos);
  EXPECT_NE(fault([](PetFacts& f) { f.dose_bq = 350; }).find("not a dose in Bq"), std::string::npos);
  EXPECT_NE(fault([](PetFacts& f) { f.weight_kg.reset(); }).find("(0010,1030)"), std::string::npos);
  EXPECT_NE(fault([](PetFacts& f) { f.half_life_s.reset(); }).find("(0018,1075)"), std::string::npos);
  EXPECT_NE(fault([](PetFacts& f) { f.injection_time.clear(); }).find("(0018,1072)"), std::string::npos);
  EXPECT_NE(fault([](PetFacts& f) { f.decay_correction = "NONE"; }).find("(0054,1102)"), std::string::npos);
  EXPECT_NE(fault([](PetFacts& f) { f.corrected_image = "DECY"; }).find("(0028,0051)"), std::string::npos);
}

TEST(Suv, SecondsRefuseNonsense) {
  EXPECT_EQ(SecondsOf("19700102", "000001.5"), 86401.5);
  EXPECT_FALSE(SecondsOf("20200230", "000000"));
  EXPECT_FALSE(SecondsOf("20200101", "250000"));
  EXPECT_FALSE(SecondsOf("2020", "00"));
}

}  // namespace
}  // namespace consilium
