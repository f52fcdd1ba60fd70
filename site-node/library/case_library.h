// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/clock.h"
#include "core/base/ids.h"
#include "core/base/sqlite.h"
#include "core/data/label_map.h"
#include "core/data/patient_text.h"
#include "core/data/sample.h"
#include "core/data/volume.h"
#include "core/round/prep_plan.h"
#include "cuda/device.h"
#include "imaging/dicom/label_reader.h"
#include "imaging/dicom/series.h"
#include "imaging/dicom/study_finder.h"
#include "site-node/library/sample_cache.h"

namespace consilium {

// What a case is for. kNew has no contour: it is only predicted. A case keeps its role for good, so that no patient
// that was trained on is ever measured with.
enum class CaseRole { kTraining, kValidation, kNew };
std::string_view Name(CaseRole role);  // "training", "validation", "new"

struct CaseRecord {
  CaseId id;
  CaseRole role = CaseRole::kNew;
  PatientText patient;     // for this hospital's own worklist only
  PatientText study_date;  // the same
  std::string note;        // why there is no contour; empty if there is one
};

// A series or file that could not be used. The place is a path and may name a patient: for the terminal only.
struct QuarantinedItem {
  std::filesystem::path place;
  std::string reason;
};

struct ImportReport {
  std::int64_t added = 0;       // new cases
  std::int64_t known = 0;       // cases that were there already, unchanged
  std::vector<CaseId> changed;  // cases whose files changed since they were imported
  std::vector<QuarantinedItem> quarantined;
};

// How many cases (studies) there are. One patient may have several.
struct CaseCounts {
  std::int64_t training = 0, validation = 0, unlabelled = 0;
  std::int64_t all() const { return training + validation + unlabelled; }
  friend bool operator==(const CaseCounts&, const CaseCounts&) = default;
};

// How many distinct patients (by patient number) have cases of that role, whatever number of studies each has. Without
// a number in their images patients cannot be told apart and count as one.
struct LibraryPatients {
  std::int64_t training = 0, validation = 0;
  friend bool operator==(const LibraryPatients&, const LibraryPatients&) = default;
};

// The cases of one role, ready for the network.
struct PreparedCases {
  std::vector<Sample> samples;  // one for each case
  std::int64_t patients = 0;    // distinct patients behind them
};

// A case as it lies on the disk, pixels and all. Holds the patient.
struct CaseImages {
  Series pet_series, ct_series;
  Volume pet, ct;
  std::optional<LabelMap> reference;  // the contour on the PET grid
};

struct LibraryOptions {
  std::int64_t validation_patients = 2;                 // the last ones by patient number of the first import
  std::string contours = "GTV*,Tumour*,Tumor*";         // what the tumour is called, in site.toml
  std::vector<LabelQuery> other_labels = {};            // that plans may ask for, and what they are called
  std::uint64_t sample_bytes = std::uint64_t{1} << 36;  // room for prepared samples: SampleCache
};

struct ImportHooks {
  std::function<void(double fraction, const std::string& what)> progress = {};
  std::stop_token stop = {};
};

// The hospital's patients: which there are, where their files lie, and their prepared samples. The images stay where
// they are; the library keeps the paths of their files, the patient's number for the worklist, and prepared samples
// (anonymous voxels) as files of its own. Thread-safe; several processes may open one library.
class CaseLibrary {
 public:
  CaseLibrary(const std::filesystem::path& dir, LibraryOptions options, Device device, Clock& clock);

  // Takes in every patient below `folder`. Each case is read whole once, so that a damaged file is found now and not
  // in a round; a case that cannot be read is quarantined with the reason and the others go on. Importing twice adds
  // nothing, unless the files or the pattern of contours changed: such a case is taken in anew. Throws Error(kNotFound,
  // kCancelled).
  ImportReport Import(const std::filesystem::path& folder, const ImportHooks& hooks = {});

  std::vector<CaseRecord> Cases();  // by number of the patient
  std::optional<CaseRecord> Find(const CaseId& id);
  std::vector<QuarantinedItem> Quarantined();
  CaseCounts Counts();
  LibraryPatients Patients();
  std::int64_t Generation();  // rises with every import that changed something, by whatever process

  // The case ready for the network; made once for each state of its files, plan and label, and kept as a mapped file
  // (SampleCache). Without `label` that of the tumour. Throws Error(kNotFound, kDataLoss), and what ReadLabel throws.
  Sample Prepared(const CaseId& id, const PrepPlan& plan, const std::optional<LabelQuery>& label = {});
  // Those of one role. A case that cannot be read any more, or in which this label is not outlined, is left out, and
  // the log says so.
  PreparedCases Prepared(CaseRole role, const PrepPlan& plan, const std::optional<LabelQuery>& label = {},
                         std::stop_token stop = {});

  // Changes with the files of a case and with what its label is called here.
  Digest DataKey(const CaseId& id);
  CaseImages Images(const CaseId& id, const std::optional<LabelQuery>& label = {});
  Series PetSeries(const CaseId& id);  // headers only: what a SEG refers to

 private:
  struct Found;
  Found Inspect(const PatientCase& patient) const;
  void Store(std::vector<Found>& found, const std::filesystem::path& folder, ImportReport& report);
  std::map<std::string, CaseRole> ChooseRoles(std::span<const Found* const> cases);
  void WriteCase(const Found& one, CaseRole role);
  LabelQuery Tumour() const;
  Digest DataKey(const CaseId& id, const LabelQuery& label);
  std::vector<std::filesystem::path> FilesOfCase(const CaseId& id, std::string_view kind);

  const std::filesystem::path dir_;
  const LibraryOptions options_;
  const Device device_;
  Clock& clock_;
  const std::string site_key_;  // of the pseudonyms
  std::mutex mutex_;            // guards database_
  Database database_;
  const SampleCache samples_;
};

// True if `a` comes before `b` when runs of digits count as numbers: STS_9 before STS_10.
bool NaturalLess(std::string_view a, std::string_view b);

}  // namespace consilium
