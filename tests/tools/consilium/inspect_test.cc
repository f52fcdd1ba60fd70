// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

#include "core/base/file_store.h"
#include "core/model/model_card.h"
#include "core/model/model_update.h"
#include "core/model/safetensors.h"
#include "imaging/dicom/rtstruct_reader.h"
#include "imaging/dicom/seg_writer.h"
#include "imaging/dicom/series_reader.h"
#include "imaging/phantom/phantom.h"
#include "tests/tools/consilium/front_door.h"

namespace consilium {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
namespace fs = std::filesystem;

class Inspect : public testing::Test {
 protected:
  void SetUp() override { fs::create_directories(dir_); }
  void TearDown() override { fs::remove_all(dir_); }

  std::string Write(const std::string& name, std::span<const std::byte> bytes) const {
    WriteFileDurably(dir_ / name, bytes);
    return (dir_ / name).string();
  }

  static ModelCard Card() {
    ModelCard card;
    card.network.features = {2, 4};
    card.patch = 32;
    card.federation = FederationId("tumours");
    card.run = RunId("run-7");
    card.version = ModelVersion(3);
    card.seed = 11;
    card.sites = 3;
    card.samples = 27;
    return card;
  }

  static ModelUpdate Update() {
    ModelUpdate update;
    update.id = {RunId("run-7"), RoundNumber(4), SiteId("north"), 2};
    update.base = DigestOf("the model");
    update.metrics.samples = 9;
    update.metrics.steps = 120;
    update.metrics.loss = -0.5;
    update.metrics.validation = {.sum = 1.5, .cases = 2};
    update.delta.arrays = {{"a.weight", {2, 2}, {3, 0, 0, -4}}, {"a.bias", {1}, {12}}};
    return update;
  }

