// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace consilium {

// What LibTorch is in this process.
struct LearningRuntime {
  std::string torch_version;  // "2.11.0"
  std::string cpu_library;    // file of libtorch_cpu.so
  bool gpu = false;           // a GPU can be used
  std::string gpu_reason;     // in words: why there is none, or the name of GPU 0
  std::string gpu_library;    // file of libtorch_cuda.so, empty if it was not opened
  std::string gpu_module;     // file of libconsilium_learning_gpu.so, empty if it was not opened
  std::string cudnn_version;  // "9.19.0", empty without a GPU
  int gpus = 0;
};

// Opens the GPU half of LibTorch once, where a driver is found, and says what was found. Thread-safe; every Trainer
// and Predictor calls it. Without a driver nothing is opened and everything runs on the processor.
const LearningRuntime& StartLearningRuntime();

}  // namespace consilium
