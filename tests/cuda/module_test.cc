// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "cuda/module.h"

#include <dlfcn.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <memory>

#include "core/base/error.h"

namespace consilium {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
namespace fs = std::filesystem;

std::string OutputOf(const std::string& command) {
  const std::unique_ptr<FILE, int (*)(FILE*)> pipe(popen(command.c_str(), "r"), pclose);
  std::string text;
  std::array<char, 4096> piece{};
  while (pipe && std::fgets(piece.data(), static_cast<int>(piece.size()), pipe.get()) != nullptr) text += piece.data();
  return text;
}

bool DriverIsInstalled() { return dlopen("libcuda.so.1", RTLD_LAZY | RTLD_LOCAL) != nullptr; }

TEST(CudaModule, NeedsNoDriverToBeLoaded) {
  const std::string needed = OutputOf("readelf -d " CONSILIUM_MODULE);
  ASSERT_THAT(needed, HasSubstr("(NEEDED)"));
  EXPECT_THAT(needed, Not(HasSubstr("libcuda.so"))) << needed;
  EXPECT_THAT(needed, Not(HasSubstr("libcudart"))) << "cudart must be inside: " << needed;
  const std::string program = OutputOf("readelf -d /proc/" + std::to_string(getpid()) + "/exe");
  EXPECT_THAT(program, Not(HasSubstr("cuda"))) << "a program must not link the module: " << program;
}

TEST(CudaModule, ExportsItsOneEntryOnly) {
  const std::string symbols = OutputOf("nm -D --defined-only " CONSILIUM_MODULE " | grep -v ' w '");
  EXPECT_THAT(symbols, HasSubstr(" T ConsiliumCuda"));
  EXPECT_EQ(std::count(symbols.begin(), symbols.end(), '\n'), 1) << symbols;
}

TEST(CudaModule, IsFoundBesideTheProgramAndSaysWhatThereIs) {
  const CudaModule& module = TheCudaModule();
  ASSERT_NE(module.table, nullptr) << module.why_not;
  EXPECT_TRUE(fs::equivalent(module.report.module_file, CONSILIUM_MODULE)) << module.report.module_file;
  EXPECT_THAT(module.report.runtime, testing::StartsWith("13."));
  if (DriverIsInstalled()) GTEST_SKIP() << "this machine has a driver; the words without one are not seen here";
  EXPECT_EQ(module.why_not, "no NVIDIA driver is installed on this machine (libcuda.so.1 was not found)");
  EXPECT_EQ(module.report.driver, "");
  EXPECT_TRUE(module.report.gpus.empty());
}

TEST(CudaModule, WithoutAGpuTheCallsFailWithWordsAndTouchNothing) {
  const CudaModule& module = TheCudaModule();
  ASSERT_NE(module.table, nullptr);
  if (module.why_not.empty()) GTEST_SKIP() << "this machine has a GPU";
  const std::array<float, 2> delta = {1, 2};
  std::array<std::int64_t, 2> sum = {3, 4};
  std::uint64_t refused = 9;
  ConsiliumStatus status{};
  module.table->add_fixed_point(0, delta.data(), 2, 1, sum.data(), &refused, &status);
  EXPECT_EQ(status.code, kConsiliumFailed);
  EXPECT_THAT(status.text, HasSubstr("cudaErrorInsufficientDriver"));
  EXPECT_EQ(sum, (std::array<std::int64_t, 2>{3, 4}));
  EXPECT_EQ(refused, 0U);
  ConsiliumGpu gpu{};
  module.table->describe(0, &gpu, &status);
  EXPECT_EQ(status.code, kConsiliumFailed);
}

TEST(CudaModule, StatusBecomesAnErrorWithANextStep) {
  ConsiliumStatus status{};
  EXPECT_NO_THROW(RequireOk(status, "resample", {DeviceKind::kCuda, 1}));
  status.code = kConsiliumOutOfMemory;
  std::strncpy(status.text, "out of memory", sizeof(status.text) - 1);
  try {
    RequireOk(status, "resample", {DeviceKind::kCuda, 1});
    FAIL() << "nothing was thrown";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kResourceExhausted);
    EXPECT_STREQ(error.what(), "resample failed on cuda:1: out of memory.");
    EXPECT_THAT(error.next_step(), HasSubstr("nvidia-smi"));
  }
}

// A file that is no module, none at all, and another library: each told in words.
TEST(CudaModule, WhateverLiesThereIsToldInWords) {
  const fs::path dir = fs::path(testing::TempDir()) / "cuda_module_test";
  fs::create_directories(dir);
  EXPECT_THAT(OpenCudaModule(std::array{dir / "nothing.so"}).why_not, HasSubstr("built without GPU code"));
  EXPECT_THAT(OpenCudaModule({}).why_not, HasSubstr("built without GPU code"));
  std::ofstream(dir / "text.so") << "this is no library";
  EXPECT_THAT(OpenCudaModule(std::array{dir / "text.so"}).why_not, HasSubstr("could not be opened"));
  Dl_info libc{};
  ASSERT_NE(dladdr(dlsym(RTLD_DEFAULT, "getpid"), &libc), 0);
  EXPECT_THAT(OpenCudaModule(std::array{fs::path(libc.dli_fname)}).why_not, HasSubstr("no entry point"));
  fs::remove_all(dir);
}

}  // namespace
}  // namespace consilium