  fs::path dir_ = fs::path(testing::TempDir()) / ("inspect_test_" + std::to_string(getpid()));
};

TEST_F(Inspect, AModel) {
  const ModelCard card = Card();
  const std::vector<std::byte> bytes = SerializeModel(card, InitialParameters(card.network, card.seed));
  const Ran ran = RunConsilium("inspect " + Write("m.safetensors", bytes));
  EXPECT_EQ(ran.exit_code, 0) << ran.err;
  for (const std::string& words :
       {std::string("m.safetensors: a model"), DigestOf(bytes).Hex(), std::string("all finite"),
        std::string("federation  tumours, run run-7, version 3"), std::string("parent      none"),
        std::string("27 patients of 3 hospitals, seed 11"), std::string("features 2 4"), std::string("4 mm; SUV 1.04"),
        card.prep.digest().Short(), LayoutOf(card.network).front().name, std::string("tiles of 32 voxels"),
        std::string("2 x 2 x 3 x 3 x 3")}) {
    EXPECT_THAT(ran.out, HasSubstr(words));
  }
}

TEST_F(Inspect, EveryNetworkIsNamedWithItsBlocks) {
  ModelCard card = Card();
  const auto shown = [&] {
    return RunConsilium("inspect " +
                        Write("m.safetensors", SerializeModel(card, InitialParameters(card.network, card.seed))));
  };
  EXPECT_THAT(shown().out, HasSubstr("plain_conv_unet, features 2 4, 2 convolutions a stage, 2 channels in"));
  card.network = {.architecture = "res_enc_unet", .features = {2, 4}, .convs_per_stage = 1};
  const Ran residual = shown();
  EXPECT_EQ(residual.exit_code, 0) << residual.err;
  EXPECT_THAT(residual.out,
              HasSubstr("res_enc_unet, features 2 4, residual blocks 1 3, 1 convolution a decoder stage"));
  EXPECT_THAT(residual.out, HasSubstr("encoder.stages.1.blocks.0.skip.1.conv.weight"));
  card.network = {.architecture = "seg_res_net", .features = {8, 16}, .deep_supervision = false};
  const Ran segresnet = shown();
  EXPECT_EQ(segresnet.exit_code, 0) << segresnet.err;
  EXPECT_THAT(segresnet.out,
              HasSubstr("seg_res_net, features 8 16, residual blocks 1 2, 2 convolutions a block, 2 channels in, "
                        "2 classes\n"));
  EXPECT_THAT(segresnet.out, HasSubstr("down_layers.1.0.conv.weight"));
  const auto json = nlohmann::json::parse(RunConsilium("inspect --json " + (dir_ / "m.safetensors").string()).out);
  EXPECT_EQ(json.at("card").at("network").at("architecture"), "seg_res_net");
  EXPECT_EQ(json.at("arrays").at(0).at("name"), "convInit.conv.weight");
}

TEST_F(Inspect, APyTorchCheckpointIsNeverOpened) {
  for (const std::string& begin : {std::string("PK\x03\x04"), std::string("\x80\x02}q"), std::string("\x80\x05")}) {
    const std::string content = begin + std::string(40, '\0');
    const Ran ran = RunConsilium("inspect " + Write("final.pth", std::as_bytes(std::span(content))));
    EXPECT_EQ(ran.exit_code, 1);
    EXPECT_THAT(ran.err, HasSubstr("final.pth looks like a PyTorch checkpoint. It would have to be unpickled"));
    EXPECT_THAT(ran.err, HasSubstr("tools/convert_weights.py"));
  }
}

TEST_F(Inspect, AModelAsJson) {
  const ModelCard card = Card();
  const Parameters parameters = InitialParameters(card.network, card.seed);
  const std::vector<std::byte> bytes = SerializeModel(card, parameters);
  const Ran ran = RunConsilium("inspect --json " + Write("m.safetensors", bytes));
  ASSERT_EQ(ran.exit_code, 0) << ran.err;
  const auto json = nlohmann::json::parse(ran.out);
  EXPECT_EQ(json.at("kind"), "model");
  EXPECT_EQ(json.at("digest"), DigestOf(bytes).Hex());
  EXPECT_EQ(json.at("numbers"), parameters.Count());
  EXPECT_NEAR(json.at("norm").get<double>(), parameters.Norm(), 1e-9 * parameters.Norm());
  EXPECT_EQ(json.at("arrays").size(), parameters.arrays.size());
  EXPECT_EQ(json.at("card").at("run"), "run-7");
  EXPECT_EQ(json.at("problem"), "");
}

TEST_F(Inspect, AnUpdate) {
  const std::string file = Write("u.safetensors", SerializeUpdate(Update()));
  const Ran ran = RunConsilium("inspect " + file);
  EXPECT_EQ(ran.exit_code, 0) << ran.err;
  for (const char* words :
       {"an update", "5 numbers in 2 arrays", "norm        13, all finite", "run run-7, round 4, site north, attempt 2",
        "9 patients, 120 steps, loss -0.5000", "Dice 0.7500 over 2 patients", "a.weight", "2 x 2"}) {
    EXPECT_THAT(ran.out, HasSubstr(words));
  }
  EXPECT_THAT(ran.out, HasSubstr(DigestOf("the model").Hex()));
  const auto json = nlohmann::json::parse(RunConsilium("inspect --json " + file).out);
  EXPECT_EQ(json.at("update").at("site"), "north");
  EXPECT_EQ(json.at("arrays").at(0).at("lowest"), -4);
  EXPECT_EQ(json.at("arrays").at(0).at("norm"), 5);
}

TEST_F(Inspect, WhatTheProgramWouldRefuseIsShownAndSaid) {
  ModelUpdate update = Update();
  update.delta.arrays[0].values[1] = std::numeric_limits<float>::quiet_NaN();
  const Ran nan = RunConsilium("inspect " + Write("nan.safetensors", SerializeUpdate(update)));
  EXPECT_EQ(nan.exit_code, 1);
  EXPECT_THAT(nan.out, HasSubstr("1 NOT FINITE"));
  EXPECT_THAT(nan.out, HasSubstr("a.weight (1 not finite)"));
  EXPECT_THAT(nan.err, HasSubstr("error: nan.safetensors"));

  const Ran other = RunConsilium("inspect " + Write("o.safetensors", SerializeModel(Card(), Update().delta)));
  EXPECT_EQ(other.exit_code, 1);
  EXPECT_THAT(other.out, HasSubstr("version 3"));
  EXPECT_THAT(other.err, HasSubstr("is missing"));
}

TEST_F(Inspect, ArraysOfAnotherProgramAreShown) {
  const Ran ran = RunConsilium("inspect " + Write("x.safetensors", SerializeParameters(Update().delta, {})));
  EXPECT_EQ(ran.exit_code, 0) << ran.err;
  EXPECT_THAT(ran.out, HasSubstr("arrays of another program"));
}

TEST_F(Inspect, OtherFilesAreRefusedWithWords) {
  const std::string text = "patient list, not a model at all";
  const Ran ran = RunConsilium("inspect " + Write("t.txt", std::as_bytes(std::span(text))));
  EXPECT_EQ(ran.exit_code, 1);
  EXPECT_THAT(ran.err, HasSubstr("t.txt is neither a model, nor an update, nor a SEG"));
  EXPECT_THAT(ran.err, HasSubstr("Give a .safetensors file"));
  const Ran gone = RunConsilium("inspect " + (dir_ / "gone").string());
  EXPECT_EQ(gone.exit_code, 1);
  EXPECT_THAT(gone.err, HasSubstr("gone"));
  std::vector<std::byte> cut = SerializeUpdate(Update());
  cut.resize(cut.size() - 3);
  const Ran damaged = RunConsilium("inspect " + Write("cut.safetensors", cut));
  EXPECT_EQ(damaged.exit_code, 1);
  EXPECT_THAT(damaged.err, HasSubstr("cut.safetensors"));
}

// A phantom's contour as a hospital's SEG, and one that a model made.
class InspectSeg : public Inspect {
 protected:
  void SetUp() override {
    Inspect::SetUp();
    WritePhantoms({.dir = dir_ / "phantoms", .patients = 1, .style = "valley", .seed = 3});
    patient_ = dir_ / "phantoms" / "valley-001";
    series_ = ReadSeries(patient_ / "PET" / "image", {});
    mask_ = ToLabelMap(ReadRtStruct(patient_ / "PET" / "RTSTRUCT.dcm"), "GTV*", series_.geometry);
    std::int64_t in_slice = series_.geometry.size.x * series_.geometry.size.y;
    for (std::int64_t k = 0; k < series_.geometry.size.z; ++k) {
      const auto first = mask_.voxels.begin() + k * in_slice;
      if (std::any_of(first, first + in_slice, [](std::uint8_t v) { return v != 0; })) ++slices_;
    }
    ASSERT_GT(slices_, 0);
  }

