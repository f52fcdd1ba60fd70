// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "tools/consilium/libraries.h"

#include <dlfcn.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>

#include "core/base/error.h"
#include "tools/consilium/machine.h"

namespace consilium {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
namespace fs = std::filesystem;

SharedLibrary At(const std::string& folder, const std::string& name) {
  return {.name = name, .file = fs::path(folder) / name, .version = {}};
}

TEST(Libraries, TheLoadersListIsRead) {
  const std::vector<SharedLibrary> got = ParseLoaderList(
      "\tlinux-vdso.so.1 (0x00007ffd2a3f6000)\n"
      "\tlibgrpc++.so.1.51 => /nowhere/libgrpc++.so.1.51.1 (0x00007f1)\n"
      "\tlibgone.so.3 => not found\n"
      "\t/lib64/ld-linux-x86-64.so.2 (0x00007f2)\n");
  EXPECT_THAT(got, ElementsAre(SharedLibrary{"libgrpc++.so.1.51", "/nowhere/libgrpc++.so.1.51.1", "1.51.1"},
                               SharedLibrary{"libgone.so.3", "", ""}));
}

TEST(Libraries, VersionsComeFromFileNames) {
  const std::pair<const char*, const char*> versions[] = {
      {"/usr/lib/libdcmdata.so.17.3.6.7", "3.6.7"},
      {"/lib/libc-2.36.so", "2.36"},
      {"/lib/libgrpc++.so.1.51.1", "1.51.1"},
      {"/usr/lib/libITKCommon-5.2.so.1", "5.2"},
      {"/lib/libITKCommon-x.so", ""},
      {"/lib/plain.so", ""},
      {"-.so", ""},
      // protobuf's, not its interface's (Debian 10 to 12, Ubuntu 22.04: the package's version beside its file's name)
      {"/lib/libprotobuf.so.32.0.12", "3.21.12"},
      {"/lib/libprotobuf-lite.so.32.0.12", "3.21.12"},
      {"/lib/libprotobuf.so.23.0.4", "3.12.4"},
      {"/lib/libprotobuf.so.25.3.0", "25.3.0"},
      {"/lib/libprotobuf.so.17.0.0", "17.0.0"},
      {"/lib/libother.so.32.0.12", "32.0.12"},
  };
  for (const auto& [file, version] : versions) EXPECT_EQ(VersionFromName(file), version) << file;
}

TEST(Libraries, TwoFoldersOfOneFamilyAreADuplicate) {
  const std::vector<SharedLibrary> good = {At("/wheel/cudnn", "libcudnn.so.9"),
                                           At("/wheel/cudnn", "libcudnn_ops.so.9"),
                                           At("/wheel/nccl", "libnccl.so.2"),
                                           At("/usr/lib", "libprotobuf.so.32"),
                                           At("/opt/lib", "libprotobuf-lite.so.32"),
                                           At("/a", "libz.so"),
                                           At("/b", "libz.so")};
  EXPECT_THAT(FindDuplicates(good), IsEmpty());
  std::vector<SharedLibrary> bad = good;
  bad.push_back(At("/usr/local/cuda/lib64", "libcudnn_graph.so.9"));
  bad.push_back(At("/opt/nccl", "libnccl.so.2"));
  bad.push_back(At("/opt/lib", "libprotobuf.so.23"));
  EXPECT_THAT(FindDuplicates(bad), ElementsAre("cuDNN comes from 2 folders: /usr/local/cuda/lib64 and /wheel/cudnn",
                                               "NCCL comes from 2 folders: /opt/nccl and /wheel/nccl",
                                               "protobuf comes from 2 folders: /opt/lib and /usr/lib"));
}

// The real loader, twice: this process, and this test program as it would start.
TEST(Libraries, ThisProcessIsSeenAsItIs) {
  const auto is_libc = [](const SharedLibrary& l) { return l.name == "libc.so.6"; };
  const std::vector<SharedLibrary> loaded = LoadedLibraries();
  const auto libc = std::ranges::find_if(loaded, is_libc);
  ASSERT_NE(libc, loaded.end());
  Dl_info info{};
  ASSERT_NE(dladdr(dlsym(RTLD_DEFAULT, "getpid"), &info), 0);
  EXPECT_TRUE(fs::equivalent(libc->file, info.dli_fname));
  const std::vector<SharedLibrary> listed = LibrariesOf(fs::read_symlink("/proc/self/exe"));
  const auto again = std::ranges::find_if(listed, is_libc);
  ASSERT_NE(again, listed.end());
  EXPECT_EQ(again->file, libc->file);
}

TEST(Libraries, SomeTellTheirVersionThemselves) {
  const std::vector<SharedLibrary> listed = LibrariesOf(CONSILIUM_PROGRAM);
  const auto crypto =
      std::ranges::find_if(listed, [](const SharedLibrary& l) { return l.name.starts_with("libcrypto.so"); });
  ASSERT_NE(crypto, listed.end());
  EXPECT_THAT(crypto->version, testing::MatchesRegex("3\\.[0-9]+\\.[0-9]+.*")) << "not only the file name's 3";
}

TEST(Libraries, AFileThatIsNoProgramIsRefused) {
  const fs::path script = fs::path(testing::TempDir()) / "no_program.sh";
  std::ofstream(script) << "#!/bin/sh\n";
  try {
    LibrariesOf(script);
    FAIL() << "nothing was thrown";
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("no_program.sh is no program of this system"));
  }
  fs::remove(script);
}

TEST(Machine, SmallReaders) {
  EXPECT_EQ(ValueOf("NAME=\"x\"\nPRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\n", "PRETTY_NAME"),
            "Debian GNU/Linux 12 (bookworm)");
  EXPECT_EQ(ValueOf("MemTotalX: 1 kB\nMemTotal:    16384 kB\n", "MemTotal"), "16384 kB");
  EXPECT_EQ(ValueOf("model name\t: AMD EPYC\n", "model name"), "AMD EPYC");
  EXPECT_EQ(ValueOf("", "x"), "");
  EXPECT_EQ(ShareOf("max 100000\n", 8), 8);
  EXPECT_EQ(ShareOf("150000 100000\n", 8), 1.5);
  EXPECT_EQ(ShareOf("9900000 100000\n", 8), 8);
  EXPECT_EQ(ShareOf("", 8), 8);
  EXPECT_EQ(Bytes(999), "999 bytes");
  EXPECT_EQ(Bytes(1500), "1.5 kB");
  EXPECT_EQ(Bytes(66'200'000), "66.2 MB");
  EXPECT_EQ(Bytes(2'500'000'000'000), "2.5 TB");
}

TEST(Machine, ThisOneHasThreadsMemoryAndADisk) {
  const MachineReport report = LookAtMachine();
  EXPECT_GE(report.threads, 1);
  EXPECT_GT(report.usable_threads, 0);
  EXPECT_LE(report.usable_threads, report.threads);
  EXPECT_GT(report.memory_bytes, report.available_bytes);
  EXPECT_GT(report.disk_bytes, 0U);
  EXPECT_FALSE(report.system.empty());
}

}  // namespace
}  // namespace consilium
