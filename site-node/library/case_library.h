// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "core/base/clock.h"
#include "core/base/ids.h"
#include "core/data/label_map.h"
#include "core/data/sample.h"
#include "core/data/volume.h"
#include "core/round/prep_plan.h"
#include "cuda/device.h"
#include "imaging/dicom/label_reader.h"
#include "imaging/dicom/series.h"
#include "site-node/library/case_labels.h"
#include "site-node/library/case_record.h"
#include "site-node/library/case_store.h"
#include "site-node/library/importer.h"
#include "site-node/library/sample_cache.h"

namespace consilium {

// The cases of one role, ready for the network.
struct PreparedCases {
  std::vector<Sample> samples;  // one for each case
  std::int64_t patients = 0;    // distinct patients behind them
};

// A case as it lies on the disk, pixels and all. Holds the patient.
struct CaseImages {
  Series pet_series, ct_series;
  Volume pet, ct;
  std::optional<LabelMap> reference;  // the label in use, on the PET grid
};

// A label that somebody gives for a case.
struct LabelGiven {
  std::filesystem::path file;  // RTSTRUCT, SEG or NIfTI
  std::string author;          // who gives it; not empty
  std::string model;           // of the prediction that was corrected, if any: its digest in hex
  bool training = true;        // consent to train and measure with it
  bool automatic = false;      // take a SEG that a program drew alone: somebody has looked at it
};

// The hospital's patients: which there are, where their files lie, and their prepared samples. The images stay where
// they are; the library keeps the paths of their files, the patient's number for the worklist, the label files, and
// prepared samples (anonymous voxels) as files of its own. Thread-safe; several processes may open one library.
class CaseLibrary {
 public:
  CaseLibrary(const std::filesystem::path& dir, LibraryOptions options, Device device, Clock& clock);

  // Takes in every study below `folder`: see Importer.
  ImportReport Import(const std::filesystem::path& folder, const ImportHooks& hooks = {});

  std::vector<CaseRecord> Cases() { return store_.Cases(); }  // by number of the patient
  std::optional<CaseRecord> Find(const CaseId& id) { return store_.Find(id); }
  std::vector<StudyRecord> Studies() { return store_.Studies(); }  // by place
  StudyQuality Quality() { return store_.Quality(); }
  CaseCounts Counts();
  LibraryPatients Patients() { return store_.Patients(); }
  // Rises with everything that changes what is trained with, by whatever process.
  std::int64_t Generation() { return store_.Generation(); }

  // Lines of the site's own list of roles that name nobody. Throws as ReadRoleList.
  std::vector<UnmatchedRole> UnmatchedRoles();

  // The case ready for the network; made once for each state of its files, plan and label, and kept as a mapped file
  // (SampleCache). Without `label` that of the tumour. Throws Error(kNotFound, kDataLoss), what ReadLabel throws, and
  // Error(kFailedPrecondition) for a test case that is locked.
  Sample Prepared(const CaseId& id, const PrepPlan& plan, const std::optional<LabelQuery>& label = {});
  // The labelled ones of one role. A case that cannot be read any more, or in which this label is not outlined, is left
  // out, and the log says so.
  PreparedCases Prepared(CaseRole role, const PrepPlan& plan, const std::optional<LabelQuery>& label = {},
                         const std::stop_token& stop = {});

  // Changes with the files of a case, its label in use and what that is called here.
  Digest DataKey(const CaseId& id, const std::optional<LabelQuery>& label = {});
  CaseImages Images(const CaseId& id, const std::optional<LabelQuery>& label = {});  // throws as Prepared
  Series PetSeries(const CaseId& id);  // headers only: what a SEG refers to

  // Test patients are for the end: nothing of them is read, shown or measured while a run is going on, nor before one
  // in which this hospital took part has ended. (An import reads their images once, to see that they are whole.)
  void RunIsActive(const RunId& run) { store_.RunIsActive(run); }
  void RunHasEnded(const RunId& run) { store_.RunHasEnded(run); }
  std::optional<std::string> TestLocked();  // why, or nothing: they may be read

  // Versions of a case's label. The newest that may be used is in use, unless UseLabel() chose another since; a label
  // that it does not hold (it has the tumour, the liver is asked for) is taken from the newest that does. All throw
  // Error(kNotFound) for an unknown case or version.
  std::vector<LabelVersion> Labels(const CaseId& id);  // newest first
  // Throws Error when the file is no label of this case: another patient, another grid, no voxel; and when it is one
  // already (CaseStore::AddLabel).
  std::int64_t AddLabel(const CaseId& id, const LabelGiven& given);
  void UseLabel(const CaseId& id, std::int64_t version);
  // Takes back the consent to train and measure with a version and with all of the same bytes, also of other cases.
  // Samples that hold it are removed.
  void WithdrawLabel(const CaseId& id, std::int64_t version);

 private:
  CaseRecord Get(const CaseId& id);
  PatientRoles ListedRoles() const;  // the site's own list
  LabelVersion GetLabel(const CaseId& id, std::int64_t version);
  std::vector<LabelVersion> UsableLabels(const CaseId& id);
  std::optional<LabelMap> Reference(const CaseId& id, const Series& pet, const LabelQuery& label);
  void RequireOpen(const CaseRecord& record);

  const std::filesystem::path dir_;
  const LibraryOptions options_;
  const Device device_;
  const std::string site_key_;  // of the pseudonyms
  CaseStore store_;
  const LabelShelf labels_;
  const SampleCache samples_;
};

}  // namespace consilium
