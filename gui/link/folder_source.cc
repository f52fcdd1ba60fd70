// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "gui/link/folder_source.h"

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <stop_token>
#include <thread>

#include "core/base/as_error.h"
#include "core/base/error.h"
#include "imaging/dicom/label_reader.h"
#include "imaging/dicom/seg_reader.h"
#include "imaging/dicom/study_finder.h"
#include "imaging/findings/find_lesions.h"
#include "imaging/findings/segmentation_metrics.h"

namespace consilium {
namespace {

std::string IdOf(std::size_t number) { return "case-" + std::to_string(number + 1); }

ImageHeader HeaderOf(const Volume& volume) {
  return {volume.modality, volume.geometry, volume.slope, volume.intercept};
}

}  // namespace

class FolderSource::Worker {
 public:
  Worker(FolderSource& source, FolderOptions options) : source_(source), options_(std::move(options)) {}
  ~Worker() {
    stop_.request_stop();
    changed_.notify_all();
  }

  void Start() {
    thread_ = std::jthread([this] { Run(stop_.get_token()); });
  }

  void Wish(const std::string& id) {
    std::lock_guard lock(mutex_);
    wish_ = id;
    changed_.notify_all();
  }

 private:
  template <class Function>
  void InQtThread(Function function) {
    QMetaObject::invokeMethod(&source_, std::move(function), Qt::QueuedConnection);
  }

  void Report(const Error& error) {
    const Trouble trouble{error.what(), error.next_step()};
    InQtThread([this, trouble] { Q_EMIT source_.Failed(trouble); });
  }

  void Run(std::stop_token stop) {
    try {
      Scan(stop);
    } catch (const std::exception& failure) {  // nobody is above this thread
      return Report(AsError(failure));
    }
    while (true) {
      std::string id;
      {
        std::unique_lock lock(mutex_);
        if (!changed_.wait(lock, stop, [this] { return !wish_.empty(); })) return;
        id = std::exchange(wish_, {});
      }
      try {
        Load(id);
      } catch (const std::exception& failure) {
        Report(AsError(failure));
      }
    }
  }

  void Scan(std::stop_token stop) {
    FindOptions find;
    find.labels.front().patterns = options_.roi_pattern;
    find.scan.stop = stop;
    CaseScan scan = FindCases(options_.folder, find);
    if (scan.cases.empty()) {
      std::string why =
          scan.rejected.empty() ? "it holds no PET and CT of one patient" : scan.rejected.front().fault.words;
      throw Error(ErrorCode::kNotFound, "nothing to show in " + options_.folder.string() + ": " + why,
                  "Name a folder that holds the PET and CT series of a patient.");
    }
    cases_ = std::move(scan.cases);
    rejected_ = std::move(scan.rejected);
    FindSegmentations(stop);
    for (std::size_t c = 0; c < cases_.size(); ++c) items_.push_back(ItemOf(c));
    InQtThread([this, items = items_, left_out = LeftOutText()] {
      Q_EMIT source_.LeftOut(left_out);
      Q_EMIT source_.CasesChanged(items);
    });
  }

  // The SEG of each case, by the series it refers to.
  void FindSegmentations(std::stop_token stop) {
    std::vector<std::filesystem::path> files;
    if (options_.segmentation) {
      files.push_back(*options_.segmentation);
    } else {
      ScanOptions scan;
      scan.stop = stop;
      files = ScanFolder(options_.folder, scan).segmentations;
    }
    segmentations_.resize(cases_.size());
    for (const auto& file : files) {
      ObjectSource made_for;
      try {
        made_for = ReadSegInfo(file).source;
      } catch (const std::exception& failure) {
        if (options_.segmentation) throw;
        rejected_.push_back({file, {QuarantineReason::kLabel, AsError(failure).what()}, {}, {}});
        continue;
      }
      Assign(file, made_for);
    }
  }

