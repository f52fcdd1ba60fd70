// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <cstdio>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <sstream>

#include "tests/tools/consilium/front_door.h"
#include "tools/consilium/libraries.h"

namespace consilium {
namespace {

using ::testing::HasSubstr;
namespace fs = std::filesystem;

TEST(Doctor, TellsOfMachineGpuLibrariesAndChecks) {
  const Ran ran = RunConsilium("doctor");
  EXPECT_EQ(ran.exit_code, 0) << ran.err;
  for (const char* words :
       {"Consilium 0.", "Machine\n", "processor", "usable", "memory", "disk", "GPU\n", "driver", "Libraries", "DCMTK",
        "3.6.", "OpenSSL", "Checks\n", "cuDNN, NCCL and protobuf only once"}) {
    EXPECT_THAT(ran.out, HasSubstr(words));
  }
}

// protoc comes from the same package; it says "libprotoc 3.21.12".
TEST(Doctor, TellsProtobufsVersionAsItsCompilerDoes) {
  FILE* pipe = popen("protoc --version", "r");
  ASSERT_NE(pipe, nullptr);
  std::array<char, 64> line{};
  ASSERT_NE(std::fgets(line.data(), line.size(), pipe), nullptr);
  EXPECT_EQ(pclose(pipe), 0);
  std::istringstream words(line.data());
  std::string name, version;
  words >> name >> version;
  const Ran ran = RunConsilium("doctor --json");
  std::string told;
  const auto json = nlohmann::json::parse(ran.out);
  for (const auto& program : json.at("programs")) {  // without LibTorch `consilium` itself has no use for protobuf
    for (const auto& library : program) {
      if (library.at("name").get<std::string>().starts_with("libprotobuf.so")) told = library.at("version");
    }
  }
  EXPECT_EQ(told, version);
}

TEST(Doctor, AllShowsEveryFile) {
  const Ran ran = RunConsilium("doctor --all");
  EXPECT_EQ(ran.exit_code, 0) << ran.err;
  EXPECT_THAT(ran.out, HasSubstr("libm.so.6"));
  EXPECT_THAT(ran.out, HasSubstr("libgcc_s.so.1"));
}

TEST(Doctor, JsonHoldsTheSame) {
  const Ran ran = RunConsilium("doctor --json");
  ASSERT_EQ(ran.exit_code, 0) << ran.err;
  const auto json = nlohmann::json::parse(ran.out);
  EXPECT_GE(json.at("machine").at("threads").get<int>(), 1);
  EXPECT_GT(json.at("machine").at("disk_free_bytes").get<std::uint64_t>(), 0U);
  EXPECT_EQ(json.at("gpu").at("devices").empty(), !json.at("gpu").at("reason").get<std::string>().empty());
  EXPECT_TRUE(json.at("problems").empty());
  const auto& libraries = json.at("programs").at("consilium");
  ASSERT_GT(libraries.size(), 5U);
  for (const auto& library : libraries) {
    EXPECT_TRUE(fs::exists(library.at("file").get<std::string>())) << library.dump();
  }
}

// Two copies of a harmless library under NCCL's name, in one process: what a mixed installation looks like.
TEST(Doctor, TwoCopiesOfNcclAreRefusedWithWords) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "a sanitizer must be the first preloaded library";
#endif
  fs::path libz;
  for (const SharedLibrary& library : LibrariesOf(CONSILIUM_PROGRAM)) {
    if (library.name.starts_with("libz.so")) libz = library.file;
  }
  ASSERT_TRUE(fs::exists(libz));
  const fs::path dir = fs::path(testing::TempDir()) / "doctor_test";
  fs::create_directories(dir / "toolkit");
  fs::create_directories(dir / "wheel");
  fs::copy_file(libz, dir / "toolkit" / "libnccl.so.2", fs::copy_options::overwrite_existing);
  fs::copy_file(libz, dir / "wheel" / "libnccl.so.2", fs::copy_options::overwrite_existing);
  const std::string preload = "LD_PRELOAD='" + (dir / "toolkit" / "libnccl.so.2").string() + ":" +
                              (dir / "wheel" / "libnccl.so.2").string() + "'";
  const Ran ran = RunConsilium("doctor", preload);
  EXPECT_EQ(ran.exit_code, 1);
  EXPECT_THAT(ran.err, HasSubstr("error: consilium: NCCL comes from 2 folders: "));
  EXPECT_THAT(ran.err, HasSubstr((dir / "toolkit").string() + " and " + (dir / "wheel").string()));
  EXPECT_THAT(ran.err, HasSubstr("LD_LIBRARY_PATH"));
  EXPECT_THAT(ran.out, HasSubstr("NO  consilium: NCCL"));
  const Ran json = RunConsilium("doctor --json", preload);
  EXPECT_EQ(json.exit_code, 1);
  EXPECT_GE(nlohmann::json::parse(json.out).at("problems").size(), 1U);
  fs::remove_all(dir);
}

}  // namespace
}  // namespace consilium
