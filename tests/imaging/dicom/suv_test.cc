// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "imaging/dicom/suv.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

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

// 70 kg, 350 MBq, half-life 3600 s. One hour of waiting leaves 175 MBq: 70000 g / 1.75e8 Bq = 4e-4 g/Bq.
TEST(Suv, AReconstructionOfTheNextDayIsCorrectedToItsScan) {
  PetFacts f = Fdg();
  f.series_date = "20200302";
  f.series_time = "093000";
  EXPECT_NEAR(SuvBodyWeightFactor(f).factor, 4e-4, 1e-12) << "the injection is of the day of the scan";
  // GE: scanned at 11:00:00, as its private tag says; this bed was acquired at 11:08.
  f.acquisition_time = "110800";
  EXPECT_NEAR(SuvBodyWeightFactor(f).factor, 70000 / (3.5e8 / std::exp2(68.0 / 60)), 1e-12);
  f.decay_date_time = "20200301110000.00";
  EXPECT_NEAR(SuvBodyWeightFactor(f).factor, 4e-4, 1e-12);
}

// A frame of 240 s, half-life 3600 s: decay constant 1.92540883e-4 / s, over the frame 0.0462098120.
// The rate is the mean of the frame ln(0.0462098120 / (1 - exp(-0.0462098120))) / 1.92540883e-4 = 119.5379 s after its
// start. Acquired at 11:08:00 and 599.5379 s after the scan's start at that moment: the scan started at 11:00:00.
TEST(Suv, TheFramesReferenceTimeLeadsBackToTheScan) {
  PetFacts f = Fdg();
  f.series_time = "150000";
  f.acquisition_time = "110800";
  f.frame_duration_s = 240;
  f.frame_reference_s = 599.5379;
  EXPECT_NEAR(SuvBodyWeightFactor(f).factor, 4e-4, 1e-10);
  f.frame_reference_s = 20;  // earlier than the frame's own middle: that cannot be
  EXPECT_NEAR(SuvBodyWeightFactor(f).factor, 70000 / (3.5e8 / std::exp2(68.0 / 60)), 1e-12);
}

TEST(Suv, DatesAndZonesOfTheInjection) {
  PetFacts f = Fdg();
  f.injection_time.clear();
  f.injection_date_time = "20200301100000.000000";
  EXPECT_NEAR(SuvBodyWeightFactor(f).factor, 4e-4, 1e-12);
  f.injection_date_time = "202003011000";
  EXPECT_NEAR(SuvBodyWeightFactor(f).factor, 4e-4, 1e-12);
  f.injection_date_time = "20200301100000+0200";
  EXPECT_NEAR(SuvBodyWeightFactor(f).factor, 4e-4, 1e-12) << "the file's own zone is not told: the same one";
  f.time_zone = "+0200";
  EXPECT_NEAR(SuvBodyWeightFactor(f).factor, 4e-4, 1e-12);
  f.time_zone = "-0500";  // 10:00 at +2 is 03:00 at -5
  EXPECT_NEAR(SuvBodyWeightFactor(f).factor, 70000 / (3.5e8 / 256), 1e-9);
  f = Fdg();
  f.injection_date_time = "nonsense";
  EXPECT_NEAR(SuvBodyWeightFactor(f).factor, 4e-4, 1e-12) << "the time of day is still there";
  f.injection_date_time = "20190301100000";
  EXPECT_NE(SuvBodyWeightFactor(f).fault.find("does not fit the time of the scan"), std::string::npos)
      << "a date that was changed by itself is not guessed away";
}

// Philips: 0.000551 g/ml a count; or 1.377 Bq/ml a count, and 4e-4 g/ml a Bq/ml.
TEST(Suv, CountsByThePhilipsFactors) {
  PetFacts f = Fdg();
  f.units = "CNTS";
  f.philips_bq_factor = 1.377;
  EXPECT_NEAR(SuvBodyWeightFactor(f).factor, 5.508e-4, 1e-12);
  f.philips_suv_factor = 0.000551;
  EXPECT_EQ(SuvBodyWeightFactor(f).factor, 0.000551);
  f.philips_suv_factor = 0;  // Philips writes 0 where it knows none
  EXPECT_NEAR(SuvBodyWeightFactor(f).factor, 5.508e-4, 1e-12);
  f.dose_bq.reset();
  EXPECT_NE(SuvBodyWeightFactor(f).fault.find("PET without injected dose"), std::string::npos);
}

