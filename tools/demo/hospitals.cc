// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "tools/demo/hospitals.h"

#include <algorithm>

#include "core/base/error.h"
#include "core/base/ids.h"
#include "core/base/random.h"
#include "imaging/phantom/phantom.h"
#include "imaging/phantom/style.h"

namespace consilium {
namespace fs = std::filesystem;
namespace {

std::vector<DemoHospital> PhantomHospitals(const DemoOptions& options, const fs::path& dir,
                                           const std::function<void(double)>& progress) {
  const auto styles = AllPhantomStyles();
  std::vector<DemoHospital> hospitals;
  for (std::int64_t i = 0; i < options.sites; ++i) {
    const auto style = static_cast<std::size_t>(i) % styles.size(), again = static_cast<std::size_t>(i) / styles.size();
    const std::string site = styles[style].name + (again > 0 ? "-" + std::to_string(again + 1) : "");
    const DemoHospital hospital{site, dir / "phantoms" / site, dir / "held-out" / site};
    const std::uint64_t seed = DeriveSeed(static_cast<std::uint64_t>(options.seed), static_cast<std::uint64_t>(i));
    const auto part = [&](std::int64_t before) {
      return [&, before](std::int64_t done, std::int64_t) {
        progress((static_cast<double>(i) +
                  static_cast<double>(before + done) / static_cast<double>(kDemoPatients + kDemoHeldOut)) /
                 static_cast<double>(options.sites));
      };
    };
    WritePhantoms({hospital.patients, kDemoPatients, styles[style].name, seed, 1}, part(0));
    WritePhantoms({hospital.held_out, kDemoHeldOut, styles[style].name, seed, kDemoPatients + 1}, part(kDemoPatients));
    hospitals.push_back(hospital);
  }
  return hospitals;
}

std::vector<DemoHospital> RealHospitals(const fs::path& data) {
  std::vector<DemoHospital> hospitals;
  for (const auto& entry : fs::directory_iterator(data)) {
    if (!entry.is_directory() || entry.path().filename().string().front() == '.') continue;
    hospitals.push_back({ParseSiteId(entry.path().filename().string()).text(), entry.path(), {}, 2});
  }
  std::sort(hospitals.begin(), hospitals.end(), [](const auto& a, const auto& b) { return a.site < b.site; });
  Require(hospitals.size() >= 2, data.string() + " holds " + std::to_string(hospitals.size()) + " hospital folders",
          "It needs two or more, laid out as SITE/PATIENT/...: docs/real-data.md");
  return hospitals;
}

}  // namespace

std::vector<DemoHospital> MakeHospitals(const DemoOptions& options, const fs::path& dir,
                                        const std::function<void(double)>& progress) {
  return options.data.empty() ? PhantomHospitals(options, dir, progress) : RealHospitals(options.data);
}

std::vector<Cohort> LoadCohorts(const std::vector<DemoHospital>& hospitals, const RunPlan& plan) {
  std::vector<Cohort> cohorts;
  for (const DemoHospital& hospital : hospitals) {
    CohortOptions options;
    options.prep = plan.prep;
    options.validation = hospital.validation;
    cohorts.push_back(LoadCohort(hospital.site, hospital.patients, hospital.held_out, options));
  }
  return cohorts;
}

void HideContours(const std::vector<DemoHospital>& hospitals, const fs::path& dir, bool hide) {
  for (const DemoHospital& hospital : hospitals) {
    if (hospital.held_out.empty()) continue;
    for (const auto& patient : fs::directory_iterator(hospital.held_out)) {
      const fs::path with = patient.path() / "PET" / "RTSTRUCT.dcm";
      const fs::path apart = dir / "contours" / hospital.site / (patient.path().filename().string() + ".dcm");
      fs::create_directories(apart.parent_path());
      fs::rename(hide ? with : apart, hide ? apart : with);
    }
  }
}

std::uint64_t BytesBelow(const fs::path& folder) {
  std::uint64_t bytes = 0;
  if (folder.empty()) return bytes;
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    if (entry.is_regular_file() && entry.path().extension() == ".dcm") bytes += entry.file_size();
  }
  return bytes;
}

}  // namespace consilium
