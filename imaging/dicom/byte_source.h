// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "imaging/dicom/open_file.h"

struct z_stream_s;

namespace consilium {

// A fault of a file, thrown inside the pre-scan only: it ends the walk from any depth.
struct ScanFault {
  std::string words;
};

// Access to bytes through one small buffer: what the pre-scan walks over.
class ByteSource {
 public:
  virtual ~ByteSource() = default;
  std::uint64_t size() const { return size_; }

  // `count` bytes at `offset` (at most the size of the buffer), valid until the next call. The caller has checked that
  // they lie within size(). Throws ScanFault.
  const unsigned char* At(std::uint64_t offset, std::uint64_t count) {
    if (offset < start_ || offset + count > start_ + filled_) Fill(offset, count);
    return buffer_.data() + (offset - start_);
  }

 protected:
  virtual void Fill(std::uint64_t offset, std::uint64_t count) = 0;

  std::uint64_t size_ = 0, start_ = 0, filled_ = 0;
  std::array<unsigned char, 16384> buffer_;
};

// The bytes of a file.
class FileBytes : public ByteSource {
 public:
  explicit FileBytes(const OpenFile& file);  // which must outlive it

 private:
  void Fill(std::uint64_t offset, std::uint64_t count) override;
  const OpenFile& file_;
};

// Inflates the deflate stream that starts at `from` in a file, piece by piece, front to back.
class Inflater {
 public:
  Inflater(const OpenFile& file, std::uint64_t from);  // the file must outlive it
  ~Inflater();
  Inflater(const Inflater&) = delete;
  Inflater& operator=(const Inflater&) = delete;

  // How many bytes were made: fewer than asked for only at the end of the stream. Throws ScanFault if it is damaged.
  std::size_t Read(std::span<char> to);

 private:
  const OpenFile& file_;
  std::uint64_t next_;
  std::unique_ptr<z_stream_s> stream_;
  bool ended_ = false;
  std::array<char, 16384> input_;
};

// What a deflate stream inflates to, in the memory of one buffer however large that is. Offsets should grow.
class InflatedBytes : public ByteSource {
 public:
  // Inflates it once to know its size: throws ScanFault if that is more than `most`, or if the stream is damaged.
  InflatedBytes(const OpenFile& file, std::uint64_t from, std::uint64_t most);

 private:
  void Fill(std::uint64_t offset, std::uint64_t count) override;
  const OpenFile& file_;
  std::uint64_t from_;
  std::unique_ptr<Inflater> inflater_;
};

}  // namespace consilium