TEST(Suv, GmlIsSuvAlready) {
  PetFacts f;
  f.units = "GML";
  EXPECT_EQ(SuvBodyWeightFactor(f).factor, 1);
  f.suv_type = "BW";
  EXPECT_EQ(SuvBodyWeightFactor(f).factor, 1);
  for (const char* other : {"LBM", "LBMJAMES128", "LBMJANMA", "BSA", "IBW"}) {
    f.suv_type = other;
    EXPECT_EQ(SuvBodyWeightFactor(f).fault,
              "SUVType (0054,1006) is not body weight but lean mass, surface or ideal weight: no SUV by body weight");
  }
}

TEST(Suv, FaultsNameTheTag) {
  struct Row {
    void (*change)(PetFacts&);
    const char* words;
  };
  const std::vector<Row> rows = {
      {[](PetFacts& f) { f.units.clear(); }, "missing tag Units (0054,1001)"},
      {[](PetFacts& f) { f.units = "CNTS"; }, "PET in counts (0054,1001) without a factor of Philips (7053,1000)"},
      {[](PetFacts& f) { f.units = "PROPCNTS"; }, "PET in units other than GML, BQML or CNTS (0054,1001)"},
      {[](PetFacts& f) { f.units = "CM2ML"; }, "PET in units other than GML, BQML or CNTS (0054,1001)"},
      {[](PetFacts& f) { f.dose_bq.reset(); }, "(0018,1074), PET without injected dose: SUV cannot be computed"},
      {[](PetFacts& f) { f.dose_bq = 350; }, "RadionuclideTotalDose (0018,1074) is not a dose in Bq"},
      {[](PetFacts& f) { f.weight_kg.reset(); }, "missing tag PatientWeight (0010,1030)"},
      {[](PetFacts& f) { f.weight_kg = 0; }, "PatientWeight (0010,1030) is not a weight in kg"},
      {[](PetFacts& f) { f.half_life_s.reset(); }, "missing tag RadionuclideHalfLife (0018,1075)"},
      {[](PetFacts& f) { f.injection_time.clear(); }, "missing tag RadiopharmaceuticalStartTime (0018,1072)"},
      {[](PetFacts& f) { f.series_time = f.acquisition_time = {}; }, "missing tag SeriesTime (0008,0031)"},
      {[](PetFacts& f) { f.decay_correction = "NONE"; }, "PET without decay correction (0054,1102)"},
      {[](PetFacts& f) { f.decay_correction.clear(); }, "missing tag DecayCorrection (0054,1102)"},
      {[](PetFacts& f) { f.corrected_image = "DECY"; }, "PET without attenuation correction (0028,0051)"},
      {[](PetFacts& f) { f.several_drugs = true; }, "several injections (0054,0016)"},
  };
  for (const Row& row : rows) {
    PetFacts f = Fdg();
    row.change(f);
    const SuvFactor suv = SuvBodyWeightFactor(f);
    EXPECT_NE(suv.fault.find(row.words), std::string::npos) << suv.fault << "\nexpected: " << row.words;
  }
}

TEST(Suv, SecondsRefuseNonsense) {
  EXPECT_EQ(SecondsOf("19700102", "000001.5"), 86401.5);
  EXPECT_EQ(SecondsOf("19700102", "0001"), 86460.0);
  EXPECT_EQ(SecondsOf("1970.01.02", "00:00:01.25"), 86401.25) << "as written before DICOM 3";
  EXPECT_FALSE(SecondsOf("20200230", "000000"));
  EXPECT_FALSE(SecondsOf("20200101", "250000"));
  EXPECT_FALSE(SecondsOf("20200101", "10"));
  EXPECT_FALSE(SecondsOf("20200101", "10000"));
  EXPECT_FALSE(SecondsOf("2020", "00"));
}

}  // namespace
}  // namespace consilium
