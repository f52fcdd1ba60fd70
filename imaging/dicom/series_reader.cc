// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "imaging/dicom/series_reader.h"

#include <algorithm>
#include <iterator>
#include <map>
#include <optional>
#include <set>
#include <tuple>
#include <utility>

#include "core/base/error.h"
#include "imaging/dicom/file_listing.h"
#include "imaging/dicom/numbered_names.h"
#include "imaging/dicom/series_scan.h"

namespace consilium {
namespace fs = std::filesystem;
namespace {

// The files of one series as they are found.
struct Group {
  std::vector<SliceHeader> slices;
  std::optional<RejectedSeries> damaged;      // the first file of it that cannot be parsed
  std::int64_t also_damaged = 0;              // further ones
  std::optional<RejectedSeries> screenshots;  // whose they are, where the first lies
  std::int64_t screenshot_count = 0;
};

// "0007.dcm", "0007.dcm, 0009.dcm and 3 more": the names of files of one folder.
std::string NamesOf(const std::vector<fs::path>& files) {
  constexpr std::size_t kMost = 3;
  std::string text;
  for (std::size_t f = 0; f < std::min(kMost, files.size()); ++f)
    text += (f == 0 ? "" : ", ") + files[f].filename().string();
  return files.size() > kMost ? text + " and " + std::to_string(files.size() - kMost) + " more" : text;
}

// What is seen of studies, file by file.
class Studies {
 public:
  void Add(const FileHeader& whose) {
    if (whose.patient_id.empty() && whose.study_uid.empty()) return;
    Seen& seen = seen_[{whose.patient_id, whose.study_uid}];
    if (seen.study.files++ == 0) {
      seen.study.patient_id = whose.patient_id;
      seen.study.study_uid = whose.study_uid;
      seen.study.place = whose.file.parent_path();
    }
    if (seen.study.study_date.empty()) seen.study.study_date = whose.study_date;
    if (!whose.series_uid.empty()) seen.series.insert(whose.series_uid);
    const std::string& modality = whose.modality;
    const bool code = std::all_of(modality.begin(), modality.end(), [](char c) { return c >= 'A' && c <= 'Z'; });
    if (!modality.empty() && code) seen.modalities.insert(modality);
  }

  std::vector<StudySeen> Finish() {
    std::vector<StudySeen> studies;
    for (auto& [key, seen] : seen_) {
      seen.study.series = std::ssize(seen.series);
      seen.study.modalities.assign(seen.modalities.begin(), seen.modalities.end());
      studies.push_back(std::move(seen.study));
    }
    std::stable_sort(studies.begin(), studies.end(),
                     [](const StudySeen& a, const StudySeen& b) { return a.place < b.place; });
    return studies;
  }

 private:
  struct Seen {
    StudySeen study;
    std::set<PatientText> series;
    std::set<std::string> modalities;
  };
  std::map<std::pair<PatientText, PatientText>, Seen> seen_;  // by patient and StudyInstanceUID
};

class Scan {
 public:
  void Add(FileHeader header) {
    const fs::path& file = header.file;
    if (!header.fault.empty()) return Damaged(header);
    if (!header.scan.is_dicom) {
      ++out_.other_files;
      nameless_[file.parent_path()].push_back(file);
      return;
    }
    studies_.Add(header);
    switch (header.kind) {
      case FileKind::kStructureSet: out_.structure_sets.push_back(file); return;
      case FileKind::kSegmentation: out_.segmentations.push_back(file); return;
      case FileKind::kScreenshot: return Screenshot(header);
      case FileKind::kOther: ++out_.other_files; return;
      case FileKind::kSlice: break;
    }
    // Without a SeriesInstanceUID there is no series; at least its patients and folders are not mixed.
    const bool nameless = header.series_uid.empty();
    groups_[{header.series_uid, nameless ? header.patient_id : PatientText(),
             nameless ? file.parent_path().string() : std::string()}]
        .slices.push_back(std::move(*header.slice));
  }

