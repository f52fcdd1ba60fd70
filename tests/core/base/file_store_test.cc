// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "core/base/file_store.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <string>
#include <thread>
#include <vector>

#include "tests/support/expect_error.h"
#include "tests/support/faulty_disk.h"
#include "tests/support/temporary_folder.h"

namespace consilium {
namespace {

namespace fs = std::filesystem;

std::span<const std::byte> Bytes(std::string_view text) { return std::as_bytes(std::span(text.data(), text.size())); }

std::string Content(const fs::path& file) {
  const auto bytes = ReadFile(file);
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

int FilesIn(const fs::path& folder) {
  int count = 0;
  for (const auto& entry : fs::recursive_directory_iterator(folder)) count += entry.is_regular_file() ? 1 : 0;
  return count;
}

TEST(WriteFileDurablyTest, WritesReplacesAndSetsTheMode) {
  const TemporaryFolder folder;
  WriteFileDurably(folder / "a", "one");
  EXPECT_EQ(Content(folder / "a"), "one");
  WriteFileDurably(folder / "a", "", 0600);
  EXPECT_EQ(Content(folder / "a"), "");
  struct ::stat status {};
  ASSERT_EQ(::stat((folder / "a").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777u, 0600u);
  EXPECT_EQ(FilesIn(folder.path()), 1);
}

// The disk fails at its first call, its second, ... until nothing fails: the file always holds the old text or the new.
TEST(WriteFileDurablyTest, AFailureAtAnyCallLeavesTheOldTextOrTheNew) {
  const TemporaryFolder folder;
  const std::string old_text = "old", new_text(100, 'n');
  std::int64_t calls = 1;
  for (;; ++calls) {
    WriteFileDurably(folder / "a", old_text);
    FaultyDisk disk(calls);
    try {
      WriteFileDurably(folder / "a", new_text, 0644, disk);
      break;
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kResourceExhausted);
      const std::string content = Content(folder / "a");
      EXPECT_TRUE(content == old_text || content == new_text) << content;
      EXPECT_EQ(FilesIn(folder.path()), 1) << "a temporary file was left";
    }
  }
  EXPECT_EQ(calls, 5);  // write, fsync, rename and fsync of the folder can fail
  EXPECT_EQ(Content(folder / "a"), new_text);
}

TEST(WriteFileDurablyTest, AFullDiskSaysWhatToDo) {
  const TemporaryFolder folder;
  FaultyDisk full(1);
  ExpectError(ErrorCode::kResourceExhausted, "No space left on device\n  Free some space on that disk and try again.",
              [&] { WriteFileDurably(folder / "model", "text", 0644, full); });
  FaultyDisk broken(1, EIO);
  ExpectError(ErrorCode::kDataLoss,
              "cannot write " + (folder / "model").string() + ": Input/output error\n  Check the disk.",
              [&] { WriteFileDurably(folder / "model", "text", 0644, broken); });
  FaultyDisk read_only(3, EROFS);
  ExpectError(ErrorCode::kPermissionDenied, "Check who owns the file",
              [&] { WriteFileDurably(folder / "model", "text", 0644, read_only); });
  ExpectError(ErrorCode::kNotFound, "cannot write", [&] { WriteFileDurably(folder / "no" / "such", "text"); });
}

TEST(WriteFileDurablyTest, ShortAndInterruptedWritesGoOn) {
  const TemporaryFolder folder;
  SlowDisk slow;
  const std::string text(1000, 'x');
  WriteFileDurably(folder / "a", text, 0644, slow);
  EXPECT_EQ(Content(folder / "a"), text);
}

TEST(ReadFileTest, LimitsBeforeAllocating) {
  const TemporaryFolder folder;
  WriteFileDurably(folder / "a", "12345");
  EXPECT_EQ(ReadFile(folder / "a", 5).size(), 5u);
  ExpectError(ErrorCode::kResourceExhausted, "has 5 bytes; at most 4 are allowed here",
              [&] { ReadFile(folder / "a", 4); });
  fs::resize_file(folder / "a", std::uint64_t{1} << 40);  // a sparse terabyte
  ExpectError(ErrorCode::kResourceExhausted, "has 1099511627776 bytes", [&] { ReadFile(folder / "a"); });
  ExpectError(ErrorCode::kNotFound, "cannot read", [&] { ReadFile(folder / "none"); });
  ExpectError(ErrorCode::kInvalidArgument, "it is no file", [&] { ReadFile(folder.path()); });
}

TEST(FileStoreTest, PutsGetsAndRemoves) {
  const TemporaryFolder folder;
  FileStore store(folder / "models");
  const Digest digest = store.Put(Bytes("hello"));
  EXPECT_EQ(digest, DigestOf("hello"));
  EXPECT_EQ(store.PathOf(digest), folder / "models" / "2c" / DigestOf("hello").Hex());
  EXPECT_TRUE(store.Has(digest));
  EXPECT_EQ(store.Get(digest).size(), 5u);
  EXPECT_EQ(store.Put(Bytes("hello")), digest);
  EXPECT_EQ(FilesIn(folder.path()), 1);
  store.Remove(digest);
  store.Remove(digest);
  EXPECT_FALSE(store.Has(digest));
  ExpectError(ErrorCode::kNotFound, "cannot read", [&] { store.Get(digest); });
}

TEST(FileStoreTest, ADamagedFileIsNeverHandedOut) {
  const TemporaryFolder folder;
  FileStore store(folder.path());
  const Digest digest = store.Put(Bytes("hello"));
  std::ofstream(store.PathOf(digest), std::ios::binary) << "hellO";
  ExpectError(ErrorCode::kDataLoss, "is damaged: its digest is another\n  Remove it", [&] { store.Get(digest); });
}

TEST(FileStoreTest, WhatACrashLeftIsSweptAndDoesNoHarm) {
  const TemporaryFolder folder;
  Digest digest;
  {
    FileStore store(folder.path());
    digest = store.Put(Bytes("hello"));
  }
  const fs::path leftover = folder / "2c" / ("." + digest.Hex() + ".tmp-99-1");
  std::ofstream(leftover) << "hel";
  FileStore again(folder.path());
  EXPECT_FALSE(fs::exists(leftover));
  EXPECT_EQ(again.Get(digest).size(), 5u);
}

// Somebody opens the store (`egress list`, say) while an update is being written by the service.
class VisitedDisk : public Disk {
 public:
  explicit VisitedDisk(fs::path store) : store_(std::move(store)) {}
  std::int64_t Write(int fd, const void* bytes, std::size_t size) override {
    Visit();
    return SystemDisk().Write(fd, bytes, size);
  }
  int Sync(int fd) override {
    Visit();
    return SystemDisk().Sync(fd);
  }
  int Rename(const char* from, const char* to) override {
    Visit();
    return SystemDisk().Rename(from, to);
  }

 private:
  // Another process has locks of its own: a fork is one.
  void Visit() const {
    const pid_t child = ::fork();
    if (child == 0) {
      const FileStore visitor(store_);
      ::_exit(0);
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    EXPECT_EQ(status, 0);
    const FileStore same_process(store_);
  }
  fs::path store_;
};

TEST(FileStoreTest, WhatSomebodyIsWritingIsNotSwept) {
  const TemporaryFolder folder;
  VisitedDisk disk(folder.path());
  FileStore store(folder.path(), disk);
  const Digest digest = store.Put(Bytes("hello"));
  EXPECT_EQ(store.Get(digest).size(), 5u);
  EXPECT_EQ(FilesIn(folder.path()), 1);
  WriteFileDurably(folder / "current.json", "{}", 0600, disk);
  EXPECT_EQ(Content(folder / "current.json"), "{}");
}

TEST(FileStoreTest, AFailureAtAnyCallLeavesNoHalfFile) {
  const TemporaryFolder folder;
  for (std::int64_t calls = 1;; ++calls) {
    fs::remove_all(folder / "store");
    FaultyDisk disk(calls);
    FileStore store(folder / "store", disk);
    try {
      store.Put(Bytes("hello"));
      EXPECT_EQ(calls, 6);  // the folder's own fsync comes first
      break;
    } catch (const Error&) {
      const FileStore reopened(folder / "store");
      EXPECT_TRUE(!reopened.Has(DigestOf("hello")) || reopened.Get(DigestOf("hello")).size() == 5);
    }
  }
}

TEST(FileStoreTest, AdoptsAFinishedSpool) {
  const TemporaryFolder folder;
  FileStore store(folder / "store");
  std::ofstream(folder / "spool") << "hello";
  EXPECT_EQ(store.Adopt(folder / "spool"), DigestOf("hello"));
  EXPECT_FALSE(fs::exists(folder / "spool"));
  EXPECT_EQ(store.Get(DigestOf("hello")).size(), 5u);
  ExpectError(ErrorCode::kNotFound, "cannot read", [&] { store.Adopt(folder / "spool"); });
}

TEST(FileStoreTest, ManyThreadsMayPutTheSame) {
  const TemporaryFolder folder;
  FileStore store(folder.path());
  {
    std::vector<std::jthread> threads;
    for (int t = 0; t < 4; ++t) {
      threads.emplace_back([&] {
        for (int i = 0; i < 20; ++i) store.Put(Bytes("same " + std::to_string(i)));
      });
    }
  }
  EXPECT_EQ(FilesIn(folder.path()), 20);
  for (int i = 0; i < 20; ++i) EXPECT_FALSE(store.Get(DigestOf("same " + std::to_string(i))).empty());
}

}  // namespace
}  // namespace consilium
