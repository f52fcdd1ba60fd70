// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include <dlfcn.h>
#include <fmt/core.h>

#include <CLI/CLI.hpp>
#include <array>
#include <filesystem>
#include <iostream>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <utility>

#include "core/base/error.h"
#include "core/base/program.h"
#include "core/base/terminal.h"
#include "cuda/device.h"
#include "tools/consilium/commands.h"
#include "tools/consilium/libraries.h"
#include "tools/consilium/machine.h"

namespace consilium {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kLowDisk = 10'000'000'000;  // a hospital's first run needs about this much

struct Program {
  std::string name;
  std::vector<SharedLibrary> libraries;
};

struct Doctor {
  MachineReport machine;
  std::vector<Program> programs;  // the first is this one, as it runs; then its siblings, as they would start
  SharedLibrary torch;            // libtorch_cpu.so; empty file: not found
  std::vector<std::string> problems;
  std::vector<std::string> warnings;
};

// The libraries that people ask about; `--all` shows every file.
struct Known {
  const char* prefix;
  const char* title;
};
constexpr std::array kKnown = {
    Known{"libdcmdata.so", "DCMTK"},
    Known{"libITKCommon-", "ITK"},
    Known{"libgrpc++.so", "gRPC"},
    Known{"libprotobuf.so", "protobuf"},
    Known{"libcrypto.so", "OpenSSL"},
    Known{"libsqlite3.so", "SQLite"},
    Known{"libsodium.so", "libsodium"},
    Known{"libzstd.so", "zstd"},
    Known{"libspdlog.so", "spdlog"},
    Known{"libfmt.so", "fmt"},
    Known{"libQt6Core.so", "Qt"},
    Known{"libtorch_cpu.so", "LibTorch"},
    Known{"libtorch_cuda.so", "LibTorch GPU"},
    Known{"libcudart.so", "CUDA runtime"},
    Known{"libcudnn.so", "cuDNN"},
    Known{"libnccl.so", "NCCL"},
    Known{"libstdc++.so", "libstdc++"},
    Known{"libc.so", "libc"},
};

// Where a GPU can be used, its half of LibTorch is opened too: only then do its cuDNN and NCCL show.
void OpenGpuLibraries(const SharedLibrary& torch, Doctor* doctor) {
  if (torch.file.empty() || !WhyNoCuda().empty()) return;
  for (const char* name : {"libtorch_cpu.so", "libtorch_cuda.so"}) {
    const fs::path file = torch.file.parent_path() / name;
    if (dlopen(file.c_str(), RTLD_NOW | RTLD_GLOBAL) == nullptr) {
      doctor->warnings.push_back(fmt::format("{} could not be opened: {}", name, dlerror()));
    }
  }
}

void Judge(Doctor* doctor) {
  for (const Program& program : doctor->programs) {
    for (const std::string& sentence : FindDuplicates(program.libraries)) {
      doctor->problems.push_back(program.name + ": " + sentence);
    }
    for (const SharedLibrary& library : program.libraries) {
      if (library.file.empty()) doctor->problems.push_back(program.name + ": " + library.name + " is not found");
    }
  }
  if (doctor->machine.disk_free_bytes < kLowDisk) {
    doctor->warnings.push_back(
        fmt::format("only {} free in {}", Bytes(doctor->machine.disk_free_bytes), doctor->machine.folder.string()));
  }
  if (doctor->torch.file.empty()) {
    doctor->warnings.emplace_back("LibTorch was not found: sites cannot train or predict (./dev setup fetches it)");
  }
}

Doctor Examine() {
  Doctor doctor;
  doctor.machine = LookAtMachine();
  static_cast<void>(AllDevices());  // opens the GPU module
  const fs::path folder = fs::read_symlink("/proc/self/exe").parent_path();
  std::vector<Program> siblings;
  for (const char* name : {"consilium-hub", "consilium-site", "consilium-desktop"}) {
    if (fs::exists(folder / name)) siblings.push_back({name, LibrariesOf(folder / name)});
  }
  for (const Program& program : siblings) {
    for (const SharedLibrary& library : program.libraries) {
      if (library.name == "libtorch_cpu.so") doctor.torch = library;
    }
  }
  OpenGpuLibraries(doctor.torch, &doctor);
  doctor.programs.push_back({"consilium", LoadedLibraries()});
  for (Program& program : siblings) doctor.programs.push_back(std::move(program));
  Judge(&doctor);
  return doctor;
}

// file -> the library and the programs that use it.
struct Use {
  SharedLibrary library;
  std::string programs;
};

std::map<std::string, Use> ByFile(const Doctor& doctor) {
  std::map<std::string, Use> uses;
  for (const Program& program : doctor.programs) {
    const auto dash = program.name.find('-');
    const std::string shown = dash == std::string::npos ? "consilium" : program.name.substr(dash + 1);
    for (const SharedLibrary& library : program.libraries) {
      const std::string key = library.file.empty() ? library.name : library.file.string();
      const auto [at, fresh] = uses.try_emplace(key, Use{library, shown});
      if (!fresh && !at->second.programs.ends_with(shown)) at->second.programs += ", " + shown;
    }
  }
  return uses;
}

std::string OrUnknown(const std::string& text) { return text.empty() ? "unknown" : text; }

void PrintMachine(const Doctor& doctor) {
  const MachineReport& m = doctor.machine;
  fmt::print("Consilium {} on {}\n\nMachine\n", ProgramVersion(), OrUnknown(m.system));
  fmt::print("  processor  {}, {} threads, {:g} usable\n", OrUnknown(m.processor), m.threads, m.usable_threads);
  fmt::print("  memory     {}, {} available\n", Bytes(m.memory_bytes), Bytes(m.available_bytes));
  fmt::print("  disk       {} free of {} in {}\n", Bytes(m.disk_free_bytes), Bytes(m.disk_bytes), m.folder.string());
  fmt::print("\nGPU\n");
  const GpuReport& found = FoundGpus();
  for (std::size_t i = 0; i < found.gpus.size(); ++i) {
    const GpuInfo& gpu = found.gpus[i];
    fmt::print("  cuda:{}     {}, {:.0f} GB, compute capability {}\n", i, gpu.name, gpu.memory_gb,
               gpu.compute_capability);
  }
  if (found.gpus.empty()) fmt::print("  none       {}; everything runs on the processor\n", WhyNoCuda());
  fmt::print("  driver     {}\n", found.driver.empty() ? "none" : "for CUDA " + found.driver);
  fmt::print("  module     {}\n",
             found.module_file.empty() ? "none" : found.module_file + ", CUDA runtime " + found.runtime);
}

void PrintLibraries(const Doctor& doctor, bool all) {
  const std::map<std::string, Use> uses = ByFile(doctor);
  Table table({"library", "version", "file", "used by"});
  const auto add = [&](const std::string& title, const Use& use) {
    const std::string file = use.library.file.empty() ? "NOT FOUND" : use.library.file.string();
    table.Row({title, OrUnknown(use.library.version), file, use.programs});
  };
  if (all) {
    for (const auto& [file, use] : uses) add(use.library.name, use);
  } else {
    for (const Known& known : kKnown) {
      for (const auto& [file, use] : uses) {
        if (use.library.name.starts_with(known.prefix)) add(known.title, use);
      }
    }
  }
  fmt::print("\nLibraries{}\n{}", all ? "" : fmt::format(" ({} files; --all shows each)", uses.size()), table.Text());
}

void PrintChecks(const Doctor& doctor) {
  const TerminalStyle style = StyleOf(stdout);
  fmt::print("\nChecks\n");
  if (doctor.problems.empty()) {
    fmt::print("  {}  every program finds its libraries, and cuDNN, NCCL and protobuf only once\n",
               Paint("ok", Color::kGreen, style));
  }
  for (const std::string& w : doctor.warnings) fmt::print("  {}  {}\n", Paint("!!", Color::kYellow, style), w);
  for (const std::string& p : doctor.problems) fmt::print("  {}  {}\n", Paint("NO", Color::kRed, style), p);
}

nlohmann::ordered_json ToJson(const Doctor& doctor) {
  using nlohmann::ordered_json;
  const MachineReport& m = doctor.machine;
  const GpuReport& found = FoundGpus();
  ordered_json gpus = ordered_json::array();
  for (const GpuInfo& gpu : found.gpus) {
    gpus.push_back({{"name", gpu.name}, {"memory_gb", gpu.memory_gb}, {"compute_capability", gpu.compute_capability}});
  }
  ordered_json programs;
  for (const Program& program : doctor.programs) {
    ordered_json libraries = ordered_json::array();
    for (const SharedLibrary& l : program.libraries) {
      libraries.push_back({{"name", l.name}, {"version", l.version}, {"file", l.file.string()}});
    }
    programs[program.name] = libraries;
  }
  return {{"version", ProgramVersion()},
          {"machine",
           {{"system", m.system},
            {"processor", m.processor},
            {"threads", m.threads},
            {"usable_threads", m.usable_threads},
            {"memory_bytes", m.memory_bytes},
            {"available_bytes", m.available_bytes},
            {"folder", m.folder.string()},
            {"disk_bytes", m.disk_bytes},
            {"disk_free_bytes", m.disk_free_bytes}}},
          {"gpu",
           {{"devices", gpus},
            {"reason", WhyNoCuda()},
            {"driver", found.driver},
            {"runtime", found.runtime},
            {"module", found.module_file}}},
          {"libtorch", {{"version", doctor.torch.version}, {"file", doctor.torch.file.string()}}},
          {"programs", programs},
          {"warnings", doctor.warnings},
          {"problems", doctor.problems}};
}

void Run(bool json, bool all) {
  const Doctor doctor = Examine();
  if (json) {
    std::cout << ToJson(doctor).dump(2) << "\n";
  } else {
    PrintMachine(doctor);
    PrintLibraries(doctor, all);
    PrintChecks(doctor);
  }
  std::fflush(stdout);
  if (doctor.problems.empty()) return;
  const std::size_t count = doctor.problems.size();
  throw Error(ErrorCode::kFailedPrecondition,
              fmt::format("{}{}", doctor.problems.front(), count > 1 ? fmt::format(" (and {} more)", count - 1) : ""),
              "Leave one copy of each: look at LD_LIBRARY_PATH, LD_PRELOAD and /etc/ld.so.conf.d, or install again.");
}

}  // namespace

void AddDoctor(CLI::App& app) {
  auto json = std::make_shared<bool>(false);
  auto all = std::make_shared<bool>(false);
  CLI::App* command = app.add_subcommand("doctor", "Show what was found: machine, GPU, libraries; refuse bad mixtures");
  command->add_flag("--json", *json, "print everything as JSON");
  command->add_flag("--all", *all, "every library file, not only those that people ask about");
  command->callback([json, all] { Run(*json, *all); });
}

}  // namespace consilium