  SeriesScan Finish() {
    const std::map<std::size_t, std::vector<fs::path>> suspects = Suspects();
    std::vector<Pending> pending;
    std::set<fs::path> explained;  // files that leave a gap somewhere: they are no slices of another series
    std::size_t number = 0;
    for (auto& [key, group] : groups_) {
      const auto beside = suspects.find(number++);
      if (group.damaged) {
        AddDamaged(group);
        continue;
      }
      if (group.slices.empty()) {
        AddScreenshots(group);
        continue;
      }
      const fs::path first = group.slices.front().slice.file;
      Pending one;
      one.patient = group.slices.front().info.patient_id;
      one.study = group.slices.front().info.study_uid;
      one.place = first.parent_path();
      one.built = BuildSeries(std::move(group.slices));
      if (beside != suspects.end() && !one.built.complete) one.beside = beside->second;
      if (one.built.rejected && one.built.rejected->fault.reason == QuarantineReason::kMissingSlices) {
        const std::vector<fs::path> cause = NamelessBeside(first);
        explained.insert(cause.begin(), cause.end());
        Fault& fault = one.built.rejected->fault;
        if (!cause.empty()) {
          fault = {QuarantineReason::kNotReadable, "not readable: " + NamesOf(cause) + "; so there are " + fault.words};
        }
      }
      pending.push_back(std::move(one));
    }
    for (Pending& one : pending) Add(one, explained);
    const auto by_place = [](const RejectedSeries& a, const RejectedSeries& b) { return a.place < b.place; };
    std::stable_sort(out_.usable.begin(), out_.usable.end(),
                     [](const Series& a, const Series& b) { return FilesOf(a).front() < FilesOf(b).front(); });
    std::stable_sort(out_.rejected.begin(), out_.rejected.end(), by_place);
    std::stable_sort(out_.left_out.begin(), out_.left_out.end(), by_place);
    out_.studies = studies_.Finish();
    return std::move(out_);
  }

 private:
  void Screenshot(const FileHeader& header) {
    ++out_.other_files;
    Group& group = groups_[{header.series_uid, header.patient_id, "screenshots"}];
    if (group.screenshot_count++ > 0) return;
    group.screenshots.emplace();
    group.screenshots->place = header.file.parent_path();
    group.screenshots->patient_id = header.patient_id;
    group.screenshots->study_uid = header.study_uid;
  }

  // A damaged slice makes its series unusable: without it the volume would be another one.
  void Damaged(FileHeader& header) {
    studies_.Add(header);
    RejectedSeries damaged;
    damaged.place = header.file;
    damaged.fault.words = std::move(header.fault);  // kNotReadable
    damaged.patient_id = header.patient_id;
    damaged.study_uid = header.study_uid;
    if (header.series_uid.empty()) {
      nameless_[header.file.parent_path()].push_back(header.file);
      out_.rejected.push_back(std::move(damaged));
      return;
    }
    Group& group = groups_[{header.series_uid, {}, {}}];
    if (group.damaged)
      ++group.also_damaged;
    else
      group.damaged = std::move(damaged);
  }

  // A series that was built, before it is known which unreadable files beside it are slices of others.
  struct Pending {
    BuiltSeries built;
    fs::path place;
    PatientText patient, study;
    std::vector<fs::path> beside;  // unreadable files that may be slices of it
  };

  // An unreadable file at an end of a series leaves no gap: by its name it may be a slice of these groups.
  std::map<std::size_t, std::vector<fs::path>> Suspects() const {
    std::map<std::size_t, std::vector<fs::path>> suspects;
    if (nameless_.empty()) return suspects;
    NumberedNames names;
    std::size_t number = 0;
    for (const auto& [key, group] : groups_) {
      for (const SliceHeader& h : group.slices)
        if (nameless_.contains(h.slice.file.parent_path())) names.Add(h.slice.file, number);
      ++number;
    }
    for (const auto& [folder, files] : nameless_) {
      for (const fs::path& file : files)
        for (const std::size_t group : names.Nearest(file)) suspects[group].push_back(file);
    }
    return suspects;
  }

  void Add(Pending& one, const std::set<fs::path>& explained) {
    const auto rejected = [&](fs::path place, Fault fault) {
      RejectedSeries out;
      out.place = std::move(place);
      out.fault = std::move(fault);
      out.patient_id = one.patient;
      out.study_uid = one.study;
      return out;
    };
    std::erase_if(one.beside, [&](const fs::path& file) { return explained.contains(file); });
    for (SeriesFault& harmless : one.built.left_out)
      out_.left_out.push_back(rejected(std::move(harmless.place), std::move(harmless.fault)));
    if (one.built.rejected) {
      out_.rejected.push_back(rejected(std::move(one.built.rejected->place), std::move(one.built.rejected->fault)));
    } else if (!one.built.volumes.empty() && !one.beside.empty()) {
      Fault fault;
      fault.reason = QuarantineReason::kNotReadable;
      fault.words = "not readable: " + NamesOf(one.beside) + ", by name a slice of this series that may be missing";
      out_.rejected.push_back(rejected(one.place, std::move(fault)));
    } else {
      std::move(one.built.volumes.begin(), one.built.volumes.end(), std::back_inserter(out_.usable));
    }
  }