  // A SEG belongs to the case whose PET it refers to. One that was named may refer to other images of the only case
  // there is, as contours of other programs do, but never to another patient.
  void Assign(const std::filesystem::path& file, const ObjectSource& made_for) {
    const bool named = options_.segmentation.has_value();
    const bool only = named && cases_.size() == 1;
    if (only) RequireFit(made_for, cases_.front().pet, "SEG", file);
    bool used = false;
    for (std::size_t c = 0; c < cases_.size(); ++c) {
      if (!only && !RefersTo(made_for, cases_[c].pet)) continue;
      const std::string misfit = Misfit(made_for, cases_[c].pet);
      if (!misfit.empty() && !named) rejected_.push_back({file, {QuarantineReason::kLabel, misfit}, {}, {}});
      if (!misfit.empty()) continue;
      if (segmentations_[c].empty()) segmentations_[c] = file;
      used = true;
    }
    if (named && !used)
      throw Error(ErrorCode::kNotFound, file.string() + " belongs to no case in " + options_.folder.string(),
                  "Name the SEG that was made for this PET.");
  }

  QString LeftOutText() const {
    static constexpr std::size_t kMostLines = 4;
    if (rejected_.empty()) return {};
    QString text = FolderSource::tr("NOT USED");
    for (std::size_t r = 0; r < std::min(kMostLines, rejected_.size()); ++r) {
      const std::string place = rejected_[r].place.lexically_relative(options_.folder).string();
      text += QString::fromStdString("\n" + place + ": " + rejected_[r].fault.words);
    }
    if (rejected_.size() > kMostLines) text += FolderSource::tr("\nand %1 more").arg(rejected_.size() - kMostLines);
    return text;
  }

  // What the list says of a case whose prediction was read.
  void Tell(std::size_t c, const CaseContent& content) {
    if (!content.prediction) return;
    CaseItem& item = items_[c];
    item.lesions = std::ssize(content.prediction->lesions);
    item.volume_ml = 0;
    for (const Lesion& lesion : content.prediction->lesions) item.volume_ml += lesion.volume_ml;
    item.dice = content.dice;
    InQtThread([this, items = items_] { Q_EMIT source_.CasesChanged(items); });
  }

  CaseItem ItemOf(std::size_t c) const {
    CaseItem item;
    item.id = IdOf(c);
    const SeriesInfo& info = cases_[c].pet.info;
    item.patient = info.patient_name.empty() ? info.patient_id.Reveal() : info.patient_name.Reveal();
    item.study_date = info.study_date.Reveal();
    item.has_reference = cases_[c].contour.has_value();
    item.has_prediction = !segmentations_[c].empty();
    if (item.has_prediction) item.lesions = -1;
    return item;
  }

  void Load(const std::string& id) {
    std::size_t c = 0;
    while (c < cases_.size() && IdOf(c) != id) ++c;
    if (c == cases_.size()) throw Error(ErrorCode::kNotFound, "there is no case " + id);
    const PatientCase& one = cases_[c];
    Volume pet = ToVolume(one.pet, SeriesKey(id + "-pet"));
    Volume ct = ToVolume(one.ct, SeriesKey(id + "-ct"));

    auto content = std::make_shared<CaseContent>();
    content->item = items_[c];
    content->images = {HeaderOf(pet), HeaderOf(ct)};
    if (one.contour) content->reference = ReadLabel(*one.contour, one.pet, {.patterns = options_.roi_pattern});
    if (!segmentations_[c].empty()) {
      content->prediction = FindLesions(ReadSeg(segmentations_[c], one.pet), pet, nullptr);
      if (content->reference) content->dice = Dice(content->prediction->labels, *content->reference);
    }
    Tell(c, *content);
    InQtThread([this, content] { Q_EMIT source_.CaseOpened(content); });
    Send(id, std::move(pet));
    Send(id, std::move(ct));
  }

  void Send(const std::string& id, Volume volume) {
    auto slab = std::make_shared<const Slab>(Slab{id, volume.modality, 0, std::move(volume.voxels)});
    InQtThread([this, slab] { Q_EMIT source_.SlabArrived(slab); });
  }

  FolderSource& source_;
  const FolderOptions options_;
  std::vector<PatientCase> cases_;                    // the thread's
  std::vector<std::filesystem::path> segmentations_;  // of each case; empty: none
  std::vector<RejectedSeries> rejected_;
  std::vector<CaseItem> items_;  // of each case

  std::mutex mutex_;
  std::condition_variable_any changed_;
  std::string wish_;

  std::stop_source stop_;
  std::jthread thread_;  // last: joined first
};

FolderSource::FolderSource(FolderOptions options) : worker_(std::make_unique<Worker>(*this, std::move(options))) {}
FolderSource::~FolderSource() = default;
void FolderSource::Start() { worker_->Start(); }
void FolderSource::OpenCase(const std::string& id) { worker_->Wish(id); }

}  // namespace consilium
