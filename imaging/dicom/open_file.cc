// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "imaging/dicom/open_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string>
#include <system_error>
#include <utility>

#include "core/base/error.h"

namespace consilium {
namespace {

FileStamp StampOf(const struct stat& info) {
  return {info.st_dev, info.st_ino, static_cast<std::uint64_t>(info.st_size),
          info.st_mtim.tv_sec * std::int64_t{1'000'000'000} + info.st_mtim.tv_nsec};
}

}  // namespace

OpenFile::OpenFile(std::filesystem::path path)
    : path_(std::move(path)), fd_(::open(path_.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)) {
  struct stat info {};
  std::string why;
  if (fd_ < 0 || ::fstat(fd_, &info) != 0) {
    std::error_code ignored;
    const int reason = errno;
    const bool gone = reason == ENOENT || reason == ELOOP;
    why =
        gone && std::filesystem::is_symlink(path_, ignored) ? "it is a link that leads nowhere" : std::strerror(reason);
  } else if (!S_ISREG(info.st_mode)) {
    why = "it is no regular file";
  }
  if (!why.empty()) {
    if (fd_ >= 0) ::close(fd_);
    throw Error(ErrorCode::kNotFound, "cannot open " + path_.string() + ": " + why,
                "Check that the file exists and may be read.");
  }
  stamp_ = StampOf(info);
}

FileStamp OpenFile::StampNow() const {
  struct stat info {};
  return ::fstat(fd_, &info) == 0 ? StampOf(info) : FileStamp{};
}

OpenFile::~OpenFile() { ::close(fd_); }

std::size_t OpenFile::ReadAt(std::uint64_t offset, std::span<char> to) const {
  std::size_t done = 0;
  while (done < to.size()) {
    const ssize_t got = ::pread(fd_, to.data() + done, to.size() - done, static_cast<off_t>(offset + done));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) break;
    done += static_cast<std::size_t>(got);
  }
  return done;
}

}  // namespace consilium
