// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "cuda/module.h"

#include <dlfcn.h>

#include <system_error>

#include "core/base/error.h"

namespace consilium {
namespace {

namespace fs = std::filesystem;

std::string VersionText(int cuda_version) {
  return std::to_string(cuda_version / 1000) + "." + std::to_string(cuda_version % 1000 / 10);
}

std::string LoaderWords() {
  const char* words = dlerror();
  return words == nullptr ? "unknown reason" : words;
}

const ConsiliumCudaModule* Open(const fs::path& file, std::string* why_not) {
  void* library = dlopen(file.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) {
    *why_not = "the GPU module could not be opened: " + LoaderWords();
    return nullptr;
  }
  const auto entry = reinterpret_cast<decltype(&ConsiliumCuda)>(dlsym(library, kCudaModuleSymbol));
  if (entry == nullptr) {
    *why_not = "the GPU module has no entry point: " + LoaderWords();
    return nullptr;
  }
  const ConsiliumCudaModule* table = entry();
  if (table->abi_version != kCudaAbiVersion) {
    *why_not = file.string() + " belongs to another version of the program (interface " +
               std::to_string(table->abi_version) + ", this program has " + std::to_string(kCudaAbiVersion) + ")";
    return nullptr;
  }
  return table;
}

void Probe(CudaModule* module) {
  const ConsiliumCudaModule& table = *module->table;
  int driver = 0;
  int count = 0;
  ConsiliumStatus status{};
  table.probe(&driver, &count, &status);
  if (driver > 0) module->report.driver = VersionText(driver);
  if (driver == 0) {
    module->why_not = "no NVIDIA driver is installed on this machine (libcuda.so.1 was not found)";
  } else if (driver / 1000 < table.runtime_version / 1000) {
    module->why_not = "the NVIDIA driver knows CUDA " + VersionText(driver) + ", this program needs CUDA " +
                      VersionText(table.runtime_version) + ": update the driver (580 or newer)";
  } else if (status.code != kConsiliumOk) {
    module->why_not = std::string("the NVIDIA driver answers: ") + status.text;
  } else if (count == 0) {
    module->why_not = "the NVIDIA driver is installed, but no GPU is visible (CUDA_VISIBLE_DEVICES?)";
  }
  if (!module->why_not.empty()) return;
  for (int i = 0; i < count; ++i) {
    ConsiliumGpu gpu{};
    table.describe(i, &gpu, &status);
    if (status.code != kConsiliumOk) {
      module->why_not = "GPU " + std::to_string(i) + " cannot be used: " + status.text;
      module->report.gpus.clear();
      return;
    }
    module->report.gpus.push_back({.name = gpu.name,
                                   .compute_capability = std::to_string(gpu.major) + "." + std::to_string(gpu.minor),
                                   .memory_gb = static_cast<double>(gpu.memory_bytes) / 1e9});
  }
}

}  // namespace

CudaModule OpenCudaModule(std::span<const fs::path> places) {
  CudaModule module;
  for (const fs::path& file : places) {
    std::error_code ignored;  // a place that cannot be looked at is a place without a module
    if (!fs::exists(file, ignored)) continue;
    module.table = Open(file, &module.why_not);
    if (module.table == nullptr) return module;
    module.report.module_file = file.lexically_normal().string();
    module.report.runtime = VersionText(module.table->runtime_version);
    Probe(&module);
    return module;
  }
  module.why_not =
      std::string("this installation was built without GPU code (no ") + kCudaModuleFile + " beside the program)";
  return module;
}

std::vector<fs::path> CudaModulePlaces() {
  std::error_code error;
  const fs::path program = fs::read_symlink("/proc/self/exe", error);
  if (error) return {};
  const fs::path folder = program.parent_path();
  return {folder / kCudaModuleFile, folder / ".." / "lib" / kCudaModuleFile,
          folder / ".." / "lib" / "consilium" / kCudaModuleFile};
}

const CudaModule& TheCudaModule() {
  static const CudaModule module = OpenCudaModule(CudaModulePlaces());
  return module;
}

const ConsiliumCudaModule& CudaTable(Device device) {
  const CudaModule& module = TheCudaModule();
  if (!module.why_not.empty()) {
    throw Error(ErrorCode::kUnavailable, ToString(device) + " cannot be used: " + module.why_not + ".",
                "Use device = auto or cpu. `consilium doctor` shows what was found.");
  }
  const auto count = static_cast<int>(module.report.gpus.size());
  if (device.index < 0 || device.index >= count) {
    throw Error(ErrorCode::kUnavailable,
                ToString(device) + " is not on this machine: it has " + std::to_string(count) +
                    (count == 1 ? " GPU, cuda:0." : " GPUs, cuda:0 to cuda:" + std::to_string(count - 1) + "."),
                "Use one of these, or device = auto.");
  }
  return *module.table;
}

void RequireOk(const ConsiliumStatus& status, std::string_view what, Device device, SourceLocation where) {
  if (status.code == kConsiliumOk) return;
  const bool memory = status.code == kConsiliumOutOfMemory;
  throw Error(memory ? ErrorCode::kResourceExhausted : ErrorCode::kInternal,
              std::string(what) + " failed on " + ToString(device) + ": " + status.text + ".",
              memory ? "Free memory on the GPU (nvidia-smi shows who uses it), or use device = cpu."
                     : "Try device = cpu. If it goes on, run `consilium doctor` and report this.",
              where);
}

}  // namespace consilium
