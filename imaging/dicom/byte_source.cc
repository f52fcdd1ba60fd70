// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "imaging/dicom/byte_source.h"

#include <zlib.h>

#include <algorithm>
#include <cstring>
#include <new>

namespace consilium {
namespace {

constexpr const char* kDamaged = "its deflated data set is damaged or ends too early";

std::span<char> Chars(unsigned char* bytes, std::size_t count) { return {reinterpret_cast<char*>(bytes), count}; }

}  // namespace

FileBytes::FileBytes(const OpenFile& file) : file_(file) { size_ = file.size(); }

void FileBytes::Fill(std::uint64_t offset, std::uint64_t count) {
  start_ = offset;
  filled_ = file_.ReadAt(offset, Chars(buffer_.data(), buffer_.size()));
  if (filled_ < count) throw ScanFault{"the file cannot be read to its end"};
}

Inflater::Inflater(const OpenFile& file, std::uint64_t from)
    : file_(file), next_(from), stream_(std::make_unique<z_stream_s>()) {
  *stream_ = {};
  if (inflateInit2(stream_.get(), -MAX_WBITS) != Z_OK) throw std::bad_alloc();  // negative: no zlib header
}

Inflater::~Inflater() { inflateEnd(stream_.get()); }

std::size_t Inflater::Read(std::span<char> to) {
  stream_->next_out = reinterpret_cast<Bytef*>(to.data());
  stream_->avail_out = static_cast<uInt>(to.size());
  while (!ended_ && stream_->avail_out > 0) {
    if (stream_->avail_in == 0) {
      const std::size_t got = file_.ReadAt(next_, input_);
      if (got == 0) throw ScanFault{kDamaged};
      next_ += got;
      stream_->next_in = reinterpret_cast<Bytef*>(input_.data());
      stream_->avail_in = static_cast<uInt>(got);
    }
    const int state = inflate(stream_.get(), Z_NO_FLUSH);
    ended_ = state == Z_STREAM_END;
    if (state == Z_MEM_ERROR) throw std::bad_alloc();
    if (!ended_ && state != Z_OK) throw ScanFault{kDamaged};
  }
  return to.size() - stream_->avail_out;
}

InflatedBytes::InflatedBytes(const OpenFile& file, std::uint64_t from, std::uint64_t most)
    : file_(file), from_(from), inflater_(std::make_unique<Inflater>(file, from)) {
  while (const std::size_t made = inflater_->Read(Chars(buffer_.data(), buffer_.size()))) {
    size_ += made;
    if (size_ > most) throw ScanFault{"its deflated data set is larger than any scanner writes"};
  }
  inflater_ = std::make_unique<Inflater>(file_, from_);
}

void InflatedBytes::Fill(std::uint64_t offset, std::uint64_t count) {
  if (offset < start_) {
    inflater_ = std::make_unique<Inflater>(file_, from_);
    start_ = filled_ = 0;
  }
  while (offset + count > start_ + filled_) {
    const std::uint64_t passed = std::min(offset - start_, filled_);
    std::memmove(buffer_.data(), buffer_.data() + passed, filled_ - passed);
    start_ += passed;
    filled_ -= passed;
    const std::size_t made = inflater_->Read(Chars(buffer_.data() + filled_, buffer_.size() - filled_));
    if (made == 0) throw ScanFault{kDamaged};  // the file has changed since its size was measured
    filled_ += made;
  }
}

}  // namespace consilium
