// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "gui/link/panel_codec.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>
#include <limits>

#include "core/base/error.h"

namespace consilium {
namespace {

TEST(StateFromMessage, TellsOfStudiesThatCannotBeUsed) {
  v1::PanelState state;
  state.mutable_studies()->set_studies(9);
  state.mutable_studies()->set_quarantined(2);
  (*state.mutable_studies()->mutable_reasons())["no-suv"] = 2;
  *state.mutable_federation()->add_sites()->mutable_studies() = state.studies();
  const FederationView view = StateFromMessage(state);
  EXPECT_EQ(view.studies, (StudyCounts{9, 2, {{"no-suv", 2}}}));
  EXPECT_EQ(view.sites.at(0).studies, "2 quarantined (2 no-suv)");
  state.mutable_studies()->set_quarantined(1);
  EXPECT_THROW(StateFromMessage(state), Error) << "numbers that do not agree";
}

using ::testing::HasSubstr;

template <class Function>
std::string WordsOf(Function function) {
  try {
    function();
  } catch (const Error& error) {
    return std::string(error.what()) + "\n" + error.next_step();
  }
  return "nothing was refused";
}

// 2 x 3 x 4 voxels.
void Fill(v1::GridMessage& grid) {
  for (const int edge : {2, 3, 4}) grid.add_size(edge);
  for (int axis = 0; axis < 3; ++axis) {
    grid.add_spacing_mm(2.5);
    grid.add_origin_mm(10 * axis);
    for (int other = 0; other < 3; ++other) grid.add_direction(axis == other ? 1 : 0);
  }
}

v1::CaseReply Reply() {
  v1::CaseReply reply;
  reply.mutable_summary()->set_id("case-a");
  reply.mutable_summary()->set_patient("Lee");
  reply.mutable_summary()->set_model("0a");
  reply.mutable_summary()->set_lesions(1);
  v1::ImageInfo& image = *reply.add_images();
  image.set_modality("PT");
  Fill(*image.mutable_grid());
  for (int k = 0; k < 4; ++k) {
    image.add_slope(0.5F + static_cast<float>(k));
    image.add_intercept(-1);
  }
  v1::PredictionMessage& prediction = *reply.mutable_prediction();
  prediction.set_model("0a");
  prediction.set_version(7);
  prediction.set_dice(0.5);
  Fill(*prediction.mutable_labels()->mutable_grid());
  for (const std::uint32_t length : {20U, 4U}) prediction.mutable_labels()->add_run_length(length);
  prediction.mutable_labels()->set_run_label(std::string("\0\1", 2));
  v1::LesionMessage& lesion = *prediction.add_lesions();
  lesion.set_number(1);
  lesion.set_volume_ml(0.25);
  for (int axis = 0; axis < 3; ++axis) lesion.add_centroid_mm(axis);
  return reply;
}

TEST(PanelCodec, ACaseComesOutWhole) {
  const CaseContent content = ContentFromMessage(Reply());
  EXPECT_EQ(content.item.patient, "Lee");
  EXPECT_TRUE(content.item.has_prediction);
  ASSERT_EQ(content.images.size(), 1);
  EXPECT_EQ(content.images[0].modality, Modality::kPet);
  EXPECT_EQ(content.images[0].grid.size, (Size3{2, 3, 4}));
  EXPECT_EQ(content.images[0].slope[3], 3.5F);
  ASSERT_TRUE(content.prediction);
  EXPECT_EQ(content.prediction->labels.CountNonZero(), 4);
  EXPECT_EQ(content.prediction->labels.voxels[20], 1);
  EXPECT_EQ(content.model_version, 7);
  EXPECT_EQ(content.dice, -1) << "a Dice without a contour says nothing";
}

TEST(PanelCodec, ACaseWithoutAModelHasNoPrediction) {
  v1::CaseSummary summary;
  summary.set_id("case-a");
  EXPECT_FALSE(ItemFromMessage(summary).has_prediction);
}

TEST(PanelCodec, BadCasesAreRefusedWithWords) {
  const auto words = [](auto spoil) {
    v1::CaseReply reply = Reply();
    spoil(reply);
    return WordsOf([&] { ContentFromMessage(reply); });
  };
  EXPECT_THAT(words([](v1::CaseReply& r) { r.mutable_summary()->clear_id(); }), HasSubstr("a case without an id"));
  EXPECT_THAT(words([](v1::CaseReply& r) { r.clear_images(); }), HasSubstr("a case without images"));
  EXPECT_THAT(words([](v1::CaseReply& r) { r.mutable_images(0)->set_modality("MR"); }),
              HasSubstr("another kind than PET and CT"));
  EXPECT_THAT(words([](v1::CaseReply& r) { r.mutable_images(0)->add_slope(1); }),
              HasSubstr("slopes do not belong to its slices"));
  EXPECT_THAT(words([](v1::CaseReply& r) { r.mutable_images(0)->mutable_grid()->clear_direction(); }),
              HasSubstr("grid is incomplete"));
  EXPECT_THAT(words([](v1::CaseReply& r) { r.mutable_images(0)->mutable_grid()->set_size(1, 0); }),
              HasSubstr("an edge of 0 voxels"));
  EXPECT_THAT(words([](v1::CaseReply& r) {
                for (int axis = 0; axis < 3; ++axis) r.mutable_images(0)->mutable_grid()->set_size(axis, 65535);
              }),
              HasSubstr("too many voxels"));
  EXPECT_THAT(words([](v1::CaseReply& r) { r.mutable_prediction()->mutable_labels()->add_run_length(1); }),
              HasSubstr("another number of runs"));
  EXPECT_NE(words([](v1::CaseReply& r) { r.mutable_prediction()->mutable_labels()->set_run_length(0, 21); }),
            "nothing was refused");
}

TEST(PanelCodec, SlabsMustBeWholeSlicesOfTheImage) {
  const ImageHeader header = ContentFromMessage(Reply()).images[0];
  v1::ImageSlab slab;
  slab.set_slice(2);
  slab.set_slices(2);
  slab.set_voxels(std::string(2 * 6 * 2, '\0'));
  (*slab.mutable_voxels())[2] = '\x01';
  (*slab.mutable_voxels())[3] = '\x02';
  const Slab read = SlabFromMessage(slab, "case-a", header);
  EXPECT_EQ(read.first_slice, 2);
  ASSERT_EQ(read.voxels.size(), 12);
  EXPECT_EQ(read.voxels[1], 0x0201);

  const auto words = [&] { return WordsOf([&] { SlabFromMessage(slab, "case-a", header); }); };
  for (const std::int64_t slice : {std::int64_t{-1}, std::int64_t{3}, std::numeric_limits<std::int64_t>::max()}) {
    slab.set_slice(slice);
    EXPECT_THAT(words(), HasSubstr("slices that the image does not have")) << slice;
  }
  slab.set_slice(0);
  for (const std::int64_t slices : {std::int64_t{-1}, std::int64_t{5}, std::numeric_limits<std::int64_t>::max()}) {
    slab.set_slices(slices);
    EXPECT_THAT(words(), HasSubstr("slices that the image does not have")) << slices;
  }
  slab.set_slices(2);
  slab.mutable_voxels()->pop_back();
  EXPECT_THAT(words(), HasSubstr("half a slice"));
}

class StateFile : public ::testing::Test {
 protected:
  void TearDown() override { std::filesystem::remove(file_); }
  FederationView Read(const std::string& text) {
    std::ofstream(file_) << text;
    return ReadStateFile(file_);
  }
  std::filesystem::path file_ =
      std::filesystem::path(testing::TempDir()) / ("state_" + std::to_string(getpid()) + ".json");
};

TEST_F(StateFile, IsTheHubsJson) {
  const FederationView view = Read(R"({"federation": "tumours", "word_of_a_newer_hub": 1,
    "run": {"run": "run-3", "phase": "training", "round": "2", "rounds": "5",
            "history": [{"round": "1", "dice": 0.25, "sites": ["north"]}]},
    "sites": [{"site": "north", "state": "connected", "dice": 0.5}]})");
  EXPECT_EQ(view.federation, "tumours");
  EXPECT_EQ(view.run, "run-3");
  EXPECT_EQ(view.rounds, 5);
  ASSERT_EQ(view.history.size(), 1);
  EXPECT_EQ(view.history[0].dice, 0.25);
  ASSERT_EQ(view.sites.size(), 1);
  EXPECT_EQ(view.sites[0].state, "connected");
}

TEST_F(StateFile, MistakesAreSaid) {
  EXPECT_THAT(WordsOf([] { ReadStateFile("/nowhere/state.json"); }), HasSubstr("cannot open the state file"));
  const std::string text = WordsOf([this] { Read("not json"); });
  EXPECT_THAT(text, HasSubstr("holds no federation's state"));
  EXPECT_THAT(text, HasSubstr("the JSON form of the message FederationState"));
  EXPECT_THAT(WordsOf([this] { Read(R"({"run": {"round": "two"}})"); }), HasSubstr("holds no federation's state"));
  EXPECT_THAT(WordsOf([this] { Read(R"({"run": {"model": "AAAA"}})"); }), HasSubstr("3 bytes instead of 32"));
}

}  // namespace
}  // namespace consilium
