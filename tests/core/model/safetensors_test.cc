// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "core/model/safetensors.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <nlohmann/json.hpp>
#include <string>

#include "core/base/file_store.h"
#include "core/base/random.h"
#include "tests/core/oracles.h"
#include "tests/support/expect_error.h"
#include "tests/support/temporary_folder.h"

namespace consilium {
namespace {

std::vector<std::byte> File(const std::string& header, std::size_t data_bytes, std::uint64_t said_size) {
  std::vector<std::byte> bytes(8 + header.size() + data_bytes);
  std::memcpy(bytes.data(), &said_size, 8);
  std::memcpy(bytes.data() + 8, header.data(), header.size());
  return bytes;
}
std::vector<std::byte> File(const std::string& header, std::size_t data_bytes) {
  return File(header, data_bytes, header.size());
}

void ExpectRefused(const std::vector<std::byte>& bytes, std::string_view words) {
  ExpectError(ErrorCode::kInvalidArgument, words, [&] { ParseParameters(bytes, "north.safetensors"); });
}
void ExpectRefused(const std::string& header, std::size_t data_bytes, std::string_view words) {
  SCOPED_TRACE(header.substr(0, 200));
  ExpectRefused(File(header, data_bytes), words);
}

std::string Entry(const std::string& name, const std::string& shape, const std::string& offsets,
                  const std::string& dtype = "F32") {
  return "\"" + name + R"(":{"dtype":")" + dtype + R"(","shape":)" + shape + R"(,"data_offsets":)" + offsets + "}";
}

Parameters OurArrays() {
  return {{{"encoder.weight", {2, 3}, {0.5f, -1.25f, 3e-39f, 1e38f, -0.0f, 7}},
           {"b", {}, {42}},
           {"none", {0}, {}},
           {"quote\"\\é", {1, 1, 2}, {1, 2}}}};
}
const std::map<std::string, std::string> kOurMetadata{{"consilium.note", "{\"k\": \"ü\"}"}, {"a", "b"}};

// Bit for bit: -0 and 0 are not the same.
bool SameBits(const std::vector<float>& values, const nlohmann::json& expected) {
  if (values.size() != expected.size()) return false;
  for (std::size_t i = 0; i < values.size(); ++i) {
    const auto value = static_cast<float>(expected[i].get<double>());
    if (std::bit_cast<std::uint32_t>(values[i]) != std::bit_cast<std::uint32_t>(value)) return false;
  }
  return true;
}

void ExpectSame(const ParametersFile& file, const nlohmann::json& oracle) {
  EXPECT_EQ(nlohmann::json(file.metadata), oracle["metadata"]);
  ASSERT_EQ(file.parameters.arrays.size(), oracle["arrays"].size());
  for (const auto& array : file.parameters.arrays) {
    ASSERT_TRUE(oracle["arrays"].contains(array.name)) << array.name;
    const auto& expected = oracle["arrays"][array.name];
    EXPECT_EQ(nlohmann::json(array.shape), expected["shape"]) << array.name;
    EXPECT_TRUE(SameBits(array.values, expected["values"])) << array.name;
  }
}

TEST(SafetensorsTest, ReadsWhatThePythonPackageWrote) {
  ExpectSame(ReadParametersFile(OracleFile("core", "python.safetensors")), ReadOracleJson("core", "python.json"));
  const auto bytes = ReadFile(OracleFile("core", "python.safetensors"));
  ExpectSame(ParseParameters(bytes, "python"), ReadOracleJson("core", "python.json"));
}

TEST(SafetensorsTest, ThePythonPackageReadWhatWeWrite) {
  const auto bytes = SerializeParameters(OurArrays(), kOurMetadata);
  EXPECT_EQ(bytes, ReadFile(OracleFile("core", "ours.safetensors"))) << "the writer's bytes have changed";
  ExpectSame(ParseParameters(bytes, "ours"), ReadOracleJson("core", "ours.json"));
}

TEST(SafetensorsTest, RoundTripKeepsOrderBitsAndMetadata) {
  const auto bytes = SerializeParameters(OurArrays(), kOurMetadata);
  const ParametersFile file = ParseParameters(bytes, "x");
  EXPECT_EQ(file.parameters, OurArrays());
  EXPECT_EQ(file.metadata, kOurMetadata);
  EXPECT_EQ(SerializeParameters(file.parameters, file.metadata), bytes);
  EXPECT_EQ(ParseSafetensorsHeader(bytes, bytes.size(), "x").data_begin % 8, 0u);
}

TEST(SafetensorsTest, EmptyModelIsAFile) {
  const auto bytes = SerializeParameters({}, {});
  EXPECT_TRUE(ParseParameters(bytes, "x").parameters.arrays.empty());
}

TEST(SafetensorsTest, ArraysComeInFileOrderNotInTheOrderOfNames) {
  const std::string header = "{" + Entry("a", "[1]", "[4,8]") + "," + Entry("z", "[1]", "[0,4]") + "}";
  const auto file = ParseParameters(File(header, 8), "x");
  ASSERT_EQ(file.parameters.arrays.size(), 2u);
  EXPECT_EQ(file.parameters.arrays[0].name, "z");
}

TEST(SafetensorsTest, RefusesCutFiles) {
  ExpectRefused(std::vector<std::byte>{}, "north.safetensors is no valid safetensors file: it is shorter than 8 bytes");
  ExpectRefused(std::vector<std::byte>(7), "it is shorter than 8 bytes");
  ExpectRefused(std::vector<std::byte>(8), "its header does not begin with '{'");
  ExpectRefused(File("{}", 0, 3), "it is cut: its header has 3 bytes");
  ExpectRefused("{" + Entry("a", "[2]", "[0,8]") + "}", 7, "it is cut: 7 bytes of data, its header speaks of 8");
  ExpectRefused("{" + Entry("a", "[2]", "[0,8]") + "}", 9, "1 bytes after the last array belong to none");
  ExpectRefused("{}", 4, "4 bytes after the last array belong to none");
}

TEST(SafetensorsTest, RefusesHugeLengthsBeforeAllocating) {
  ExpectRefused(File("{}", 0, std::numeric_limits<std::uint64_t>::max()), "its header would have 18446744073709551615");
  ExpectRefused(File("{}", 0, (1u << 20) + 1), "at most 1048576 are allowed");
  // Terabytes by the shape; the file has four bytes. With an allocation this would end in bad_alloc.
  ExpectRefused("{" + Entry("a", "[1099511627776]", "[0,4398046511104]") + "}", 4, "it is cut: 4 bytes of data");
  ExpectRefused("{" + Entry("a", "[1099511627776]", "[0,4]") + "}", 4, "has 4 bytes, its shape needs 4398046511104");
  ExpectRefused("{" + Entry("a", "[4294967296,4294967296,4294967296]", "[0,4]") + "}", 4,
                "the shape of `a` is too large");
  // 2^62 * 4 wraps to 0 in 64 bits.
  ExpectRefused("{" + Entry("a", "[4611686018427387904]", "[0,0]") + "}", 0, "the shape of `a` is too large");
  ExpectRefused("{" + Entry("a", "[9223372036854775808]", "[0,4]") + "}", 4, "has a dimension that is too large");
  ExpectRefused("{" + Entry("a", "[99999999999999999999]", "[0,4]") + "}", 4, "a number that is not whole, or too");
  ExpectRefused("{" + Entry("a", "[1]", "[0,18446744073709551616]") + "}", 4, "a number that is not whole, or too");
  ExpectRefused("{" + Entry("a", "[1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1]", "[0,4]") + "}", 4, "more than 16 dimensions");
}

TEST(SafetensorsTest, RefusesOverlapsAndHoles) {
  const auto two = [](const std::string& a, const std::string& b) {
    return "{" + Entry("a", "[2]", a) + "," + Entry("b", "[2]", b) + "}";
  };
  ExpectRefused(two("[0,8]", "[4,12]"), 12, "`b` overlaps the array before it");
  ExpectRefused(two("[0,8]", "[0,8]"), 8, "`b` overlaps the array before it");
  ExpectRefused(two("[0,8]", "[12,20]"), 20, "there is a hole before `b`");
  ExpectRefused("{" + Entry("a", "[1]", "[4,8]") + "}", 8, "there is a hole before `a`");
  ExpectRefused("{" + Entry("a", "[1]", "[8,4]") + "}", 8, "`a` ends before it begins");
  ExpectRefused("{" + Entry("a", "[3]", "[0,8]") + "}", 8, "`a` has 8 bytes, its shape needs 12");
  ExpectRefused(
      "{" + Entry("a", "[0]", "[0,0]") + "," + Entry("b", "[1]", "[0,4]") + "," + Entry("c", "[0]", "[2,2]") + "}", 4,
      "`c` overlaps");
}

TEST(SafetensorsTest, RefusesDuplicatesAndUnknownFields) {
  const std::string a = Entry("a", "[1]", "[0,4]");
  ExpectRefused("{" + a + "," + a + "}", 4, "`a` is there twice");
  ExpectRefused(R"({"__metadata__":{"k":"1"},"__metadata__":{"k":"2"}})", 0, "`__metadata__` is there twice");
  ExpectRefused(R"({"__metadata__":{"k":"1","k":"2"}})", 0, "the metadata has `k` twice");
  ExpectRefused(R"({"a":{"dtype":"F32","dtype":"F32","shape":[],"data_offsets":[0,4]}})", 4, "`a` has `dtype` twice");
  ExpectRefused(R"({"a":{"dtype":"F32","shape":[],"data_offsets":[0,4],"code":"x"}})", 4, "an unknown field `code`");
  ExpectRefused(R"({"a":{"shape":[],"data_offsets":[0,4]}})", 4, "`a` has no dtype");
  ExpectRefused(R"({"a":{"dtype":"F32","data_offsets":[0,4]}})", 4, "`a` has no shape");
  ExpectRefused(R"({"a":{"dtype":"F32","shape":[]}})", 4, "`a` has no data_offsets");
  ExpectRefused("{" + Entry("a", "[]", "[4]") + "}", 4, "`a` needs two data offsets");
  ExpectRefused("{" + Entry("a", "[]", "[0,4,8]") + "}", 4, "`a` has more than two data offsets");
  ExpectRefused("{" + Entry(std::string(257, 'n'), "[1]", "[0,4]") + "}", 4, "is longer than 256 bytes");
}

TEST(SafetensorsTest, RefusesOtherJson) {
  ExpectRefused("[]", 0, "its header does not begin with '{'");
  ExpectRefused(" {}", 0, "its header does not begin with '{'");
  ExpectRefused("{", 0, "its header is no JSON at byte");
  ExpectRefused("{} {}", 0, "its header is no JSON at byte");
  ExpectRefused(R"({"a")", 0, "its header is no JSON at byte");
  ExpectRefused("{\"\xff\":{}}", 0, "its header is no JSON at byte");
  ExpectRefused(R"({"a":1})", 0, "a number where none belongs (near `a`)");
  ExpectRefused(R"({"a":"b"})", 0, "a text where none belongs");
  ExpectRefused(R"({"a":[1]})", 0, "a list where none belongs");
  ExpectRefused(R"({"a":null})", 0, "a null");
  ExpectRefused(R"({"a":true})", 0, "a true or false");
  ExpectRefused(R"({"__metadata__":{"k":1}})", 0, "a number where none belongs");
  ExpectRefused(R"({"__metadata__":{"k":{}}})", 0, "an object where none belongs");
  ExpectRefused(R"({"a":{"dtype":{},"shape":[],"data_offsets":[0,4]}})", 4, "an object where none belongs");
  ExpectRefused("{" + Entry("a", "[[1]]", "[0,4]") + "}", 4, "a list where none belongs");
  ExpectRefused("{" + Entry("a", "[-1]", "[0,4]") + "}", 4, "a negative number");
  ExpectRefused("{" + Entry("a", "[1.0]", "[0,4]") + "}", 4, "a number that is not whole");
  ExpectRefused("{" + Entry("a", "[1e0]", "[0,4]") + "}", 4, "a number that is not whole");
  ExpectRefused("{" + Entry("a", "[1]", "[0,4]", "F31") + "}", 4, "`a` has the unknown number type `F31`");
}

TEST(SafetensorsTest, DeepNestingIsRefusedAtOnce) {
  ExpectRefused("{\"a\":" + std::string(500'000, '['), 0, "a list where none belongs");
  ExpectRefused("{\"a\":" + std::string(500'000, '{'), 0, "its header is no JSON");
}

TEST(SafetensorsTest, NamesInMessagesCannotMoveTheCursor) {
  const std::string evil = "{" + Entry("\\u001b[2Jx", "[3]", "[0,8]") + "}";
  ExpectRefused(evil, 8, "`?[2Jx` has 8 bytes");
}

TEST(SafetensorsTest, OtherNumberTypesAreNamed) {
  ExpectError(ErrorCode::kInvalidArgument,
              "python_f16.safetensors: `half` has numbers of type F16; only F32 is supported\n  Convert the model",
              [] { ReadParametersFile(OracleFile("core", "python_f16.safetensors")); });
}

TEST(SafetensorsTest, FindsNanAndInfinityOnDemand) {
  Parameters bad{{{"ok", {1}, {1}}, {"w", {3}, {0, 1, std::numeric_limits<float>::quiet_NaN()}}}};
  auto bytes = SerializeParameters(bad, {});
  ExpectRefused(bytes, "north.safetensors: `w` holds a NaN at position 2\n  The training that made it has diverged");
  EXPECT_TRUE(std::isnan(ParseParameters(bytes, "x", FiniteCheck::kSkip).parameters.arrays[1].values[2]));
  bad.arrays[1].values[2] = -std::numeric_limits<float>::infinity();
  ExpectRefused(SerializeParameters(bad, {}), "`w` holds an infinity at position 2");
}

TEST(SafetensorsTest, HeadMustHoldTheWholeHeader) {
  const auto bytes = SerializeParameters(OurArrays(), {});
  ExpectError(ErrorCode::kInvalidArgument, "the header was not handed over whole",
              [&] { ParseSafetensorsHeader(std::span(bytes).first(20), bytes.size(), "x"); });
  const auto header = ParseSafetensorsHeader(std::span(bytes).first(bytes.size() - 36), bytes.size(), "x");
  EXPECT_EQ(header.tensors.size(), 4u);
}

TEST(SafetensorsTest, FilesThatAreNotThereOrAreFoldersSaySo) {
  const TemporaryFolder folder;
  ExpectError(ErrorCode::kNotFound, "cannot read", [&] { ReadParametersFile(folder / "nothing"); });
  ExpectError(ErrorCode::kInvalidArgument, "it is no file", [&] { ReadParametersFile(folder.path()); });
}

// Thousands of damaged files: each is read or refused by an Error, and never anything else; what is read has as many
// numbers as the file has bytes for them.
TEST(SafetensorsTest, SeededMutationsNeverDoAnythingElseThanReadOrRefuse) {
  const auto good = SerializeParameters(OurArrays(), kOurMetadata);
  Random random(20260302);
  int read = 0, refused = 0;
  for (int trial = 0; trial < 20'000; ++trial) {
    auto bytes = good;
    for (auto n = random.Integer(1, 4); n > 0; --n) {
      const auto at = static_cast<std::size_t>(random.Integer(0, static_cast<std::int64_t>(bytes.size()) - 1));
      switch (random.Integer(0, 4)) {
        case 0: bytes[at] = static_cast<std::byte>(random.Integer(0, 255)); break;
        case 1: bytes[at] ^= static_cast<std::byte>(1 << random.Integer(0, 7)); break;
        case 2: bytes.resize(std::max<std::size_t>(at, 1)); break;
        case 3: bytes.insert(bytes.begin() + static_cast<std::ptrdiff_t>(at), std::byte{'9'}); break;
        default:
          std::copy_n(good.begin(), std::min(good.size(), bytes.size() - at),
                      bytes.begin() + static_cast<std::ptrdiff_t>(at));
      }
    }
    try {
      const auto file = ParseParameters(bytes, "x", FiniteCheck::kSkip);
      EXPECT_LE(static_cast<std::size_t>(file.parameters.Count()) * sizeof(float), bytes.size());
      ++read;
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kInvalidArgument);
      ++refused;
    }
  }
  EXPECT_GT(read, 500);  // mutations of the data part only
  EXPECT_GT(refused, 5000);
}

}  // namespace
}  // namespace consilium
