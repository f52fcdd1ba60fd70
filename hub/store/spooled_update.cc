// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "hub/store/spooled_update.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <bit>
#include <cstring>
#include <utility>

#include "core/base/error.h"

namespace consilium {
namespace {

static_assert(std::endian::native == std::endian::little, "safetensors data is little-endian");

std::span<const std::byte> Map(const std::filesystem::path& file, const std::string& name) {
  const int descriptor = open(file.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) throw Error(ErrorCode::kDataLoss, name + ": its file is gone from the spool");
  struct stat status {};
  void* memory = MAP_FAILED;
  if (fstat(descriptor, &status) == 0 && status.st_size > 0) {
    memory = mmap(nullptr, static_cast<std::size_t>(status.st_size), PROT_READ, MAP_PRIVATE, descriptor, 0);
  }
  close(descriptor);
  if (memory == MAP_FAILED) throw Error(ErrorCode::kInvalidArgument, name + ": the file is empty or cannot be mapped");
  return {static_cast<const std::byte*>(memory), static_cast<std::size_t>(status.st_size)};
}

void Unmap(std::span<const std::byte> mapped) {
  if (!mapped.empty()) munmap(const_cast<std::byte*>(mapped.data()), mapped.size());
}

}  // namespace

SpooledUpdate::SpooledUpdate(const std::filesystem::path& file, const std::string& name) : mapped_(Map(file, name)) {
  try {
    header_ = ParseUpdateHeader(mapped_, mapped_.size(), name);
  } catch (const std::exception&) {
    Unmap(mapped_);
    throw;
  }
  count_ = static_cast<std::int64_t>((mapped_.size() - header_.layout.data_begin) / sizeof(float));
}

SpooledUpdate::~SpooledUpdate() { Unmap(mapped_); }

SpooledUpdate::SpooledUpdate(SpooledUpdate&& other) noexcept
    : mapped_(std::exchange(other.mapped_, {})), header_(std::move(other.header_)), count_(other.count_) {}

void SpooledUpdate::Read(std::int64_t first, std::span<float> values) const {
  Ensure(first >= 0 && first + static_cast<std::int64_t>(values.size()) <= count_, "a read beyond an update's end");
  if (values.empty()) return;
  // Copied, not cast: the data part of a foreign file need not be aligned.
  std::memcpy(values.data(),
              mapped_.data() + header_.layout.data_begin + static_cast<std::size_t>(first) * sizeof(float),
              values.size_bytes());
}

}  // namespace consilium
