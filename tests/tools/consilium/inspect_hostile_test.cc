// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
// `consilium inspect` looks at files that came from elsewhere: each bad one is refused in words, and nothing in it
// reaches the terminal as a command.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <nlohmann/json.hpp>
#include <span>

#include "core/base/file_store.h"
#include "core/model/model_card.h"
#include "core/model/model_update.h"
#include "imaging/dicom/rtstruct_reader.h"
#include "imaging/dicom/seg_writer.h"
#include "imaging/dicom/series_reader.h"
#include "imaging/phantom/phantom.h"
#include "tests/support/temporary_folder.h"
#include "tests/tools/consilium/front_door.h"

namespace consilium {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using testing::AnyOf;
using testing::HasSubstr;
using testing::Not;

// A safetensors file with this header, as the format lays it out: its length in eight bytes, the header, the numbers.
std::string Safetensors(const std::string& header, std::size_t data_bytes = 4) {
  std::string file;
  for (int i = 0; i < 8; ++i) file.push_back(static_cast<char>((header.size() >> (8 * i)) & 0xFF));
  return file + header + std::string(data_bytes, '\0');
}

std::string OneArray(const std::string& name, const std::string& shape = "[1]", const std::string& offsets = "[0,4]",
                     const std::string& dtype = "F32") {
  return "{\"" + name + R"(":{"dtype":")" + dtype + R"(","shape":)" + shape + R"(,"data_offsets":)" + offsets + "}}";
}

class InspectHostile : public testing::Test {
 protected:
  Ran Inspect(std::string_view bytes, const std::string& how = "", const std::string& name = "f.bin") const {
    WriteFileDurably(folder_ / name, bytes);
    return RunConsilium("inspect " + how + " '" + (folder_ / name).string() + "'");
  }
  // Exit code 1 with "error: " and these words; never a crash, never a "bug".
  void ExpectRefused(std::string_view bytes, const std::string& words) const {
    const Ran ran = Inspect(bytes);
    SCOPED_TRACE(ran.err);
    EXPECT_EQ(ran.exit_code, 1);
    EXPECT_THAT(ran.err, HasSubstr("error: "));
    EXPECT_THAT(ran.err, HasSubstr("f.bin"));
    EXPECT_THAT(ran.err, HasSubstr(words));
    EXPECT_THAT(ran.err, Not(HasSubstr("This is a bug")));
    EXPECT_THAT(ran.err, Not(HasSubstr("\x1b")));
  }
  static std::string Text(std::span<const std::byte> bytes) {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
  }
  TemporaryFolder folder_;
};

TEST_F(InspectHostile, AModelCutAnywhereIsRefused) {
  ModelCard card;
  card.network.features = {2, 4};
  const std::string whole = Text(SerializeModel(card, InitialParameters(card.network, 1)));
  ASSERT_EQ(Inspect(whole).exit_code, 0);
  std::uint64_t header = 0;
  std::memcpy(&header, whole.data(), 8);
  for (const std::size_t kept : {std::size_t{9}, std::size_t{8 + header / 2}, std::size_t{8 + header - 1}}) {
    ExpectRefused(whole.substr(0, kept), "no valid safetensors file");
  }
  ExpectRefused(whole.substr(0, 8 + header), "it is cut: 0 bytes of data");
  ExpectRefused(whole.substr(0, whole.size() - 1), "it is cut");
  ExpectRefused(whole + "x", "f.bin");
  ExpectRefused(whole.substr(0, 8), "neither a model, nor an update, nor a SEG");
  ExpectRefused("", "neither a model, nor an update, nor a SEG");
}

