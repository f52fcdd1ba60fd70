// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

namespace consilium {

// What `consilium doctor` tells of the machine.
struct MachineReport {
  std::string system;         // "Debian GNU/Linux 12 (bookworm)"
  std::string processor;      // "AMD EPYC ...", empty if the system does not say
  int threads = 0;            // of the processor
  double usable_threads = 0;  // that this process may use: its affinity, and its control group's share
  std::uint64_t memory_bytes = 0;
  std::uint64_t available_bytes = 0;
  std::filesystem::path folder;  // the current one: where data would be put
  std::uint64_t disk_bytes = 0;
  std::uint64_t disk_free_bytes = 0;  // for this user
};

MachineReport LookAtMachine();

// "123.4 GB", in powers of ten.
std::string Bytes(std::uint64_t bytes);

// The value behind `key` in lines "key: value" or "key=value", without quotes; empty if there is none.
std::string ValueOf(std::string_view text, std::string_view key);

// Threads that "max 100000" or "150000 100000" (cpu.max of a control group) leaves of `threads`.
double ShareOf(std::string_view cpu_max, int threads);

}  // namespace consilium
