// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "imaging/dicom/pseudonym.h"

#include <array>
#include <cstdint>
#include <string>

#include "core/base/digest.h"
#include "core/base/error.h"

namespace consilium {
namespace {

// HMAC-SHA256 (RFC 2104), by the hash of core/base.
Digest Hmac(std::string_view key, std::string_view text) {
  constexpr std::size_t kBlock = 64;
  std::string padded(key);
  if (padded.size() > kBlock) {
    const Digest digest = DigestOf(key);
    padded.assign(reinterpret_cast<const char*>(digest.bytes.data()), digest.bytes.size());
  }
  padded.resize(kBlock, '\0');
  std::string inner = padded, outer = padded;
  for (char& c : inner) c = static_cast<char>(c ^ 0x36);
  for (char& c : outer) c = static_cast<char>(c ^ 0x5c);
  const Digest first = DigestOf(inner + std::string(text));
  return DigestOf(outer + std::string(reinterpret_cast<const char*>(first.bytes.data()), first.bytes.size()));
}

Digest Keyed(std::string_view text, std::string_view site_key) {
  Require(site_key.size() >= 16, "a site's key for pseudonyms needs 16 bytes or more");
  return Hmac(site_key, text);
}

std::string Pseudonym(const Series& series, std::string_view site_key) {
  // Of several volumes in one series each has its own, which does not change when others come or go.
  const bool part = series.is_part && !series.slices.empty();
  const std::string own = part ? "/" + series.slices.front().sop_instance_uid.Reveal() : std::string();
  return Keyed(series.info.series_uid.Reveal() + own, site_key).Hex().substr(0, 16);
}

}  // namespace

SeriesKey MakeSeriesKey(const Series& series, std::string_view site_key) {
  return SeriesKey(Pseudonym(series, site_key));
}

CaseId MakeCaseId(const Series& pet, std::string_view site_key) { return CaseId("case-" + Pseudonym(pet, site_key)); }

// The parts are of different lengths in every study; a byte that no DICOM text holds keeps them apart.
StudyId MakeStudyId(const PatientText& patient_id, const PatientText& study_uid, std::string_view site_key) {
  const std::string both =
      "study" + std::string(1, '\0') + patient_id.Reveal() + std::string(1, '\0') + study_uid.Reveal();
  return StudyId("study-" + Keyed(both, site_key).Hex().substr(0, 16));
}

double KeyedFraction(const PatientText& text, std::string_view site_key) {
  const Digest digest = Keyed("role" + std::string(1, '\0') + text.Reveal(), site_key);
  std::uint64_t high = 0;  // 53 bits: every value is a double below 1
  for (int byte = 0; byte < 7; ++byte) high = (high << 8) | digest.bytes[static_cast<std::size_t>(byte)];
  return static_cast<double>(high >> 3) / static_cast<double>(std::uint64_t{1} << 53);
}

}  // namespace consilium