TEST_F(InspectHostile, AHeaderThatLiesIsRefused) {
  std::string huge = Safetensors(OneArray("a"));
  huge[7] = '\x40';
  ExpectRefused(huge, "its header would have 46116860184273879");
  ExpectRefused(Safetensors("{\"a\":" + std::string(50'000, '[')), "f.bin");
  ExpectRefused(Safetensors(OneArray("a", "[1099511627776,1099511627776]")), "the shape of `a` is too large");
  ExpectRefused(Safetensors(OneArray("a", "[2]")), "`a`");
  ExpectRefused(Safetensors(OneArray("a", "[1]", "[4,8]"), 8), "`a`");
  ExpectRefused(Safetensors(OneArray("a", "[1]", "[8,4]"), 8), "`a`");
  ExpectRefused(Safetensors(OneArray("a", "[-1]")), "negative number");
  ExpectRefused(Safetensors(OneArray("a", "[1]", "[0,8]", "F64"), 8), "only F32 is supported");
  ExpectRefused(Safetensors(OneArray("a", "[1]", "[0,4]", "F1")), "f.bin");
  ExpectRefused(Safetensors("{}x"), "no JSON");
}

TEST_F(InspectHostile, ACardOrHeaderOfAnUpdateThatCannotBeReadIsSaidAfterTheArrays) {
  const auto with = [](const std::string& key, const std::string& value) {
    return Safetensors(json{{"__metadata__", {{key, value}}},
                            {"weights", {{"dtype", "F32"}, {"shape", {1}}, {"data_offsets", {0, 4}}}}}
                           .dump());
  };
  for (const char* value : {"{", "[]", "{\"run\": 7}"}) {
    for (const char* key : {"consilium.card", "consilium.update"}) {
      SCOPED_TRACE(std::string(key) + " " + value);
      const Ran ran = Inspect(with(key, value));
      EXPECT_EQ(ran.exit_code, 1);
      EXPECT_THAT(ran.out, HasSubstr("weights")) << "what is there is shown all the same";
      EXPECT_THAT(ran.err, HasSubstr("f.bin"));
      EXPECT_THAT(ran.err, Not(HasSubstr("This is a bug")));
    }
  }
}

TEST_F(InspectHostile, NamesDoNotMoveTheTerminalsCursor) {
  const std::string name = R"(a\u001b[2J\u0007\nroot)";
  const Ran shown = Inspect(Safetensors(OneArray(name)));
  EXPECT_EQ(shown.exit_code, 0) << shown.err;
  EXPECT_THAT(shown.out, HasSubstr("a?[2J??root"));
  EXPECT_THAT(shown.out, Not(AnyOf(HasSubstr("\x1b"), HasSubstr("\x07"))));
  ExpectRefused(Safetensors(OneArray(name, "[2]")), "a?[2J??root");
  const Ran as_json = Inspect(Safetensors(OneArray(name)), "--json");
  EXPECT_EQ(json::parse(as_json.out).at("arrays").at(0).at("name"), "a\x1b[2J\x07\nroot");
  EXPECT_THAT(as_json.out, Not(HasSubstr("\x1b")));
}

TEST_F(InspectHostile, AFileWhoseNameIsNotUtf8IsShownInJsonToo) {
  const Ran ran = Inspect(Safetensors(OneArray("a")), "--json", "bad\xff.bin");
  ASSERT_EQ(ran.exit_code, 0) << ran.err;
  EXPECT_THAT(json::parse(ran.out).at("file").get<std::string>(), HasSubstr("bad\xEF\xBF\xBD.bin"));
}

TEST_F(InspectHostile, AnEmptyContainerAndAFolderAreNamed) {
  const Ran none = Inspect(Safetensors("{}", 0));
  EXPECT_EQ(none.exit_code, 0) << none.err;
  EXPECT_THAT(none.out, HasSubstr("0 numbers in 0 arrays"));
  const Ran folder = RunConsilium("inspect '" + folder_.path().string() + "'");
  EXPECT_EQ(folder.exit_code, 1);
  EXPECT_THAT(folder.err, HasSubstr("it is no file"));
}

TEST_F(InspectHostile, ASegCutAnywhereIsRefused) {
  WritePhantoms({.dir = folder_ / "p", .patients = 1, .style = "valley", .seed = 3});
  const fs::path pet = folder_ / "p/valley-001/PET";
  const Series series = ReadSeries(pet / "image", {});
  WriteSeg(folder_ / "s.dcm", series, ToLabelMap(ReadRtStruct(pet / "RTSTRUCT.dcm"), "GTV*", series.geometry), {});
  const std::string whole = Text(ReadFile(folder_ / "s.dcm"));
  ASSERT_EQ(Inspect(whole).exit_code, 0);
  for (const std::size_t kept : {std::size_t{132}, std::size_t{140}, std::size_t{300}, std::size_t{1500},
                                 whole.size() / 2, whole.size() - 100, whole.size() - 2}) {
    ExpectRefused(whole.substr(0, kept), "Export the file again");
  }
  std::string turned = whole;  // another SOP class: a DICOM file all the same
  for (std::size_t at = 0; (at = turned.find("1.2.840.10008.5.1.4.1.1.66.4", at)) != std::string::npos; ++at) {
    turned[at + 27] = '5';
  }
  ExpectRefused(turned, "is not a DICOM SEG");
}

}  // namespace
}  // namespace consilium
