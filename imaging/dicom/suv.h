// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>

namespace consilium {

// What a PET slice says about its numbers. Dates YYYYMMDD, times HHMMSS.f, date-times YYYYMMDDHHMMSS.f&ZZXX, as in the
// file.
struct PetFacts {
  std::string units;             // (0054,1001)
  std::string suv_type;          // (0054,1006)
  std::string decay_correction;  // (0054,1102)
  std::string corrected_image;   // (0028,0051)
  std::string series_date, series_time;
  std::string acquisition_date, acquisition_time;
  std::string injection_date_time, injection_time;  // (0018,1078), (0018,1072)
  std::string time_zone;                            // of dates and times: (0008,0201), as "+0100"
  std::string decay_date_time;                      // to which the scanner says it corrected decay:
                                                    // (0009,xx0D) of GEMS_PETD_01, (0071,xx22) of SIEMENS MED PT
  std::optional<double> weight_kg, dose_bq, half_life_s;
  std::optional<double> frame_reference_s, frame_duration_s;    // (0054,1300), (0018,1242)
  std::optional<double> philips_suv_factor, philips_bq_factor;  // (7053,xx00), (7053,xx09) of Philips PET Private Group
  bool several_drugs = false;  // more than one radiopharmaceutical, or injected more than once
};

// What turns a rescaled pixel into SUV by body weight (g/ml), or why that cannot be done.
struct SuvFactor {
  double factor = 0;
  std::string fault;  // names the tag; no patient data
};

// `facts` are those of the slice of a series that was acquired first.
// GML is SUV already: 1. BQML: weight in g over the dose that was left at the time to which the scanner corrected
// decay. ADMIN: the injection. START: what a private tag of GE or Siemens says; else the series time if it is not after
// the acquisition; else (a later reconstruction carries its own series time) the acquisition, moved back by the frame's
// reference time where that is told. CNTS: by the factors of Philips. All else is refused, nothing is guessed. Pure.
// Source: QIBA, "SUV vendor-neutral pseudo-code" (2018 happy-path version); the order of private tags as in IBSI's
// SUV computation (oncoray.github.io/suv_computation).
SuvFactor SuvBodyWeightFactor(const PetFacts& facts);

// Seconds since 1970 of a DICOM date and time (no time zone), or nothing if they are not well formed. Takes HHMM, and
// the old forms YYYY.MM.DD and HH:MM:SS.
std::optional<double> SecondsOf(const std::string& date, const std::string& time);

}  // namespace consilium
