// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "imaging/dicom/pixel_reader.h"

#include <algorithm>
#include <array>
#include <bit>
#include <exception>

#include "core/base/error.h"
#include "core/base/parallel.h"
#include "imaging/dicom/byte_source.h"
#include "imaging/dicom/frame_decoder.h"
#include "imaging/dicom/gantry_tilt.h"
#include "imaging/dicom/series_reader.h"

namespace consilium {
namespace {

static_assert(std::endian::native == std::endian::little, "pixels go from the file to their place as they are");

[[noreturn]] void Damaged(const OpenFile& file, const std::string& why) {
  throw Error(ErrorCode::kDataLoss, "cannot read the pixels of " + file.path().string() + ": " + why,
              "The file is damaged or has changed: export the series again.");
}

// What the pre-scan passes over at `from` in a deflated data set, and then `to`.
bool ReadInflated(const OpenFile& file, const PixelPlace& place, std::span<char> to) {
  try {
    Inflater inflater(file, place.dataset);
    std::array<char, 16384> passed;
    for (std::uint64_t left = place.offset; left > 0;) {
      const std::size_t made = inflater.Read(std::span(passed).first(std::min<std::size_t>(left, passed.size())));
      if (made == 0) return false;
      left -= made;
    }
    return inflater.Read(to) == to.size();
  } catch (const ScanFault&) {
    return false;
  }
}

void SwapPairs(std::span<char> bytes) {
  for (std::size_t i = 0; i + 1 < bytes.size(); i += 2) std::swap(bytes[i], bytes[i + 1]);
}

}  // namespace

PixelReader::PixelReader(const PixelFormat& format, std::int64_t rows, std::int64_t columns)
    : format_(format),
      rows_(rows),
      columns_(columns),
      shift_(!format.is_signed && format.bits_stored == 16 ? 32768 : 0) {}

void PixelReader::Read(const OpenFile& file, const PixelPlace& place, std::span<std::int16_t> to) {
  const auto check = [&] {
    if (file.StampNow() != place.stamp) Damaged(file, "it has changed since its header was read");
  };
  check();
  const bool wide = format_.bits_allocated == 16;
  std::span<char> bytes(reinterpret_cast<char*>(to.data()), to.size() * 2);
  if (!wide) {
    bytes_.resize((to.size() + 1) / 2 * 2);
    bytes = bytes_;
  }
  if (place.syntax->coding == PixelCoding::kNative) {
    // The value has an even length, so there is a byte after an odd count of 8-bit pixels, if not in every file.
    ReadBytes(file, place, bytes.first(std::min<std::size_t>(bytes.size(), place.bytes)));
  } else {
    bytes = bytes.first(to.size() * (wide ? 2 : 1));
    ReadFragments(file, place);
    const FrameFormat frame{rows_, columns_, wide ? 2 : 1, format_.bits_stored, format_.is_signed};
    const std::string fault = DecodeFrame(*place.syntax, frame_, frame, bytes);
    if (!fault.empty()) Damaged(file, fault);
  }
  check();
  if (!wide) {
    for (std::size_t i = 0; i < to.size(); ++i) to[i] = static_cast<std::uint8_t>(bytes_[i]);
  }
  Convert(to);
}

void PixelReader::ReadBytes(const OpenFile& file, const PixelPlace& place, std::span<char> to) {
  const bool read = place.syntax->deflated ? ReadInflated(file, place, to) : file.ReadAt(place.offset, to) == to.size();
  if (!read) Damaged(file, "it ends too early");
  if (place.syntax->big_endian && (format_.bits_allocated == 16 || place.words)) SwapPairs(to);
}

// All fragments of the one frame, one after another, without the offset table. The pre-scan has seen that they fit.
void PixelReader::ReadFragments(const OpenFile& file, const PixelPlace& place) {
  frame_.clear();
  std::uint64_t at = place.offset;
  for (bool table = true;; table = false) {
    std::array<char, 8> header;
    if (file.ReadAt(at, header) != header.size()) Damaged(file, "it ends too early");
    const auto byte = [&](std::size_t i) { return static_cast<std::uint32_t>(static_cast<unsigned char>(header[i])); };
    if (byte(2) == 0xDD) break;  // the sequence ends
    const std::uint32_t length = byte(4) | byte(5) << 8 | byte(6) << 16 | byte(7) << 24;
    if (length > place.bytes - std::min<std::uint64_t>(frame_.size(), place.bytes)) Damaged(file, "a bad fragment");
    at += header.size();
    if (!table) {
      const std::size_t before = frame_.size();
      frame_.resize(before + length);
      const std::span<char> to(reinterpret_cast<char*>(frame_.data()) + before, length);
      if (file.ReadAt(at, to) != length) Damaged(file, "it ends too early");
    }
    at += length;
  }
}

// A stored sample is sign-extended from its bits, or moved down by shift(); what lies above its bits is no part of it.
void PixelReader::Convert(std::span<std::int16_t> voxels) const {
  if (format_.is_signed && format_.bits_stored == 16) return;
  const auto mask = static_cast<std::uint16_t>((1U << format_.bits_stored) - 1U);
  const auto sign = static_cast<std::uint16_t>(format_.is_signed ? 1U << (format_.bits_stored - 1) : 0U);
  const auto down = static_cast<std::uint16_t>(sign + shift_);
  for (std::int16_t& voxel : voxels) {
    const auto bits = static_cast<std::uint16_t>((static_cast<std::uint16_t>(voxel) & mask) ^ sign);
    voxel = static_cast<std::int16_t>(static_cast<std::uint16_t>(bits - down));
  }
}

Volume ReadVolume(const Series& series, SeriesKey key, const std::stop_token& stop,
                  const std::function<std::unique_ptr<OpenFile>(const std::filesystem::path&)>& open) {
  Volume volume{std::move(key), series.modality, series.geometry, {}, {}, {}};
  const StoredSize stored = series.tilted.value_or(StoredSize{series.geometry.size.x, series.geometry.size.y});
  const auto in_slice = static_cast<std::size_t>(stored.columns * stored.rows);
  const PixelReader reader(series.format, stored.rows, stored.columns);
  for (const Slice& slice : series.slices) {
    volume.slope.push_back(static_cast<float>(slice.slope));
    volume.intercept.push_back(static_cast<float>(slice.intercept + slice.slope * reader.shift()));
  }
  const int threads = WorkingThreads();
  std::vector<PixelReader> readers(static_cast<std::size_t>(threads), reader);
  const auto read = [&](int thread, std::int64_t k, std::span<std::int16_t> to) {
    const Slice& slice = series.slices[static_cast<std::size_t>(k)];
    readers[static_cast<std::size_t>(thread)].Read(*open(slice.file), slice.pixels, to);
  };
  std::vector<std::int16_t> first(in_slice);
  read(0, 0, first);
  volume.voxels.resize(in_slice * series.slices.size());  // for all only once there are pixels at all
  std::copy(first.begin(), first.end(), volume.voxels.begin());
  const std::span<std::int16_t> voxels(volume.voxels);
  InParallel(std::ssize(series.slices) - 1, threads, stop, [&](int thread, std::int64_t i) {
    read(thread, i + 1, voxels.subspan(in_slice * static_cast<std::size_t>(i + 1), in_slice));
  });
  if (series.tilted) return Straighten(series, std::move(volume));
  return volume;
}

Volume ToVolume(const Series& series, SeriesKey key) {
  return ReadVolume(series, std::move(key), {}, [](const auto& path) { return std::make_unique<OpenFile>(path); });
}

}  // namespace consilium