  void AddDamaged(Group& group) {
    RejectedSeries& bad = *group.damaged;
    if (group.also_damaged > 0)
      bad.fault.words += " (further damaged files of this series: " + std::to_string(group.also_damaged) + ")";
    if (!group.slices.empty()) {
      if (bad.patient_id.empty()) bad.patient_id = group.slices.front().info.patient_id;
      if (bad.study_uid.empty()) bad.study_uid = group.slices.front().info.study_uid;
    }
    out_.rejected.push_back(std::move(bad));
  }

  void AddScreenshots(Group& group) {
    RejectedSeries shots = std::move(*group.screenshots);
    shots.fault.reason = QuarantineReason::kNotAVolume;
    shots.fault.words = std::to_string(group.screenshot_count) + (group.screenshot_count == 1 ? " image" : " images") +
                        " left out: a screenshot (secondary capture)";
    out_.left_out.push_back(std::move(shots));
  }

  // Files in a slice's folder, named like it, of which nobody can say to which series they belong: what a gap is made
  // of when a copy broke off.
  std::vector<fs::path> NamelessBeside(const fs::path& slice) const {
    std::vector<fs::path> files;
    if (const auto found = nameless_.find(slice.parent_path()); found != nameless_.end()) {
      for (const fs::path& file : found->second)
        if (file.extension() == slice.extension()) files.push_back(file);
    }
    std::sort(files.begin(), files.end());
    return files;
  }

  std::map<std::tuple<PatientText, PatientText, std::string>, Group> groups_;  // by SeriesInstanceUID
  std::map<fs::path, std::vector<fs::path>> nameless_;                         // by folder: not readable, or not DICOM
  Studies studies_;
  SeriesScan out_;
};

}  // namespace

SeriesScan SortIntoSeries(std::vector<FileHeader> headers) {
  Scan scan;
  for (FileHeader& header : headers) scan.Add(std::move(header));
  return scan.Finish();
}

Series TheOnlySeries(SeriesScan scan, const std::string& place) {
  if (scan.usable.size() == 1 && scan.rejected.empty()) return std::move(scan.usable.front());
  if (scan.usable.size() > 1) {
    throw Error(ErrorCode::kFailedPrecondition,
                place + " holds " + std::to_string(scan.usable.size()) + " image series, not one",
                "Give the folder of one series.");
  }
  if (scan.rejected.empty()) {
    throw Error(ErrorCode::kFailedPrecondition, "no PET, CT or MR series in " + place,
                "Give a folder that holds the DICOM files of one series.");
  }
  const RejectedSeries& bad = scan.rejected.front();
  throw Error(ErrorCode::kFailedPrecondition, "the series in " + place + " cannot be used: " + bad.fault.words,
              "Look at " + bad.place.string() + ", or export the series again.");
}

SeriesScan ScanFiles(std::span<const fs::path> files, const ScanOptions& options) {
  constexpr std::size_t kAtOnce = 64;  // few enough for progress and stopping, many enough for several threads
  Scan scan;
  std::size_t done = 0;
  while (done < files.size()) {
    const auto some = files.subspan(done, std::min(kAtOnce, files.size() - done));
    for (FileHeader& header : ReadFileHeaders(some, options.stop)) {
      scan.Add(std::move(header));
      ++done;
      if (options.progress) options.progress(static_cast<std::int64_t>(done), std::ssize(files));
    }
  }
  return scan.Finish();
}

SeriesScan ScanFolder(const fs::path& folder, const ScanOptions& options) {
  Listing listing = FilesBelow(folder);
  SeriesScan scan = ScanFiles(listing.files, options);
  std::move(listing.unlisted.begin(), listing.unlisted.end(), std::back_inserter(scan.rejected));
  std::sort(scan.rejected.begin(), scan.rejected.end(),
            [](const RejectedSeries& a, const RejectedSeries& b) { return a.place < b.place; });
  return scan;
}

Series ReadSeries(const fs::path& folder, const ScanOptions& options) {
  return TheOnlySeries(ScanFolder(folder, options), folder.string());
}

Series ReadSeriesFiles(std::span<const fs::path> files) {
  Require(!files.empty(), "no files of a series given");
  return TheOnlySeries(ScanFiles(files), files.front().parent_path().string());
}

std::vector<fs::path> FilesOf(const Series& series) {
  std::vector<fs::path> files;
  files.reserve(series.slices.size());
  for (const Slice& slice : series.slices) files.push_back(slice.file);
  return files;
}

}  // namespace consilium
