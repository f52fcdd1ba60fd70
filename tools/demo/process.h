// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace consilium {

// A program that runs beside this one. It is asked to stop (SIGTERM), and after `kGraceS` killed, when the object goes.
// Its output goes to a log file. It also dies with this process (PR_SET_PDEATHSIG).
class ChildProcess {
 public:
  // Throws Error(kNotFound) if the program cannot be started.
  ChildProcess(const std::vector<std::string>& command, const std::filesystem::path& log);
  ~ChildProcess();
  ChildProcess(ChildProcess&& other) noexcept;
  ChildProcess& operator=(ChildProcess&&) = delete;
  ChildProcess(const ChildProcess&) = delete;

  std::optional<int> ExitCode();  // nothing while it runs; 128 + n after signal n
  int Wait();                     // exit code
  void Stop();                    // SIGTERM, then SIGKILL; returns when it is gone
  const std::filesystem::path& log() const { return log_; }

 private:
  static constexpr int kGraceS = 10;
  pid_t pid_ = -1;
  std::optional<int> exit_code_;
  std::filesystem::path log_;
};

// Runs a command to its end and returns what it printed on standard output. Throws Error(kFailedPrecondition) with the
// command and the last lines of its output unless it exits with 0.
std::string RunCommand(const std::vector<std::string>& command, const std::filesystem::path& log);

// Waits until `file` is there, at most `seconds`. Throws Error(kDeadlineExceeded), or as soon as the child has ended
// Error(kFailedPrecondition) with the last lines of its log.
void WaitForFile(const std::filesystem::path& file, ChildProcess& child, double seconds);

// The folder of the running program: its siblings are there.
std::filesystem::path ProgramFolder();

}  // namespace consilium
