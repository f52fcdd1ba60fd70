// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>

namespace consilium {

// What a PET slice says about its numbers. Dates YYYYMMDD, times HHMMSS.f, date-times YYYYMMDDHHMMSS.f, as in the file.
struct PetFacts {
  std::string units;             // (0054,1001)
  std::string suv_type;          // (0054,1006)
  std::string decay_correction;  // (0054,1102)
  std::string corrected_image;   // (0028,0051)
  std::string series_date, series_time;
  std::string acquisition_date, acquisition_time;
  std::string injection_date_time, injection_time;  // (0018,1078), (0018,1072)
  std::optional<double> weight_kg, dose_bq, half_life_s;
};

// What turns a rescaled pixel into SUV by body weight (g/ml), or why that cannot be done.
struct SuvFactor {
  double factor = 0;
  std::string fault;  // names the tag; no patient data
};

// GML is SUV already: 1. BQML: weight in g over the dose that was left at the time to which the scanner corrected decay
// (START: start of the scan, the earlier of series and acquisition time; ADMIN: the injection), after the QIBA SUV
// vendor-neutral pseudo-code. CNTS and others are refused. Pure.
SuvFactor SuvBodyWeightFactor(const PetFacts& facts);

// Seconds since 1970 of a DICOM date and time (no time zone), or nothing if they are not well formed.
std::optional<double> SecondsOf(const std::string& date, const std::string& time);

}  // namespace consilium
