// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "tools/demo/process.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstring>
#include <fstream>
#include <sstream>
#include <thread>
#include <utility>

#include "core/base/error.h"

namespace consilium {
namespace {

using std::chrono::steady_clock;

std::string Joined(const std::vector<std::string>& command) {
  std::string text;
  for (const std::string& word : command) text += (text.empty() ? "" : " ") + word;
  return text;
}

std::string LastLines(const std::filesystem::path& log, std::size_t count) {
  std::ifstream in(log);
  std::vector<std::string> lines;
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  std::string text;
  for (std::size_t i = lines.size() > count ? lines.size() - count : 0; i < lines.size(); ++i) {
    text += "\n    " + lines[i];
  }
  return text;
}

// Starts `command` with standard output in `out` and standard error in `log`. -1 in `out` means the log as well.
pid_t Spawn(const std::vector<std::string>& command, const std::filesystem::path& log, int out) {
  std::vector<char*> arguments;
  for (const std::string& word : command) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  const int log_fd = open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  if (log_fd < 0) throw Error(ErrorCode::kNotFound, "cannot write " + log.string() + ": " + std::strerror(errno));
  const pid_t parent = getpid();
  const pid_t pid = fork();
  if (pid == 0) {  // only async-signal-safe calls until exec
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (getppid() != parent) _exit(127);
    dup2(out >= 0 ? out : log_fd, STDOUT_FILENO);
    dup2(log_fd, STDERR_FILENO);
    const int null_fd = open("/dev/null", O_RDONLY);
    dup2(null_fd, STDIN_FILENO);
    execv(arguments[0], arguments.data());
    _exit(127);
  }
  close(log_fd);
  if (pid < 0)
    throw Error(ErrorCode::kResourceExhausted, std::string("cannot start a process: ") + std::strerror(errno));
  return pid;
}

int CodeOf(int status) { return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status); }

}  // namespace

ChildProcess::ChildProcess(const std::vector<std::string>& command, const std::filesystem::path& log) : log_(log) {
  if (access(command.front().c_str(), X_OK) != 0) {
    throw Error(ErrorCode::kNotFound, "there is no program " + command.front(), "./dev build makes it.");
  }
  pid_ = Spawn(command, log, -1);
}

ChildProcess::ChildProcess(ChildProcess&& other) noexcept
    : pid_(std::exchange(other.pid_, -1)), exit_code_(other.exit_code_), log_(std::move(other.log_)) {}

ChildProcess::~ChildProcess() { Stop(); }

std::optional<int> ChildProcess::ExitCode() {
  if (exit_code_ || pid_ < 0) return exit_code_;
  int status = 0;
  if (waitpid(pid_, &status, WNOHANG) == pid_) exit_code_ = CodeOf(status);
  return exit_code_;
}

int ChildProcess::Wait() {
  if (!exit_code_) {
    int status = 0;
    while (waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
    }
    exit_code_ = CodeOf(status);
  }
  return *exit_code_;
}

void ChildProcess::Stop() {
  if (pid_ < 0 || ExitCode()) return;
  kill(pid_, SIGTERM);
  const auto until = steady_clock::now() + std::chrono::seconds(kGraceS);
  while (!ExitCode() && steady_clock::now() < until) std::this_thread::sleep_for(std::chrono::milliseconds(20));
  if (!exit_code_) {
    kill(pid_, SIGKILL);
    Wait();
  }
}

std::string RunCommand(const std::vector<std::string>& command, const std::filesystem::path& log) {
  if (access(command.front().c_str(), X_OK) != 0) {
    throw Error(ErrorCode::kNotFound, "there is no program " + command.front(), "./dev build makes it.");
  }
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) throw Error(ErrorCode::kResourceExhausted, "cannot make a pipe");
  const pid_t pid = Spawn(command, log, ends[1]);
  close(ends[1]);
  std::string output;
  char buffer[4096];
  for (ssize_t got; (got = read(ends[0], buffer, sizeof buffer)) != 0;) {
    if (got < 0 && errno != EINTR) break;
    if (got > 0) output.append(buffer, static_cast<std::size_t>(got));
  }
  close(ends[0]);
  int status = 0;
  while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  if (CodeOf(status) != 0) {
    throw Error(ErrorCode::kFailedPrecondition,
                "`" + Joined(command) + "` ended with code " + std::to_string(CodeOf(status)) + LastLines(log, 8),
                "Its whole output: " + log.string());
  }
  return output;
}

void WaitForFile(const std::filesystem::path& file, ChildProcess& child, double seconds) {
  const auto until = steady_clock::now() + std::chrono::duration<double>(seconds);
  while (!std::filesystem::exists(file)) {
    if (const auto code = child.ExitCode()) {
      throw Error(
          ErrorCode::kFailedPrecondition,
          "a program ended with code " + std::to_string(*code) + " before it was ready" + LastLines(child.log(), 8),
          "Its whole output: " + child.log().string());
    }
    if (steady_clock::now() > until) {
      throw Error(ErrorCode::kDeadlineExceeded, file.string() + " did not appear in " + std::to_string(seconds) + " s",
                  "Output of the program: " + child.log().string());
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
}

std::filesystem::path ProgramFolder() { return std::filesystem::read_symlink("/proc/self/exe").parent_path(); }

}  // namespace consilium
