// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "gui/model/case_model.h"

#include <algorithm>
#include <cmath>

#include "gui/model/worklist_model.h"
#include "gui/render/slice_sampler.h"

namespace consilium {
namespace {

// The value at the nearest voxel; nothing outside.
std::optional<double> ValueAt(const Volume* volume, Vec3 point_mm) {
  if (volume == nullptr) return std::nullopt;
  const Vec3 index = volume->geometry.PointToIndex(point_mm);
  const std::int64_t i = std::llround(index.x), j = std::llround(index.y), k = std::llround(index.z);
  const Size3& size = volume->geometry.size;
  if (i < 0 || j < 0 || k < 0 || i >= size.x || j >= size.y || k >= size.z) return std::nullopt;
  const float value = volume->Value(i, j, k);
  if (value <= kOutside / 2) return std::nullopt;  // not there yet
  return static_cast<double>(value);
}

}  // namespace

QString Words(DisplayMode mode) {
  switch (mode) {
    case DisplayMode::kFused: return CaseModel::tr("PET/CT");
    case DisplayMode::kPet: return CaseModel::tr("PET");
    case DisplayMode::kCt: return CaseModel::tr("CT");
  }
  return {};
}

const std::vector<WindowPreset>& WindowPresets() {
  static const std::vector<WindowPreset> presets{
      {Modality::kPet, CaseModel::tr("SUV 0 - 5"), {0, 5}},
      {Modality::kPet, CaseModel::tr("SUV 0 - 10"), {0, 10}},
      {Modality::kPet, CaseModel::tr("SUV 0 - 20"), {0, 20}},
      {Modality::kCt, CaseModel::tr("Soft tissue"), {-160, 240}},
      {Modality::kCt, CaseModel::tr("Lung"), {-1350, 150}},
      {Modality::kCt, CaseModel::tr("Bone"), {-500, 1300}},
  };
  return presets;
}

Vec3 FirstCursor(const CaseContent& content) {
  if (content.prediction && !content.prediction->lesions.empty()) return content.prediction->lesions[0].centroid_mm;
  if (content.reference && content.reference->CountNonZero() > 0) {
    const Geometry& grid = content.reference->geometry;
    Vec3 sum;
    double count = 0;
    for (std::int64_t k = 0; k < grid.size.z; ++k)
      for (std::int64_t j = 0; j < grid.size.y; ++j)
        for (std::int64_t i = 0; i < grid.size.x; ++i) {
          if (content.reference->voxels[static_cast<std::size_t>(grid.Offset(i, j, k))] == 0) continue;
          sum = sum + Vec3{static_cast<double>(i), static_cast<double>(j), static_cast<double>(k)};
          ++count;
        }
    return grid.IndexToPoint((1 / count) * sum);
  }
  const ImageHeader* first = nullptr;
  for (const ImageHeader& image : content.images)
    if (first == nullptr || image.modality == Modality::kPet) first = &image;
  return first == nullptr ? Vec3{} : CentreOf(first->grid);
}

CaseModel::CaseModel() {
  opacity.SetRange(0, 1);
  fusion.SetRange(0, 1);
  zoom.SetRange(1, 16);
}

CaseModel::Image CaseModel::Empty(const ImageHeader& header) {
  Image image;
  image.volume.modality = header.modality;
  image.volume.geometry = header.grid;
  image.volume.voxels.assign(static_cast<std::size_t>(header.grid.size.count()), 0);
  const auto slices = static_cast<std::size_t>(header.grid.size.z);
  image.volume.slope.assign(slices, 0.0F);
  image.volume.intercept.assign(slices, kOutside);
  image.slope = header.slope;
  image.intercept = header.intercept;
  image.loaded.assign(slices, false);
  image.missing = header.grid.size.z;
  return image;
}

void CaseModel::Show(const std::shared_ptr<const CaseContent>& content) {
  const bool same_case = content_ && content && content_->item.id == content->item.id;
  content_ = content;
  if (!same_case) {
    pet_.reset();
    ct_.reset();
    for (const ImageHeader& image : content->images) {
      if (image.modality == Modality::kPet) pet_ = Empty(image);
      if (image.modality == Modality::kCt) ct_ = Empty(image);
    }
  }
  Rescue(same_case);
  Q_EMIT CaseChanged();
}

// Brings the settings to what this case can show.
void CaseModel::Rescue(bool same_case) {
  if (pet_ && ct_) {
    mode.Enable();
  } else {
    mode.Set(pet_ ? DisplayMode::kPet : DisplayMode::kCt);
    mode.Disable(pet_ ? tr("This case has no CT.") : tr("This case has no PET."));
  }
  if (prediction() != nullptr)
    show_prediction.Enable();
  else
    show_prediction.Disable(tr("This case has no prediction yet."));
  if (reference() != nullptr)
    show_reference.Enable();
  else
    show_reference.Disable(tr("No contour was drawn for this case."));
  if (same_case) {
    if (lesion() > static_cast<int>(lesions().size())) lesion.Set(0);
    return;
  }
  if (pet_ && ct_) mode.Set(DisplayMode::kFused);
  lesion.Set(lesions().empty() ? 0 : 1);
  cursor.Set(FirstCursor(*content_));
  ResetView();
}

void CaseModel::Add(const Slab& slab) {
  if (!content_ || slab.id != content_->item.id) return;
  std::optional<Image>& image = slab.modality == Modality::kPet ? pet_ : ct_;
  if (!image) return;
  const Size3& size = image->volume.geometry.size;
  const std::int64_t area = size.x * size.y;
  const auto slices = static_cast<std::int64_t>(slab.voxels.size()) / area;
  if (slab.first_slice < 0 || slab.first_slice + slices > size.z || slices * area != std::ssize(slab.voxels)) return;
  std::ranges::copy(slab.voxels, image->volume.voxels.begin() + slab.first_slice * area);
  for (std::int64_t k = slab.first_slice; k < slab.first_slice + slices; ++k) {
    const auto at = static_cast<std::size_t>(k);
    image->volume.slope[at] = image->slope[at];
    image->volume.intercept[at] = image->intercept[at];
    if (!image->loaded[at]) --image->missing;
    image->loaded[at] = true;
  }
  Q_EMIT VoxelsChanged();
}

const Volume* CaseModel::display() const {
  if (mode() == DisplayMode::kCt && ct_) return ct();
  return pet_ ? pet() : ct();
}

const LabelMap* CaseModel::reference() const {
  return content_ && content_->reference ? &*content_->reference : nullptr;
}
const LabelMap* CaseModel::prediction() const {
  return content_ && content_->prediction ? &content_->prediction->labels : nullptr;
}
const std::vector<Lesion>& CaseModel::lesions() const {
  static const std::vector<Lesion> none;
  return content_ && content_->prediction ? content_->prediction->lesions : none;
}
bool CaseModel::complete() const { return content_ && (!pet_ || pet_->missing == 0) && (!ct_ || ct_->missing == 0); }

void CaseModel::Scroll(SliceView view, std::int64_t slices) {
  if (display() != nullptr) cursor.Set(Scrolled(display()->geometry, view, cursor(), slices));
}

void CaseModel::SelectLesion(int number) {
  const auto found = std::ranges::find(lesions(), number, &Lesion::number);
  if (found == lesions().end()) return lesion.Set(0);
  lesion.Set(number);
  cursor.Set(found->centroid_mm);
  if (zoom() > 1) centre.Set(found->centroid_mm);
}

void CaseModel::StepLesion(int by) {
  const auto count = static_cast<int>(lesions().size());
  if (count == 0) return;
  const int start = lesion() == 0 && by < 0 ? 1 : lesion();
  SelectLesion((start - 1 + by + count) % count + 1);
}

void CaseModel::ApplyPreset(const WindowPreset& preset) {
  (preset.modality == Modality::kPet ? pet_window : ct_window).Set(preset.window);
}

void CaseModel::DragWindow(double level_steps, double width_steps) {
  if (mode() == DisplayMode::kCt) {
    const Window now = ct_window();
    const double width = std::clamp(now.width() * (1 + width_steps / 200), 1.0, 8000.0);
    const double level = now.level() + level_steps * now.width() / 200;
    ct_window.Set({level - width / 2, level + width / 2});
    return;
  }
  // A PET's window starts at 0: readers compare uptake by its top alone.
  const double top = pet_window().high * (1 + (width_steps + level_steps) / 200);
  pet_window.Set({0, std::clamp(top, 0.1, 200.0)});
}

void CaseModel::ToggleOverlays() {
  if (show_prediction() || show_reference()) {
    hidden_ = {show_prediction(), show_reference()};
    show_prediction.Set(false);
    show_reference.Set(false);
    return;
  }
  const auto [prediction_on, reference_on] = hidden_.value_or(std::pair{true, true});
  show_prediction.Set(prediction_on);
  show_reference.Set(reference_on);
}

void CaseModel::ResetView() {
  zoom.Set(1);
  mip_angle.Set(0);
  const Volume* base = pet() != nullptr ? pet() : ct();
  if (base != nullptr) centre.Set(CentreOf(base->geometry));
}

QString CaseModel::ValueText() const {
  QStringList parts;
  if (const auto suv = ValueAt(pet(), cursor())) parts << tr("SUV %1").arg(*suv, 0, 'f', 1);
  if (const auto hu = ValueAt(ct(), cursor())) parts << tr("%1 HU").arg(*hu, 0, 'f', 0);
  return parts.join(tr("   "));
}

QString CaseModel::SliceText(SliceView view) const {
  if (display() == nullptr) return {};
  const Geometry& grid = display()->geometry;
  const ViewAxes axes = AxesOf(grid, view);
  const std::int64_t count = axes.through == 0 ? grid.size.x : axes.through == 1 ? grid.size.y : grid.size.z;
  const std::int64_t at = std::clamp<std::int64_t>(SliceAt(grid, view, cursor()), 0, count - 1);
  const std::string_view name = Name(view);
  return tr("%1 %2 / %3")
      .arg(QString::fromUtf8(name.data(), static_cast<qsizetype>(name.size())))
      .arg(axes.through_sense > 0 ? at + 1 : count - at)
      .arg(count);
}

QString CaseModel::Title() const { return content_ ? WorklistModel::Title(content_->item) : QString(); }

QString CaseModel::FindingText() const {
  if (!content_) return {};
  if (!content_->prediction) return tr("No prediction yet.");
  double volume_ml = 0;
  for (const Lesion& found : lesions()) volume_ml += found.volume_ml;
  QString text = lesions().empty()       ? tr("No lesion found.")
                 : lesions().size() == 1 ? tr("1 lesion, %1 ml.").arg(volume_ml, 0, 'f', 1)
                                         : tr("%1 lesions, %2 ml.").arg(lesions().size()).arg(volume_ml, 0, 'f', 1);
  if (content_->dice >= 0) text += tr("  Dice %1 to the contour.").arg(content_->dice, 0, 'f', 2);
  if (!content_->model.empty()) {
    text += tr("\nModel %1").arg(QString::fromStdString(content_->model.substr(0, 12)));
    if (content_->model_version >= 0) text += tr(", after round %1").arg(content_->model_version);
  }
  return text;
}

}  // namespace consilium
