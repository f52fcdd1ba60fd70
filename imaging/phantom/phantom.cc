// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "imaging/phantom/phantom.h"

#include <fmt/format.h>

#include "core/base/error.h"
#include "core/base/random.h"
#include "imaging/phantom/anatomy.h"
#include "imaging/phantom/dicom_writer.h"
#include "imaging/phantom/scanner.h"
#include "imaging/phantom/style.h"

namespace consilium {
namespace {

constexpr int kOutlinePoints = 64;

std::vector<PhantomRoi> Outlines(const PhantomBody& body, const Geometry& pet_grid) {
  std::vector<PhantomRoi> rois;
  for (const Shape& tumour : body.tumours) {
    PhantomRoi roi{fmt::format("GTV_{}", rois.size() + 1), {}};
    for (std::int64_t k = 0; k < pet_grid.size.z; ++k) {
      const double z_mm = pet_grid.IndexToPoint({0, 0, static_cast<double>(k)}).z;
      auto polygon = tumour.Outline(z_mm, kOutlinePoints);
      if (!polygon.empty()) roi.polygons.push_back(std::move(polygon));
    }
    rois.push_back(std::move(roi));
  }
  if (rois.empty()) rois.push_back({"GTV_1", {}});
  return rois;
}

void WritePatient(const PhantomOptions& options, const PhantomStyle& style, std::int64_t number,
                  PhantomSummary& summary) {
  const PhantomIdentity identity{fmt::format("{}-{:03}", style.name, number),
                                 fmt::format("consilium phantom {} {} {}", style.name, options.seed, number)};
  const std::filesystem::path dir = options.dir / identity.patient_id;
  if (std::filesystem::exists(dir)) {
    throw Error(ErrorCode::kAlreadyExists, "there is something at " + dir.string() + " already",
                "Name an empty folder, or remove the old phantoms first.");
  }
  const PhantomBody body = MakePhantomBody(style, options.seed, number);
  const auto noise = [&](std::uint64_t scan) {
    return Random(DeriveSeed(DeriveSeed(options.seed, scan), static_cast<std::uint64_t>(number)));
  };
  const Volume pet = ScanPet(body, style, noise(1));
  WritePhantomSeries(dir / "PET" / "image", identity, pet);
  WritePhantomSeries(dir / "CT" / "image", identity, ScanCt(body, style, noise(2)));
  WritePhantomContours(dir / "PET" / "RTSTRUCT.dcm", identity, pet, Outlines(body, pet.geometry));

  summary.patients += 1;
  summary.tumours += static_cast<std::int64_t>(body.tumours.size());
  for (const auto& entry : std::filesystem::recursive_directory_iterator(dir)) {
    if (!entry.is_regular_file()) continue;
    summary.files += 1;
    summary.bytes += entry.file_size();
  }
}

}  // namespace

void PhantomOptions::Validate() const {
  Require(patients >= 1 && patients <= 10000, fmt::format("{} phantom patients were asked for", patients),
          "Ask for 1 to 10000.");
  Require(first_patient >= 1 && first_patient <= 1000000,
          fmt::format("the first phantom patient cannot have the number {}", first_patient), "Count from 1.");
  Require(!dir.empty(), "no folder for the phantoms was named", "Name one with --out.");
  PhantomStyleNamed(style);
}

PhantomSummary WritePhantoms(const PhantomOptions& options,
                             const std::function<void(std::int64_t, std::int64_t)>& progress) {
  options.Validate();
  const PhantomStyle& style = PhantomStyleNamed(options.style);
  PhantomSummary summary;
  for (std::int64_t i = 0; i < options.patients; ++i) {
    WritePatient(options, style, options.first_patient + i, summary);
    if (progress) progress(i + 1, options.patients);
  }
  return summary;
}

}  // namespace consilium