  fs::path patient_;
  Series series_;
  LabelMap mask_;
  std::int64_t slices_ = 0;  // that hold tumour
};

TEST_F(InspectSeg, TellsSegmentsFramesAndTheModel) {
  SegDescription description;
  description.model_digest = DigestOf("the model");
  const fs::path file = dir_ / "p.dcm";
  WriteSeg(file, series_, mask_, description);
  const Ran ran = RunConsilium("inspect " + file.string());
  ASSERT_EQ(ran.exit_code, 0) << ran.err;
  for (const std::string& words :
       {std::string("p.dcm: a DICOM SEG"), DigestOf(ReadFile(file)).Hex(), std::string("Tumour"),
        std::to_string(slices_) + " frames of " + std::to_string(series_.geometry.size.x) + " x ",
        std::string("series present, frame of reference present"),
        "Consilium, model " + description.model_digest.Short()}) {
    EXPECT_THAT(ran.out, HasSubstr(words));
  }
  const auto json = nlohmann::json::parse(RunConsilium("inspect --json " + file.string()).out);
  EXPECT_EQ(json.at("kind"), "seg");
  EXPECT_EQ(json.at("frames"), slices_);
  EXPECT_EQ(json.at("references_series"), true);
  ASSERT_EQ(json.at("segments").size(), 1);
  EXPECT_EQ(json.at("segments").at(0).at("label"), "Tumour");
}

TEST_F(InspectSeg, SaysNothingOfThePatient) {
  const fs::path file = dir_ / "p.dcm";
  SegDescription description;
  description.origin = SegOrigin::kManual;
  WriteSeg(file, series_, mask_, description);
  for (const char* how : {"inspect ", "inspect --json "}) {
    const Ran ran = RunConsilium(how + file.string());
    ASSERT_EQ(ran.exit_code, 0) << ran.err;
    for (const PatientText* text : {&series_.info.patient_id, &series_.info.series_uid, &series_.info.study_uid}) {
      ASSERT_FALSE(text->empty());
      EXPECT_THAT(ran.out, Not(HasSubstr(text->Reveal())));
    }
  }
  EXPECT_THAT(RunConsilium("inspect " + file.string()).out, HasSubstr("none: drawn by a person"));
}

TEST_F(InspectSeg, OtherDicomIsRefusedWithWords) {
  const Ran contour = RunConsilium("inspect " + (patient_ / "PET" / "RTSTRUCT.dcm").string());
  EXPECT_EQ(contour.exit_code, 1);
  EXPECT_THAT(contour.err, HasSubstr("is not a DICOM SEG"));
}

}  // namespace
}  // namespace consilium
