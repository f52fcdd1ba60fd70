// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <span>
#include <stop_token>
#include <vector>

#include "core/data/volume.h"
#include "imaging/dicom/open_file.h"
#include "imaging/dicom/series.h"

namespace consilium {

// Reads the pixels of slices of one size and format. One for each thread: it keeps its buffers between slices.
class PixelReader {
 public:
  PixelReader(const PixelFormat& format, std::int64_t rows, std::int64_t columns);

  // The voxels of one slice, as in a Volume: `to` has rows * columns of them. Uncompressed pixels go straight from the
  // file to their place. Throws Error(kDataLoss) naming the file if it is damaged or has changed since it was scanned.
  void Read(const OpenFile& file, const PixelPlace& place, std::span<std::int16_t> to);

  // What the voxels of a Volume lack against the stored numbers: 32768 for unsigned pixels of 16 bits.
  std::int32_t shift() const { return shift_; }

 private:
  void ReadFragments(const OpenFile& file, const PixelPlace& place);
  void ReadBytes(const OpenFile& file, const PixelPlace& place, std::span<char> to);
  void Convert(std::span<std::int16_t> voxels) const;

  PixelFormat format_;
  std::int64_t rows_, columns_;
  std::int32_t shift_;
  std::vector<std::uint8_t> frame_;
  std::vector<char> bytes_;
};

// As ToVolume(), with files that `open` opens (from several threads) or already has open. Throws Error(kCancelled),
// too.
Volume ReadVolume(const Series& series, SeriesKey key, const std::stop_token& stop,
                  const std::function<std::unique_ptr<OpenFile>(const std::filesystem::path&)>& open);

}  // namespace consilium
