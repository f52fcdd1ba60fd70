// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "learning/runtime.h"

#include <dlfcn.h>
#include <torch/version.h>

#include <filesystem>
#include <mutex>

#include "cuda/device.h"
#include "learning/gpu_module.h"
#include "learning/torch.h"

namespace consilium {
namespace {

namespace fs = std::filesystem;

struct Opened {
  LearningRuntime runtime;
  GpuModule* module = nullptr;
};

std::string LoaderWords() {
  const char* words = dlerror();
  return words == nullptr ? "unknown reason" : words;
}

fs::path TorchCpuFile() {
  Dl_info info{};
  const auto* symbol = reinterpret_cast<const void*>(&at::get_num_threads);
  return dladdr(symbol, &info) != 0 && info.dli_fname != nullptr ? fs::path(info.dli_fname).lexically_normal()
                                                                 : fs::path{};
}

// Opens the GPU half of Torch: its constructors register the CUDA operations. Global, as Torch's parts find each other.
bool OpenTorchCuda(LearningRuntime& runtime) {
  const fs::path file = fs::path(runtime.cpu_library).parent_path() / "libtorch_cuda.so";
  if (dlopen(file.c_str(), RTLD_NOW | RTLD_GLOBAL) == nullptr) {
    runtime.gpu_reason = "the GPU half of LibTorch could not be opened: " + LoaderWords();
    return false;
  }
  runtime.gpu_library = file.string();
  if (!at::globalContext().hasCUDA()) {
    runtime.gpu_reason = "LibTorch finds no usable GPU";
    return false;
  }
  return true;
}

void OpenModule(Opened& opened) {
  std::error_code error;
  const fs::path folder = fs::read_symlink("/proc/self/exe", error).parent_path();
  for (const fs::path& file : {folder / kGpuModuleFile, folder / ".." / "lib" / kGpuModuleFile,
                               folder / ".." / "lib" / "consilium" / kGpuModuleFile}) {
    if (error || !fs::exists(file, error)) continue;
    void* library = dlopen(file.c_str(), RTLD_NOW | RTLD_LOCAL);
    auto* entry = library == nullptr ? nullptr : reinterpret_cast<GpuModule* (*)()>(dlsym(library, kGpuModuleSymbol));
    if (entry == nullptr) {
      opened.runtime.gpu_reason = "the GPU module could not be opened: " + LoaderWords();
      return;
    }
    GpuModule* module = entry();
    if (module->InterfaceVersion() != kGpuModuleVersion) {
      opened.runtime.gpu_reason = file.string() + " belongs to another version of the program";
      return;
    }
    opened.module = module;
    opened.runtime.gpu_module = file.lexically_normal().string();
    return;
  }
  opened.runtime.gpu_reason =
      std::string("this installation was built without ") + kGpuModuleFile + " (it needs a CUDA toolkit at build time)";
}

Opened Open() {
  Opened opened;
  LearningRuntime& runtime = opened.runtime;
  runtime.torch_version = TORCH_VERSION;
  runtime.cpu_library = TorchCpuFile().string();
  runtime.gpu_reason = WhyNoCuda();
  if (!runtime.gpu_reason.empty() || !OpenTorchCuda(runtime)) return opened;
  OpenModule(opened);
  if (opened.module == nullptr) return opened;
  // Which algorithm cuDNN takes must not depend on a timing taken in the run.
  at::globalContext().setBenchmarkCuDNN(false);
  at::globalContext().setDeterministicCuDNN(true);
  at::globalContext().setAllowTF32CuDNN(false);
  runtime.gpu = true;
  runtime.gpus = static_cast<int>(FoundGpus().gpus.size());
  runtime.gpu_reason = opened.module->DeviceName(0);
  runtime.cudnn_version = opened.module->CudnnVersion();
  return opened;
}

const Opened& TheRuntime() {
  static const Opened opened = Open();
  return opened;
}

}  // namespace

const LearningRuntime& StartLearningRuntime() { return TheRuntime().runtime; }

GpuModule* TheGpuModule() { return TheRuntime().module; }

std::int64_t GpuFreeBytes(int index) {
  GpuModule* module = TheGpuModule();
  return module == nullptr ? -1 : module->FreeBytes(index);
}

StreamScope::StreamScope(int gpu_index_or_minus_one) : index_(gpu_index_or_minus_one) {
  if (index_ >= 0) TheGpuModule()->EnterStream(index_);
}

StreamScope::~StreamScope() {
  if (index_ >= 0) TheGpuModule()->LeaveStream(index_);
}

}  // namespace consilium
