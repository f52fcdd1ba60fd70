// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "tools/demo/result.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "core/base/file_store.h"

namespace consilium {
namespace {

using testing::HasSubstr;

DemoResult Example() {
  DemoResult result;
  result.seed = 7;
  result.model_digest = std::string(64, 'a');
  result.rounds = {{1, 2.5, 0.2, 0.9, {"coast", "north"}}, {2, 2.0, 0.6, 0.1, {"north"}}};
  result.federated = {3.2, 4};
  result.by_site = {{"coast", {1.5, 2}}, {"north", {1.7, 2}}};
  result.local = {{"coast", {0.5, 0.7, 60}}, {"north", {0.625, 0.75, 20}}};
  result.threshold_suv = 4.25;
  result.threshold_dice = 0.3;
  result.suv25_dice = 0.2;
  result.seg = {"demo/seg/a.dcm"};
  result.pictures = {"demo/pictures/a.png"};
  result.bytes_up = 13000000;
  result.bytes_down = 14000000;
  result.image_bytes = 126000000;
  result.seconds = {{"train", 100.0}, {"total", 130.0}};
  return result;
}

TEST(DemoResult, JsonHasTheKeysThatScriptsRead) {
  const auto json = nlohmann::json::parse(ToJson(Example()));
  EXPECT_EQ(json["seed"], 7);
  EXPECT_EQ(json["model_digest"], std::string(64, 'a'));
  ASSERT_EQ(json["rounds"].size(), 2U);
  EXPECT_EQ(json["rounds"][0]["round"], 1);
  EXPECT_EQ(json["rounds"][0]["sites"], (std::vector<std::string>{"coast", "north"}));
  EXPECT_DOUBLE_EQ(json["rounds"][1]["loss"], 0.1);
  EXPECT_DOUBLE_EQ(json["dice"]["federated"]["pooled"], 0.8);
  EXPECT_DOUBLE_EQ(json["dice"]["federated"]["by_site"]["coast"], 0.75);
  EXPECT_DOUBLE_EQ(json["dice"]["local"]["north"]["pooled"], 0.625);
  EXPECT_EQ(json["seg"][0], "demo/seg/a.dcm");
  EXPECT_EQ(json["pictures"][0], "demo/pictures/a.png");
  EXPECT_EQ(json["bytes"]["up"], 13000000);
  EXPECT_DOUBLE_EQ(json["seconds"]["total"], 130.0);
}

TEST(DemoResult, BestLocalIsTheBestOnEverybodysPatients) { EXPECT_EQ(Example().BestLocal(), "north"); }

TEST(DemoResult, TableNamesEachModelAndTheBytes) {
  const std::string text = ToText(Example());
  EXPECT_THAT(text, HasSubstr("north alone"));
  EXPECT_THAT(text, HasSubstr("together"));
  EXPECT_THAT(text, HasSubstr("0.80"));
  EXPECT_THAT(text, HasSubstr("SUV >= 4.25, best on training"));
  EXPECT_THAT(text, HasSubstr("126.0 MB of images stayed, 13.0 MB of updates went"));
}

TEST(DemoResult, PageLinksItsPicturesRelatively) {
  const auto dir = std::filesystem::temp_directory_path() / ("result-test-" + std::to_string(getpid()));
  std::filesystem::create_directories(dir / "pictures");
  DemoResult result = Example();
  result.pictures = {dir / "pictures" / "case.png"};
  WriteReport(result, dir / "report.html");
  const auto bytes = ReadFile(dir / "report.html");
  const std::string page(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  EXPECT_THAT(page, HasSubstr("src=\"pictures/case.png\""));
  EXPECT_THAT(page, HasSubstr("Research use only. Not for diagnosis."));
  EXPECT_THAT(page, HasSubstr("<polyline"));
  std::filesystem::remove_all(dir);
}

}  // namespace
}  // namespace consilium
