// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "tools/consilium/machine.h"

#include <fmt/core.h>
#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <sstream>

namespace consilium {
namespace {

namespace fs = std::filesystem;

std::string TextOf(const fs::path& file) {
  std::ifstream in(file);
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

// "16384 kB" -> bytes.
std::uint64_t Kilobytes(const std::string& text) {
  std::istringstream in(text);
  std::uint64_t kilobytes = 0;
  in >> kilobytes;
  return kilobytes * 1024;
}

int AffinityThreads(int all) {
  cpu_set_t set;
  CPU_ZERO(&set);
  return sched_getaffinity(0, sizeof(set), &set) == 0 ? CPU_COUNT(&set) : all;
}

}  // namespace

std::string ValueOf(std::string_view text, std::string_view key) {
  std::istringstream lines{std::string(text)};
  for (std::string line; std::getline(lines, line);) {
    if (!line.starts_with(key)) continue;
    const auto begin = line.find_first_not_of(" \t:=\"", key.size());
    if (begin == std::string::npos || line.find_first_of(":=") >= begin) continue;  // a longer key
    const auto end = line.find_last_not_of(" \t\"");
    return line.substr(begin, end - begin + 1);
  }
  return {};
}

double ShareOf(std::string_view cpu_max, int threads) {
  std::istringstream in{std::string(cpu_max)};
  double quota = 0;
  double period = 0;
  if (!(in >> quota >> period) || period <= 0) return threads;  // "max ..." or no control group
  return std::min<double>(threads, quota / period);
}

std::string Bytes(std::uint64_t bytes) {
  const auto value = static_cast<double>(bytes);
  if (value >= 1e12) return fmt::format("{:.1f} TB", value / 1e12);
  if (value >= 1e9) return fmt::format("{:.1f} GB", value / 1e9);
  if (value >= 1e6) return fmt::format("{:.1f} MB", value / 1e6);
  return value >= 1e3 ? fmt::format("{:.1f} kB", value / 1e3) : fmt::format("{} bytes", bytes);
}

MachineReport LookAtMachine() {
  MachineReport report;
  report.system = ValueOf(TextOf("/etc/os-release"), "PRETTY_NAME");
  report.processor = ValueOf(TextOf("/proc/cpuinfo"), "model name");
  report.threads = static_cast<int>(sysconf(_SC_NPROCESSORS_ONLN));
  report.usable_threads = ShareOf(TextOf("/sys/fs/cgroup/cpu.max"), AffinityThreads(report.threads));
  const std::string memory = TextOf("/proc/meminfo");
  report.memory_bytes = Kilobytes(ValueOf(memory, "MemTotal"));
  report.available_bytes = Kilobytes(ValueOf(memory, "MemAvailable"));
  std::error_code error;
  report.folder = fs::current_path(error);
  const fs::space_info space = fs::space(report.folder, error);
  if (!error) {
    report.disk_bytes = space.capacity;
    report.disk_free_bytes = space.available;
  }
  return report;
}

}  // namespace consilium
