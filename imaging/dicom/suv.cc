// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "imaging/dicom/suv.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <cstdlib>
#include <string_view>

namespace consilium {
namespace {

constexpr double kDay = 86400;

bool Digits(const std::string& text, std::size_t from, std::size_t count) {
  if (text.size() < from + count) return false;
  return std::all_of(text.begin() + static_cast<std::ptrdiff_t>(from),
                     text.begin() + static_cast<std::ptrdiff_t>(from + count),
                     [](char c) { return c >= '0' && c <= '9'; });
}

int Int(const std::string& text, std::size_t from, std::size_t count) {
  return std::atoi(text.substr(from, count).c_str());
}

std::string Without(std::string text, char separator) {
  std::erase(text, separator);
  return text;
}

// Seconds east of Greenwich of "+0100".
std::optional<double> ZoneOf(const std::string& text) {
  if (text.size() != 5 || (text[0] != '+' && text[0] != '-') || !Digits(text, 1, 4)) return std::nullopt;
  const double east = Int(text, 1, 2) * 3600.0 + Int(text, 3, 2) * 60.0;
  return text[0] == '-' ? -east : east;
}

// A date-time in the zone of the file's dates and times. One that names a zone is moved there if the file names its
// own; if not, the two are taken for the same.
std::optional<double> SecondsOfDateTime(const std::string& date_time, const PetFacts& f) {
  const std::size_t sign = date_time.find_first_of("+-");
  const std::string local = date_time.substr(0, sign);
  if (local.size() < 12) return std::nullopt;
  auto at = SecondsOf(local.substr(0, 8), local.substr(8));
  const auto zone = sign == std::string::npos ? std::nullopt : ZoneOf(date_time.substr(sign));
  const auto own = ZoneOf(f.time_zone);
  if (at && zone && own) *at += *own - *zone;
  return at;
}

// Within a frame, when the count rate is the mean of the frame: seconds after its start.
double MeanCountRate(double duration_s, double half_life_s) {
  const double decay = std::log(2.0) / half_life_s, over = decay * duration_s;
  return std::log(over / (1 - std::exp(-over))) / decay;
}

// The time to which decay was corrected, for START.
std::optional<double> DecayReference(const PetFacts& f) {
  if (const auto told = SecondsOfDateTime(f.decay_date_time, f)) return told;
  const auto series = SecondsOf(f.series_date, f.series_time);
  const auto acquisition = SecondsOf(f.acquisition_date, f.acquisition_time);
  if (!acquisition) return series;
  if (series && *series <= *acquisition) return series;
  if (f.frame_reference_s.value_or(0) > 0 && f.frame_duration_s.value_or(0) > 0) {
    const double start = *acquisition - *f.frame_reference_s + MeanCountRate(*f.frame_duration_s, *f.half_life_s);
    return std::min(start, *acquisition);
  }
  return acquisition;
}

std::optional<double> Injection(const PetFacts& f, double reference) {
  if (!f.injection_date_time.empty()) {
    if (const auto told = SecondsOfDateTime(f.injection_date_time, f)) return told;
  }
  auto at = SecondsOf("19700101", f.injection_time);
  if (!at) return std::nullopt;
  *at += std::floor(reference / kDay) * kDay;
  if (*at > reference) *at -= kDay;  // only a time of day: injected before midnight
  return at;
}

std::string CorrectionFault(const PetFacts& f) {
  if (f.corrected_image.find("ATTN") == std::string::npos) {
    return "PET without attenuation correction (0028,0051): SUV cannot be computed";
  }
  if (f.decay_correction.empty()) return "missing tag DecayCorrection (0054,1102): SUV cannot be computed";
  if (f.decay_correction != "START" && f.decay_correction != "ADMIN") {
    return "PET without decay correction (0054,1102): SUV cannot be computed";
  }
  return {};
}

std::string DoseFault(const PetFacts& f) {
  if (!f.weight_kg) return "missing tag PatientWeight (0010,1030): SUV cannot be computed";
  if (*f.weight_kg < 1 || *f.weight_kg > 500) return "PatientWeight (0010,1030) is not a weight in kg";
  if (!f.dose_bq)
    return "missing tag RadionuclideTotalDose (0018,1074), PET without injected dose: SUV cannot be computed";
  if (*f.dose_bq < 1e5 || *f.dose_bq > 1e11) return "RadionuclideTotalDose (0018,1074) is not a dose in Bq";
  if (f.several_drugs) return "several injections (0054,0016): SUV cannot be computed";
  return {};
}

// From Bq/ml.
SuvFactor OfActivity(const PetFacts& f) {
  if (std::string fault = DoseFault(f); !fault.empty()) return {0, fault};
  const double weight_g = *f.weight_kg * 1000;
  if (f.decay_correction == "ADMIN") return {weight_g / *f.dose_bq, {}};
  if (!f.half_life_s || *f.half_life_s <= 0) {
    return {0, "missing tag RadionuclideHalfLife (0018,1075): SUV cannot be computed"};
  }
  const auto reference = DecayReference(f);
  if (!reference) {
    return {0, "missing tag SeriesTime (0008,0031) and AcquisitionTime (0008,0032): SUV cannot be computed"};
  }
  const auto injection = Injection(f, *reference);
  if (!injection) return {0, "missing tag RadiopharmaceuticalStartTime (0018,1072): SUV cannot be computed"};
  const double half_lives = (*reference - *injection) / *f.half_life_s;
  if (half_lives < 0 || half_lives > 10) {
    return {0, "RadiopharmaceuticalStartTime (0018,1072) does not fit the time of the scan: SUV cannot be computed"};
  }
  return {weight_g / (*f.dose_bq * std::exp2(-half_lives)), {}};
}

// Philips: counts, with a factor of its own to SUV or to Bq/ml.
SuvFactor OfCounts(const PetFacts& f) {
  if (f.philips_suv_factor.value_or(0) > 0) return {*f.philips_suv_factor, {}};
  if (f.philips_bq_factor.value_or(0) > 0) {
    SuvFactor factor = OfActivity(f);
    factor.factor *= *f.philips_bq_factor;
    return factor;
  }
  return {0,
          "PET in counts (0054,1001) without a factor of Philips (7053,1000) or (7053,1009): SUV cannot be computed"};
}

}  // namespace

std::optional<double> SecondsOf(const std::string& date_text, const std::string& time_text) {
  const std::string date = Without(date_text, '.'), time = Without(time_text, ':');
  if (!Digits(date, 0, 8) || date.size() != 8 || !Digits(time, 0, 4)) return std::nullopt;
  if (time.size() > 4 && !Digits(time, 4, 2)) return std::nullopt;
  const std::chrono::year_month_day day{std::chrono::year(Int(date, 0, 4)),
                                        std::chrono::month(static_cast<unsigned>(Int(date, 4, 2))),
                                        std::chrono::day(static_cast<unsigned>(Int(date, 6, 2)))};
  const int hours = Int(time, 0, 2), minutes = Int(time, 2, 2), seconds = time.size() > 4 ? Int(time, 4, 2) : 0;
  if (!day.ok() || hours > 23 || minutes > 59 || seconds > 60) return std::nullopt;
  double fraction = 0;
  if (time.size() > 7 && time[6] == '.' && Digits(time, 7, 1)) {
    for (std::size_t i = 7; i < time.size() && Digits(time, i, 1); ++i) {
      fraction += (time[i] - '0') * std::pow(10.0, 6.0 - static_cast<double>(i));
    }
  }
  const auto days = std::chrono::sys_days(day).time_since_epoch().count();
  return static_cast<double>(days) * kDay + hours * 3600.0 + minutes * 60.0 + seconds + fraction;
}

SuvFactor SuvBodyWeightFactor(const PetFacts& f) {
  if (f.units.empty()) return {0, "missing tag Units (0054,1001)"};
  if (f.units == "GML") {
    if (!f.suv_type.empty() && f.suv_type != "BW") {
      return {0,
              "SUVType (0054,1006) is not body weight but lean mass, surface or ideal weight: no SUV by body weight"};
    }
    return {1, {}};
  }
  if (f.units != "BQML" && f.units != "CNTS") {
    return {0, "PET in units other than GML, BQML or CNTS (0054,1001), such as a part of counts: no SUV"};
  }
  if (std::string fault = CorrectionFault(f); !fault.empty()) return {0, fault};
  return f.units == "BQML" ? OfActivity(f) : OfCounts(f);
}

}  // namespace consilium
