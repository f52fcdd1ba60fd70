// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "gui/model/case_model.h"

#include <gtest/gtest.h>

#include <QSet>
#include <map>

#include "gui/model/key_table.h"
#include "gui/model/worklist_model.h"
#include "gui/render/slice_sampler.h"

namespace consilium {
namespace {

ImageHeader Header(Modality modality, Size3 size, double spacing_mm) {
  ImageHeader header;
  header.modality = modality;
  header.grid.size = size;
  header.grid.spacing_mm = {spacing_mm, spacing_mm, spacing_mm};
  header.slope.assign(static_cast<std::size_t>(size.z), modality == Modality::kPet ? 0.5F : 1.0F);
  header.intercept.assign(static_cast<std::size_t>(size.z), modality == Modality::kPet ? 0.0F : -1000.0F);
  return header;
}

std::shared_ptr<CaseContent> TwoLesions() {
  auto content = std::make_shared<CaseContent>();
  content->item.id = "case-1";
  content->item.patient = "Doe, Jane";
  content->item.study_date = "20260302";
  content->images = {Header(Modality::kPet, {8, 8, 4}, 4), Header(Modality::kCt, {16, 16, 8}, 2)};
  LesionList list;
  list.labels.geometry = content->images[0].grid;
  list.labels.voxels.assign(256, 0);
  list.lesions = {{1, 12.5, 9.1, 5, 0.9, {20, 12, 8}}, {2, 3.5, 6, 4, 0.8, {4, 4, 4}}};
  content->prediction = list;
  content->model = "5f0c1a2b3c4d5e6f";
  content->model_version = 10;
  content->dice = 0.81;
  return content;
}

Slab SlabOf(Modality modality, std::int64_t first, std::int64_t slices, std::int64_t area, std::int16_t value) {
  return {"case-1", modality, first, VoxelBuffer<std::int16_t>(static_cast<std::size_t>(slices * area), value)};
}

class CaseModelTest : public ::testing::Test {
 protected:
  CaseModelTest() { model_.Show(TwoLesions()); }
  CaseModel model_;
};

TEST_F(CaseModelTest, OpensOnTheLargestLesionAndSaysWhatWasFound) {
  EXPECT_EQ(model_.cursor(), (Vec3{20, 12, 8}));
  EXPECT_EQ(model_.lesion(), 1);
  EXPECT_EQ(model_.Title(), "Doe, Jane\n2026-03-02");
  EXPECT_EQ(model_.FindingText(), "2 lesions, 16.0 ml.  Dice 0.81 to the contour.\nModel 5f0c1a2b3c4d, after round 10");
  EXPECT_EQ(model_.SliceText(SliceView::kAxial), "Axial 3 / 4");
  EXPECT_EQ(model_.SliceText(SliceView::kSagittal), "Sagittal 6 / 8");
  EXPECT_FALSE(model_.show_reference.enabled());
  EXPECT_EQ(model_.show_reference.reason(), "No contour was drawn for this case.");
}

TEST_F(CaseModelTest, SlicesCountOnlyWhenTheyAreThere) {
  EXPECT_EQ(model_.ValueText(), "");
  EXPECT_EQ(model_.pet()->Value(0, 0, 2), kOutside);
  int told = 0;
  QObject::connect(&model_, &CaseModel::VoxelsChanged, [&] { ++told; });
  model_.Add(SlabOf(Modality::kPet, 2, 1, 64, 14));
  EXPECT_EQ(model_.ValueText(), "SUV 7.0");
  EXPECT_FALSE(model_.complete());
  model_.Add(SlabOf(Modality::kCt, 0, 8, 256, 1040));
  EXPECT_EQ(model_.ValueText(), "SUV 7.0   40 HU");
  model_.Add(SlabOf(Modality::kPet, 0, 4, 64, 14));
  EXPECT_TRUE(model_.complete());
  EXPECT_EQ(told, 3);
}

TEST_F(CaseModelTest, SlabsThatDoNotFitAreIgnored) {
  int told = 0;
  QObject::connect(&model_, &CaseModel::VoxelsChanged, [&] { ++told; });
  model_.Add(SlabOf(Modality::kPet, 3, 2, 64, 1));
  model_.Add(SlabOf(Modality::kPet, -1, 1, 64, 1));
  model_.Add(SlabOf(Modality::kPet, 0, 1, 63, 1));
  model_.Add(SlabOf(Modality::kMr, 0, 100, 64, 1));
  Slab other = SlabOf(Modality::kPet, 0, 1, 64, 1);
  other.id = "case-2";
  model_.Add(other);
  EXPECT_EQ(told, 0);
}

TEST_F(CaseModelTest, LesionsAreSteppedRoundAndRound) {
  model_.StepLesion(1);
  EXPECT_EQ(model_.lesion(), 2);
  EXPECT_EQ(model_.cursor(), (Vec3{4, 4, 4}));
  model_.StepLesion(1);
  EXPECT_EQ(model_.lesion(), 1);
  model_.StepLesion(-1);
  EXPECT_EQ(model_.lesion(), 2);
  model_.SelectLesion(7);
  EXPECT_EQ(model_.lesion(), 0);
  model_.StepLesion(1);
  EXPECT_EQ(model_.lesion(), 1);
}

TEST_F(CaseModelTest, ScrollingMovesByTheShownImagesSlices) {
  model_.Scroll(SliceView::kAxial, -1);
  EXPECT_EQ(model_.cursor().z, 4);
  model_.Scroll(SliceView::kAxial, -10);
  EXPECT_EQ(model_.cursor().z, 0);
  model_.mode.Set(DisplayMode::kCt);
  model_.Scroll(SliceView::kAxial, 1);
  EXPECT_EQ(model_.cursor().z, 2);
  EXPECT_EQ(model_.SliceText(SliceView::kAxial), "Axial 2 / 8");
}

TEST_F(CaseModelTest, DraggingChangesTheWindowOfTheImageOnTop) {
  model_.DragWindow(0, 100);
  EXPECT_EQ(model_.pet_window(), (Window{0, 15}));
  model_.mode.Set(DisplayMode::kCt);
  model_.DragWindow(20, 0);
  EXPECT_EQ(model_.ct_window(), (Window{-120, 280}));
  model_.ApplyPreset(WindowPresets()[4]);
  EXPECT_EQ(model_.ct_window(), (Window{-1350, 150}));
  for (int step = 0; step < 200; ++step) model_.DragWindow(0, -100);
  EXPECT_GE(model_.ct_window().width(), 1.0 - 1e-9);
}

TEST_F(CaseModelTest, HidingAllOverlaysBringsBackWhatWasShown) {
  model_.show_reference.Set(false);
  model_.ToggleOverlays();
  EXPECT_FALSE(model_.show_prediction());
  model_.ToggleOverlays();
  EXPECT_TRUE(model_.show_prediction());
  EXPECT_FALSE(model_.show_reference());
}

TEST_F(CaseModelTest, ANewPredictionKeepsVoxelsCursorAndWindow) {
  model_.Add(SlabOf(Modality::kPet, 0, 4, 64, 14));
  model_.pet_window.Set({0, 4});
  model_.SelectLesion(2);
  auto newer = TwoLesions();
  newer->prediction->lesions.pop_back();
  model_.Show(newer);
  EXPECT_EQ(model_.ValueText(), "SUV 7.0");
  EXPECT_EQ(model_.pet_window(), (Window{0, 4}));
  EXPECT_EQ(model_.lesion(), 0) << "lesion 2 is gone";
  EXPECT_EQ(model_.cursor(), (Vec3{4, 4, 4}));
}

TEST_F(CaseModelTest, ACaseWithoutCtIsShownAsPetAlone) {
  auto pet_only = TwoLesions();
  pet_only->item.id = "case-2";
  pet_only->images.pop_back();
  pet_only->prediction.reset();
  LabelMap contour;
  contour.geometry = pet_only->images[0].grid;
  contour.voxels.assign(256, 0);
  contour.voxels[static_cast<std::size_t>(contour.geometry.Offset(6, 2, 3))] = 1;
  pet_only->reference = contour;
  model_.Show(pet_only);
  EXPECT_EQ(model_.mode(), DisplayMode::kPet);
  EXPECT_EQ(model_.mode.reason(), "This case has no CT.");
  EXPECT_EQ(model_.cursor(), (Vec3{24, 8, 12})) << "on the contour";
  EXPECT_EQ(model_.FindingText(), "No prediction yet.");
}

TEST_F(CaseModelTest, NumbersStayInTheirRange) {
  model_.opacity.Set(1.7);
  EXPECT_EQ(model_.opacity(), 1.0);
  model_.zoom.Set(0.1);
  EXPECT_EQ(model_.zoom(), 1.0);
}

TEST(WorklistModel, OpensTheFirstCaseAndKeepsTheOpenOne) {
  WorklistModel list;
  CaseItem a, b;
  a.id = "a";
  b.id = "b";
  list.Show({a, b});
  EXPECT_EQ(list.open(), "a");
  list.Step(1);
  list.Step(1);
  EXPECT_EQ(list.open(), "b");
  std::string changed;
  QObject::connect(&list, &WorklistModel::PredictionChanged, [&](const std::string& id) { changed = id; });
  a.model = "1";
  list.Show({b, a});
  EXPECT_EQ(changed, "") << "only the open case counts";
  b.model = "2";
  list.Show({b, a});
  EXPECT_EQ(changed, "b");
  list.Open("nobody");
  EXPECT_EQ(list.open(), "b");
  list.Show({a});
  EXPECT_EQ(list.open(), "a");
  list.Show({});
  EXPECT_EQ(list.open(), "");
}

TEST(WorklistModel, WordsOfALine) {
  CaseItem item;
  item.id = "case-7";
  item.has_reference = true;
  EXPECT_EQ(WorklistModel::Title(item), "case-7");
  item.patient = "Lee";
  item.study_date = "20260102";
  EXPECT_EQ(WorklistModel::Title(item), "Lee\n2026-01-02");
  for (const auto& [written, shown] : std::map<std::string, QString>{{"PHANTOM^north-001", "PHANTOM, north-001"},
                                                                     {"Lee^Ann^M.^^", "Lee, Ann, M."},
                                                                     {"Yamada^Tarou=X^Y=Z^Z", "Yamada, Tarou"},
                                                                     {"^", "case-7"},
                                                                     {"A=7", "A=7"}}) {
    item.patient = written;
    EXPECT_EQ(WorklistModel::Title(item), shown + "\n2026-01-02") << written;
  }
  EXPECT_EQ(WorklistModel::Finding(item), "no prediction, contour drawn");
  item.has_reference = false;
  EXPECT_EQ(WorklistModel::Finding(item), "no prediction yet");
  item.has_prediction = true;
  item.lesions = -1;
  EXPECT_EQ(WorklistModel::Finding(item), "predicted; open to count");
  item.lesions = 0;
  EXPECT_EQ(WorklistModel::Finding(item), "no lesion found");
  item.lesions = 1;
  item.volume_ml = 4.21;
  item.dice = 0.8;
  EXPECT_EQ(WorklistModel::Finding(item), "1 lesion, 4.2 ml, Dice 0.80");
}

TEST(KeyTable, NoKeyAndNoCommandIsThereTwice) {
  QSet<QString> sequences;
  QSet<int> commands;
  for (const Key& key : Keys()) {
    EXPECT_FALSE(sequences.contains(key.sequence)) << key.sequence.toStdString();
    EXPECT_FALSE(commands.contains(static_cast<int>(key.command))) << key.words.toStdString();
    EXPECT_FALSE(key.words.isEmpty());
    sequences.insert(key.sequence);
    commands.insert(static_cast<int>(key.command));
  }
  EXPECT_EQ(commands.size(), static_cast<int>(Command::kKeys) + 1) << "a command has no key";
}

}  // namespace
}  // namespace consilium
