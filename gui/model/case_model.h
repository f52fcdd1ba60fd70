// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <QObject>
#include <QString>
#include <memory>
#include <optional>
#include <vector>

#include "core/data/volume.h"
#include "gui/model/case_content.h"
#include "gui/model/property.h"
#include "gui/render/slice_plane.h"
#include "gui/render/window.h"

namespace consilium {

enum class DisplayMode { kFused, kPet, kCt };
QString Words(DisplayMode mode);

struct WindowPreset {
  Modality modality = Modality::kCt;
  QString name;
  Window window;
};
const std::vector<WindowPreset>& WindowPresets();

// The presenter of the Case page: images, cursor, window and level, lesions, what is shown. It owns the volumes and
// fills them as slabs arrive; a slice that is not there yet counts as outside the image. Qt thread only.
class CaseModel : public QObject {
  Q_OBJECT
 public:
  CaseModel();

  void Show(const std::shared_ptr<const CaseContent>& content);  // another case, or another prediction of this one
  void Add(const Slab& slab);                                    // of another case or a wrong size: ignored

  const CaseContent* content() const { return content_.get(); }
  const Volume* pet() const { return pet_ ? &pet_->volume : nullptr; }
  const Volume* ct() const { return ct_ ? &ct_->volume : nullptr; }
  const Volume* display() const;      // the image whose slices are shown: PET, or CT without one or in CT mode
  const LabelMap* reference() const;  // null if there is none
  const LabelMap* prediction() const;
  const std::vector<Lesion>& lesions() const;
  bool complete() const;  // every voxel is there

  void Scroll(SliceView view, std::int64_t slices);  // towards left, back or head
  void SelectLesion(int number);                     // and go there; 0: none
  void StepLesion(int by);                           // round and round
  void ApplyPreset(const WindowPreset& preset);
  void DragWindow(double level_steps, double width_steps);  // of the image on top; a step is 1/200 of its width
  void ToggleOverlays();                                    // all off, or back as they were
  void ResetView();

  QString ValueText() const;                // under the cursor: "SUV 8.1   HU 43"
  QString SliceText(SliceView view) const;  // "Axial 45 / 120"
  QString Title() const;                    // patient, study date
  QString FindingText() const;              // lesions, total volume, Dice, model

  Property<Vec3> cursor;  // mm, LPS
  Property<Window> ct_window{Window{-160, 240}};
  Property<Window> pet_window{Window{0, 10}};
  Property<DisplayMode> mode{DisplayMode::kFused};
  Property<bool> show_prediction{true}, show_reference{true}, show_cursor{true};
  Property<double> opacity{0.45};  // of the prediction's fill
  Property<double> fusion{0.75};   // of the PET over the CT
  Property<int> lesion{0};         // selected; 0: none
  Property<double> zoom{1.0};      // 1: the whole image fits
  Property<Vec3> centre;           // of the panes, mm, LPS
  Property<double> mip_angle{0.0};

 Q_SIGNALS:
  void CaseChanged();    // everything but the voxels
  void VoxelsChanged();  // a slab arrived

 private:
  struct Image {
    Volume volume;
    std::vector<float> slope, intercept;  // of the slices not yet there
    std::vector<bool> loaded;
    std::int64_t missing = 0;
  };
  static Image Empty(const ImageHeader& header);
  void Rescue(bool same_case);

  std::shared_ptr<const CaseContent> content_;
  std::optional<Image> pet_, ct_;
  std::optional<std::pair<bool, bool>> hidden_;  // prediction and reference before ToggleOverlays
};

}  // namespace consilium
