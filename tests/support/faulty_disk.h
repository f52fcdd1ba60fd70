// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdint>
#include <limits>
#include <new>

#include "core/base/file_store.h"

namespace consilium {

// A disk whose Nth call fails with `error` (SQLite's method: N = 1, 2, 3, ... until nothing fails any more). A failing
// write has written half of its bytes. All later calls fail too, as after a power cut.
class FaultyDisk : public Disk {
 public:
  explicit FaultyDisk(std::int64_t fails_at, int error = ENOSPC) : left_(fails_at), error_(error) {}

  bool failed() const { return left_ <= 0; }

  std::int64_t Write(int fd, const void* bytes, std::size_t size) override {
    if (!Fails()) return SystemDisk().Write(fd, bytes, size);
    if (left_ == 0 && size > 1) SystemDisk().Write(fd, bytes, size / 2);
    errno = error_;
    return -1;
  }
  int Sync(int fd) override { return Fails() ? Fail() : SystemDisk().Sync(fd); }
  int Rename(const char* from, const char* to) override { return Fails() ? Fail() : SystemDisk().Rename(from, to); }

 private:
  bool Fails() { return --left_ <= 0; }
  int Fail() const {
    errno = error_;
    return -1;
  }
  std::int64_t left_;
  int error_;
};

// A disk that is full, or whose caller runs out of memory, until somebody makes room. Any thread.
class FullDisk : public Disk {
 public:
  std::atomic<bool> full = false, no_memory = false;
  std::atomic<int> refused = 0;  // writes

  std::int64_t Write(int fd, const void* bytes, std::size_t size) override {
    if (full || no_memory) ++refused;
    if (no_memory) throw std::bad_alloc();
    if (!full) return SystemDisk().Write(fd, bytes, size);
    errno = ENOSPC;
    return -1;
  }
  int Sync(int fd) override { return SystemDisk().Sync(fd); }
  int Rename(const char* from, const char* to) override { return SystemDisk().Rename(from, to); }
};

// A disk that takes a few bytes with each call and is interrupted now and then, as POSIX allows.
class SlowDisk : public Disk {
 public:
  std::int64_t Write(int fd, const void* bytes, std::size_t size) override {
    if (++calls_ % 3 == 0) {
      errno = EINTR;
      return -1;
    }
    return SystemDisk().Write(fd, bytes, std::min<std::size_t>(size, 7));
  }
  int Sync(int fd) override { return SystemDisk().Sync(fd); }
  int Rename(const char* from, const char* to) override { return SystemDisk().Rename(from, to); }

 private:
  int calls_ = 0;
};

}  // namespace consilium
