// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "core/model/model_card.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <limits>

#include "core/base/file_store.h"
#include "core/model/safetensors.h"
#include "tests/support/expect_error.h"
#include "tests/support/temporary_folder.h"

namespace consilium {
namespace {

ModelCard SmallCard() {
  ModelCard card;
  card.network.features = {4, 8};
  card.prep.spacing_mm = 3.3;
  card.prep.pet_low = 0.1;  // no double of few digits: must come back bit for bit
  card.patch = 32;
  card.federation = FederationId("Sarcoma Network \"ü\"");
  card.run = RunId("sarcoma-1");
  card.version = ModelVersion(7);
  card.seed = std::numeric_limits<std::uint64_t>::max();
  card.parent = DigestOf("parent");
  card.sites = 3;
  card.samples = 41;
  return card;
}

std::string Replaced(std::string text, const std::string& from, const std::string& to) {
  const auto at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from << " in " << text;
  return text.replace(at, from.size(), to);
}

void ExpectBadCard(const std::string& json, std::string_view words) {
  ExpectError(ErrorCode::kInvalidArgument, words, [&] { ModelCardFromJson(json, "m.safetensors"); });
}

TEST(ModelCardTest, JsonRoundTrip) {
  const ModelCard card = SmallCard();
  EXPECT_EQ(ModelCardFromJson(ToJson(card), "x"), card);
  EXPECT_EQ(ModelCardFromJson(ToJson(card), "x").prep.digest(), card.prep.digest());
}

TEST(ModelCardTest, AnOldCardWithoutAPatchGetsTheUsualOne) {
  const std::string old = Replaced(ToJson(SmallCard()), "\"patch\":32,", "");
  EXPECT_EQ(ModelCardFromJson(old, "x").patch, 48);
}

TEST(ModelCardTest, ACardNamesItsLabelAndAnOldOneMeansTheTumour) {
  ModelCard card = SmallCard();
  EXPECT_EQ(ModelCardFromJson(Replaced(ToJson(card), "\"label\":\"SCT 108369006 Neoplasm\",", ""), "x"), card);
  card.label = "SCT 10200004 Liver";
  EXPECT_EQ(ModelCardFromJson(ToJson(card), "x").Label(), (CodedConcept{"10200004", "SCT", ""}));
  ExpectBadCard(Replaced(ToJson(card), "SCT 10200004 Liver", "liver"), "`liver` is no code of a label");
}

TEST(ModelCardTest, AnOldCardDescribesThePlainNetwork) {
  const ModelCard card = SmallCard();
  const std::string old =
      Replaced(Replaced(ToJson(card), "\"architecture\":\"plain_conv_unet\",", ""), "\"blocks_per_stage\":[],", "");
  EXPECT_EQ(ModelCardFromJson(old, "x"), card);
}

TEST(ModelFileTest, EveryArchitectureRoundTrips) {
  for (const NetworkSpec& network :
       {NetworkSpec{.architecture = "res_enc_unet", .features = {4, 8}, .blocks_per_stage = {1, 2}},
        NetworkSpec{.architecture = "seg_res_net", .features = {8, 16}, .deep_supervision = false}}) {
    ModelCard card = SmallCard();
    card.network = network;
    const auto bytes = SerializeModel(card, InitialParameters(network, 3));
    EXPECT_EQ(ParseModel(bytes, "m").card, card);
    // The same arrays under the card of another architecture are refused.
    ModelCard other = card;
    other.network = {.features = {4, 8}};
    ExpectError(ErrorCode::kInvalidArgument, "is missing",
                [&] { ParseModel(SerializeModel(other, InitialParameters(network, 3)), "m"); });
  }
}

TEST(NetworkSpecTest, APatchIsAMultipleOfTheGridFactorWithTwoVoxelsOnTheCoarsestGrid) {
  NetworkSpec network;
  network.features = {4, 8, 16, 32};
  EXPECT_EQ(network.PatchFrom(48), 48);
  EXPECT_EQ(network.PatchFrom(41), 48);
  EXPECT_EQ(network.PatchFrom(8), 16);
  EXPECT_EQ(network.PatchFrom(-5), 16);
  network.features = {4, 8, 16, 32, 64, 64};
  EXPECT_EQ(network.PatchFrom(48), 64);
  network.features.push_back(64);
  EXPECT_EQ(network.PatchFrom(48), 128);
}

TEST(ModelCardTest, BadCardsAreRefusedInWords) {
  const std::string good = ToJson(SmallCard());
  ExpectBadCard("", "model card of m.safetensors: it is no valid JSON");
  ExpectBadCard("[]", "it is no JSON object");
  ExpectBadCard(std::string(100'000, '['), "it is no valid JSON");
  ExpectBadCard(Replaced(good, "\"format\":1", "\"format\":2"), "it has format 2, this program knows 1");
  ExpectBadCard(Replaced(good, "\"sites\":3", "\"sitez\":3"), "`sites` is missing");
  ExpectBadCard(Replaced(good, "\"sites\":3", "\"sites\":\"3\""), "`sites` has the wrong type");
  ExpectBadCard(Replaced(good, "\"sites\":3", "\"sites\":-3"), "a count is negative");
  ExpectBadCard(Replaced(good, "\"sites\":3", "\"sites\":18446744073709551615"), "`sites` has the wrong type");
  ExpectBadCard(Replaced(good, "\"sites\":3", "\"sites\":3,\"more\":1"), "unknown field `more`");
  ExpectBadCard(Replaced(good, "[4,8]", "[4,\"8\"]"), "`features` has the wrong type");
  ExpectBadCard(Replaced(good, "[4,8]", "[4]"), "network.features names 1 stages");
  ExpectBadCard(Replaced(good, "plain_conv_unet", "swin_unetr"), "network.architecture is `swin_unetr`");
  ExpectBadCard(Replaced(good, "plain_conv_unet", "seg_res_net"), "seg_res_net needs a multiple of 8");
  ExpectBadCard(Replaced(good, "\"spacing_mm\":3.3", "\"spacing_mm\":0"), "prep.spacing_mm must lie between");
  for (const char* patch : {"33", "2", "514", "0", "-32"}) {
    ExpectBadCard(Replaced(good, "\"patch\":32", std::string("\"patch\":") + patch),
                  std::string("`patch` is ") + patch + "; it must be a multiple of 2, at least twice that");
  }
  ExpectBadCard(Replaced(good, "\"version\":7", "\"version\":-1"), "`version` is negative");
  ExpectBadCard(Replaced(good, "sarcoma-1", "sarcoma\\n1"), "`run` is no identifier");
  ExpectBadCard(Replaced(good, DigestOf("parent").Hex(), "abc"), "64 hexadecimal digits");
}

TEST(ModelFileTest, RoundTripAndDigest) {
  const ModelCard card = SmallCard();
  const Parameters parameters = InitialParameters(card.network, 2);
  const auto bytes = SerializeModel(card, parameters);
  const GlobalModel model = ParseModel(bytes, "m");
  EXPECT_EQ(model.card, card);
  EXPECT_EQ(model.parameters, parameters);
  EXPECT_EQ(model.digest, DigestOf(bytes));
  EXPECT_EQ(SerializeModel(model.card, model.parameters), bytes);

  const TemporaryFolder folder;
  WriteFileDurably(folder / "m.safetensors", bytes);
  EXPECT_EQ(ReadModelFile(folder / "m.safetensors").digest, model.digest);
}

TEST(ModelFileTest, ArraysInAnotherOrderAreBroughtIntoTheNetworks) {
  const ModelCard card = SmallCard();
  const Parameters parameters = InitialParameters(card.network, 2);
  Parameters shuffled = parameters;
  std::reverse(shuffled.arrays.begin(), shuffled.arrays.end());
  EXPECT_EQ(ParseModel(SerializeModel(card, shuffled), "m").parameters, parameters);
}

TEST(ModelFileTest, WrongArraysAreNamed) {
  const ModelCard card = SmallCard();
  const auto refused = [&](std::string_view words, auto change) {
    Parameters parameters = InitialParameters(card.network, 2);
    change(parameters);
    ExpectError(ErrorCode::kInvalidArgument, words, [&] { ParseModel(SerializeModel(card, parameters), "m"); });
  };
  refused("m: the array `decoder.seg_layers.0.bias` is missing", [](Parameters& p) { p.arrays.pop_back(); });
  refused("m: its network has no array `extra`", [](Parameters& p) { p.arrays.push_back({"extra", {1}, {0}}); });
  refused("`decoder.seg_layers.0.bias` [1, 2], the model has `decoder.seg_layers.0.bias` [2]", [](Parameters& p) {
    p.arrays.back().shape = {1, 2};
  });
  refused("`decoder.seg_layers.0.bias` holds a NaN",
          [](Parameters& p) { p.arrays.back().values[0] = std::numeric_limits<float>::quiet_NaN(); });
}

TEST(ModelFileTest, AFileWithoutCardIsNoModel) {
  const auto bytes = SerializeParameters({{{"a", {1}, {1}}}}, {});
  ExpectError(ErrorCode::kInvalidArgument, "a.safetensors holds no model card",
              [&] { ParseModel(bytes, "a.safetensors"); });
}

}  // namespace
}  // namespace consilium
