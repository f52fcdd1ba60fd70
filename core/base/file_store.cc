// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "core/base/file_store.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <utility>

#include "core/base/error.h"

namespace consilium {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kTemporary = ".tmp-";

class RealDisk : public Disk {
 public:
  std::int64_t Write(int fd, const void* bytes, std::size_t size) override { return ::write(fd, bytes, size); }
  int Sync(int fd) override { return ::fsync(fd); }
  int Rename(const char* from, const char* to) override { return ::rename(from, to); }
};

class FileDescriptor {
 public:
  explicit FileDescriptor(int fd) : fd_(fd) {}
  ~FileDescriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  FileDescriptor(const FileDescriptor&) = delete;
  FileDescriptor& operator=(const FileDescriptor&) = delete;
  int get() const { return fd_; }

 private:
  int fd_;
};

[[noreturn]] void ThrowSystemError(const std::string& action, const fs::path& file, int number) {
  const std::string what = "cannot " + action + " " + file.string() + ": " + std::strerror(number);
  switch (number) {
    case ENOSPC:
    case EDQUOT: throw Error(ErrorCode::kResourceExhausted, what, "Free some space on that disk and try again.");
    case EACCES:
    case EPERM:
    case EROFS: throw Error(ErrorCode::kPermissionDenied, what, "Check who owns the file and its folder.");
    case ENOENT:
    case ENOTDIR: throw Error(ErrorCode::kNotFound, what, "Check the path.");
    default: throw Error(ErrorCode::kDataLoss, what, "Check the disk.");
  }
}

// Makes a rename durable: the folder's own entry list has to reach the disk.
void SyncFolder(const fs::path& folder, Disk& disk) {
  const FileDescriptor fd(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (fd.get() < 0) ThrowSystemError("open the folder", folder, errno);
  if (disk.Sync(fd.get()) != 0) ThrowSystemError("write the folder", folder, errno);
}

fs::path FolderOf(const fs::path& file) { return file.has_parent_path() ? file.parent_path() : fs::path("."); }

// Makes a new temporary file for `file` and holds its lock, which ends with the descriptor or the process: a file with
// a lock has a writer that lives, whichever process or container that is in.
int OpenTemporary(const fs::path& file, unsigned mode, fs::path& made) {
  static std::atomic<unsigned> counter{0};
  while (true) {
    made = FolderOf(file) / ("." + file.filename().string() + std::string(kTemporary) + std::to_string(::getpid()) +
                             "-" + std::to_string(++counter));
    const int fd = ::open(made.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
    if (fd < 0 && errno == EEXIST) continue;  // a process of the same number left it
    if (fd < 0) ThrowSystemError("write", file, errno);
    struct ::stat status {};
    while (::flock(fd, LOCK_EX) != 0 && errno == EINTR) {
    }
    if (::fstat(fd, &status) == 0 && status.st_nlink > 0) return fd;
    ::close(fd);  // swept between the two calls
  }
}

// Removes the temporary file unless the rename has happened.
class TemporaryFile {
 public:
  explicit TemporaryFile(fs::path path) : path_(std::move(path)) {}
  ~TemporaryFile() {
    if (!path_.empty()) ::unlink(path_.c_str());
  }
  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;
  const fs::path& path() const { return path_; }
  void Release() { path_.clear(); }

 private:
  fs::path path_;
};

void WriteAll(int fd, std::span<const std::byte> bytes, const fs::path& file, Disk& disk) {
  while (!bytes.empty()) {
    const std::int64_t written = disk.Write(fd, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) ThrowSystemError("write", file, errno);
    if (written == 0) ThrowSystemError("write", file, ENOSPC);
    bytes = bytes.subspan(static_cast<std::size_t>(written));
  }
}

}  // namespace

Disk& SystemDisk() {
  static RealDisk disk;
  return disk;
}

void RemoveTemporaries(const fs::path& dir) {
  for (const auto& entry : fs::recursive_directory_iterator(dir)) {
    const std::string name = entry.path().filename().string();
    if (!name.starts_with('.') || name.find(kTemporary) == std::string::npos || !entry.is_regular_file()) continue;
    const FileDescriptor fd(::open(entry.path().c_str(), O_RDWR | O_NOFOLLOW | O_CLOEXEC));
    if (fd.get() >= 0 && ::flock(fd.get(), LOCK_EX | LOCK_NB) == 0) ::unlink(entry.path().c_str());
  }
}

std::vector<std::byte> ReadFile(const fs::path& file, std::uint64_t limit) {
  const FileDescriptor fd(::open(file.c_str(), O_RDONLY | O_CLOEXEC));
  if (fd.get() < 0) ThrowSystemError("read", file, errno);
  struct ::stat status {};
  if (::fstat(fd.get(), &status) != 0) ThrowSystemError("read", file, errno);
  Require(S_ISREG(status.st_mode), "cannot read " + file.string() + ": it is no file");
  const auto size = static_cast<std::uint64_t>(status.st_size);
  if (size > limit) {
    throw Error(ErrorCode::kResourceExhausted, file.string() + " has " + std::to_string(size) + " bytes; at most " +
                                                   std::to_string(limit) + " are allowed here");
  }
  std::vector<std::byte> bytes(size);
  std::size_t done = 0;
  while (done < bytes.size()) {
    const auto got = ::read(fd.get(), bytes.data() + done, bytes.size() - done);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) ThrowSystemError("read", file, errno);
    if (got == 0) throw Error(ErrorCode::kDataLoss, "cannot read " + file.string() + ": it became shorter meanwhile");
    done += static_cast<std::size_t>(got);
  }
  return bytes;
}

std::string ReadTextFile(const fs::path& file, std::uint64_t limit) {
  const std::vector<std::byte> bytes = ReadFile(file, limit);
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

void WriteFileDurably(const fs::path& file, std::span<const std::byte> bytes, unsigned mode, Disk& disk) {
  fs::path made;
  const FileDescriptor fd(OpenTemporary(file, mode, made));
  TemporaryFile temporary(std::move(made));
  WriteAll(fd.get(), bytes, file, disk);
  if (disk.Sync(fd.get()) != 0) ThrowSystemError("write", file, errno);
  if (disk.Rename(temporary.path().c_str(), file.c_str()) != 0) ThrowSystemError("write", file, errno);
  temporary.Release();
  SyncFolder(FolderOf(file), disk);
}

void WriteFileDurably(const fs::path& file, std::string_view text, unsigned mode, Disk& disk) {
  WriteFileDurably(file, std::as_bytes(std::span(text.data(), text.size())), mode, disk);
}

FileStore::FileStore(fs::path dir, Disk& disk) : dir_(std::move(dir)), disk_(&disk) {
  std::error_code error;
  fs::create_directories(dir_, error);
  if (error) ThrowSystemError("make the folder", dir_, error.value());
  RemoveTemporaries(dir_);
}

fs::path FileStore::PathOf(const Digest& digest) const {
  const std::string hex = digest.Hex();
  return dir_ / hex.substr(0, 2) / hex;
}

bool FileStore::Has(const Digest& digest) const { return fs::exists(PathOf(digest)); }

void FileStore::MakeFolderOf(const fs::path& path) {
  std::error_code error;
  if (fs::create_directory(path.parent_path(), error)) SyncFolder(dir_, *disk_);
  if (error) ThrowSystemError("make the folder", path.parent_path(), error.value());
}

Digest FileStore::Put(std::span<const std::byte> bytes) {
  const Digest digest = DigestOf(bytes);
  if (Has(digest)) return digest;
  MakeFolderOf(PathOf(digest));
  WriteFileDurably(PathOf(digest), bytes, 0644, *disk_);
  return digest;
}

Digest FileStore::Adopt(const fs::path& file) {
  const Digest digest = DigestOfFile(file);
  const fs::path path = PathOf(digest);
  MakeFolderOf(path);
  {
    const FileDescriptor fd(::open(file.c_str(), O_RDONLY | O_CLOEXEC));
    if (fd.get() < 0) ThrowSystemError("read", file, errno);
    if (disk_->Sync(fd.get()) != 0) ThrowSystemError("write", file, errno);
  }
  if (disk_->Rename(file.c_str(), path.c_str()) != 0)
    ThrowSystemError("move to " + path.string() + " the file", file, errno);
  SyncFolder(path.parent_path(), *disk_);
  return digest;
}

std::vector<std::byte> FileStore::Get(const Digest& digest) const {
  auto bytes = ReadFile(PathOf(digest));
  if (DigestOf(bytes) != digest) {
    throw Error(ErrorCode::kDataLoss, "the file " + PathOf(digest).string() + " is damaged: its digest is another",
                "Remove it; it will be fetched or made again.");
  }
  return bytes;
}

void FileStore::Remove(const Digest& digest) {
  const fs::path path = PathOf(digest);
  if (::unlink(path.c_str()) != 0 && errno != ENOENT) ThrowSystemError("remove", path, errno);
}

}  // namespace consilium
