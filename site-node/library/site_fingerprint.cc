// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "site-node/library/site_fingerprint.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <utility>
#include <vector>

#include "core/base/as_error.h"
#include "core/base/log.h"
#include "core/base/terminal.h"
#include "imaging/prepare/case_measure.h"

namespace consilium {

CollectedFingerprint CollectFingerprint(CaseLibrary& library, Device device,
                                        const std::function<void(double fraction)>& progress) {
  CollectedFingerprint out;
  std::map<std::string, std::vector<CaseMeasure>> patients;
  std::vector<CaseRecord> cases = library.Cases();
  std::erase_if(cases,
                [](const CaseRecord& one) { return one.role != CaseRole::kTraining || !one.labelled || !one.present; });
  for (std::size_t n = 0; n < cases.size(); ++n) {
    try {
      const CaseImages images = library.Images(cases[n].id);
      if (images.reference)
        patients[cases[n].patient.Reveal()].push_back(MeasureCase(images.pet, images.ct, *images.reference, device));
    } catch (const std::exception& failure) {  // its words may name a file, and that a patient
      LogWarning("a case is not in the fingerprint", {{"case", cases[n].id}, {"code", Name(AsError(failure).code())}});
      ++out.unread;
    }
    if (progress) progress(static_cast<double>(n + 1) / static_cast<double>(cases.size()));
  }
  for (const auto& [patient, measures] : patients) out.fingerprint.AddPatient(measures);
  return out;
}

std::string FingerprintText(const Fingerprint& fingerprint) {
  std::string text = fmt::format("{} training patients, {} cases; {:.3f} % of the voxels are tumour\n",
                                 fingerprint.patients, fingerprint.cases,
                                 100 * static_cast<double>(fingerprint.tumour_voxels) /
                                     static_cast<double>(std::max<std::int64_t>(1, fingerprint.voxels)));
  if (fingerprint.cases == 0) return text;
  Table table({"", "10 %", "median", "90 %"});
  constexpr const char* kAxes[] = {"x", "y", "z"};
  const auto row = [&](const std::string& name, const Histogram& of, std::span<const double> edges) {
    const auto at = [&](double percent) { return fmt::format("{:.4g}", CasePercentile(of, edges, percent)); };
    table.Row({name, at(10), at(50), at(90)});
  };
  for (std::size_t d = 0; d < 3; ++d)
    row(fmt::format("PET spacing {}, mm", kAxes[d]), fingerprint.spacing[d], FingerprintSpacingEdgesMm());
  for (std::size_t d = 0; d < 3; ++d)
    row(fmt::format("PET extent {}, mm", kAxes[d]), fingerprint.extent[d], FingerprintExtentEdgesMm());
  const auto values = [&](const std::string& name, const Histogram& of, std::span<const double> edges) {
    const auto at = [&](double percent) { return fmt::format("{:.4g}", ValuePercentile(of, edges, percent)); };
    table.Row({name, at(10), at(50), at(90)});
  };
  values("tumour, SUV", fingerprint.pet.values, FingerprintSuvEdges());
  values("tumour, HU", fingerprint.ct.values, FingerprintHuEdges());
  return text + table.Text();
}

}  // namespace consilium
