// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "imaging/dicom/suv.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdlib>

namespace consilium {
namespace {

bool Digits(const std::string& text, std::size_t from, std::size_t count) {
  if (text.size() < from + count) return false;
  return std::all_of(text.begin() + static_cast<std::ptrdiff_t>(from),
                     text.begin() + static_cast<std::ptrdiff_t>(from + count),
                     [](char c) { return c >= '0' && c <= '9'; });
}

int Int(const std::string& text, std::size_t from, std::size_t count) {
  return std::atoi(text.substr(from, count).c_str());
}

// Start of the scan: the earlier of series and acquisition. A derived series may carry a later series time.
std::optional<double> ScanStart(const PetFacts& f) {
  const auto series = SecondsOf(f.series_date, f.series_time);
  const auto acquisition = SecondsOf(f.acquisition_date, f.acquisition_time);
  if (series && acquisition) return std::min(*series, *acquisition);
  return series ? series : acquisition;
}

std::optional<double> Injection(const PetFacts& f, double scan_start) {
  if (f.injection_date_time.size() >= 14) {
    return SecondsOf(f.injection_date_time.substr(0, 8), f.injection_date_time.substr(8));
  }
  auto at = SecondsOf(f.series_date.empty() ? f.acquisition_date : f.series_date, f.injection_time);
  if (at && *at > scan_start) *at -= 86400;  // only a time of day: injected before midnight
  return at;
}

std::string PlausibilityFault(const PetFacts& f) {
  if (!f.weight_kg) return "missing tag PatientWeight (0010,1030): SUV cannot be computed";
  if (*f.weight_kg < 1 || *f.weight_kg > 500) return "PatientWeight (0010,1030) is not a weight in kg";
  if (!f.dose_bq) return "missing tag RadionuclideTotalDose (0018,1074): SUV cannot be computed";
  if (*f.dose_bq < 1e5 || *f.dose_bq > 1e11) return "RadionuclideTotalDose (0018,1074) is not a dose in Bq";
  if (f.corrected_image.find("ATTN") == std::string::npos) {
    return "PET without attenuation correction (0028,0051): SUV cannot be computed";
  }
  return {};
}

}  // namespace

std::optional<double> SecondsOf(const std::string& date, const std::string& time) {
  if (!Digits(date, 0, 8) || date.size() != 8 || !Digits(time, 0, 6)) return std::nullopt;
  const std::chrono::year_month_day day{std::chrono::year(Int(date, 0, 4)),
                                        std::chrono::month(static_cast<unsigned>(Int(date, 4, 2))),
                                        std::chrono::day(static_cast<unsigned>(Int(date, 6, 2)))};
  const int hours = Int(time, 0, 2), minutes = Int(time, 2, 2), seconds = Int(time, 4, 2);
  if (!day.ok() || hours > 23 || minutes > 59 || seconds > 60) return std::nullopt;
  double fraction = 0;
  if (time.size() > 7 && time[6] == '.' && Digits(time, 7, 1)) {
    for (std::size_t i = 7; i < time.size() && Digits(time, i, 1); ++i) {
      fraction += (time[i] - '0') * std::pow(10.0, 6.0 - static_cast<double>(i));
    }
  }
  const auto days = std::chrono::sys_days(day).time_since_epoch().count();
  return static_cast<double>(days) * 86400.0 + hours * 3600.0 + minutes * 60.0 + seconds + fraction;
}

SuvFactor SuvBodyWeightFactor(const PetFacts& f) {
  if (f.units.empty()) return {0, "missing tag Units (0054,1001)"};
  if (f.units == "GML") {
    if (!f.suv_type.empty() && f.suv_type != "BW") return {0, "SUVType (0054,1006) is not body weight"};
    return {1, {}};
  }
  if (f.units != "BQML") return {0, "PET in units other than GML or BQML (0054,1001), such as counts: no SUV"};
  if (std::string fault = PlausibilityFault(f); !fault.empty()) return {0, fault};
  const double weight_g = *f.weight_kg * 1000;
  if (f.decay_correction == "ADMIN") return {weight_g / *f.dose_bq, {}};
  if (f.decay_correction.empty()) return {0, "missing tag DecayCorrection (0054,1102): SUV cannot be computed"};
  if (f.decay_correction != "START") return {0, "PET without decay correction (0054,1102): SUV cannot be computed"};
  if (!f.half_life_s || *f.half_life_s <= 0) {
    return {0, "missing tag RadionuclideHalfLife (0018,1075): SUV cannot be computed"};
  }
  const auto scan = ScanStart(f);
  if (!scan) return {0, "missing tag SeriesTime (0008,0031) and AcquisitionTime (0008,0032): SUV cannot be computed"};
  const auto injection = Injection(f, *scan);
  if (!injection) return {0, "missing tag RadiopharmaceuticalStartTime (0018,1072): SUV cannot be computed"};
  const double half_lives = (*scan - *injection) / *f.half_life_s;
  if (half_lives < 0 || half_lives > 10) {
    return {0, "RadiopharmaceuticalStartTime (0018,1072) does not fit the time of the scan: SUV cannot be computed"};
  }
  return {weight_g / (*f.dose_bq * std::exp2(-half_lives)), {}};
}

}  // namespace consilium
