// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include <dcmtk/config/osconfig.h>
#include <dcmtk/dcmdata/dcpixseq.h>
#include <dcmtk/dcmdata/dcpxitem.h>
#include <dcmtk/dcmdata/dctk.h>

#include <cstring>
#include <fstream>
#include <limits>

#include "core/base/error.h"
#include "imaging/dicom/compressed_frame.h"
#include "imaging/dicom/dicom_file.h"
#include "imaging/dicom/gantry_tilt.h"
#include "imaging/dicom/series_reader.h"

namespace consilium {
namespace {

[[noreturn]] void Damaged(const Slice& slice, const std::string& why) {
  throw Error(ErrorCode::kDataLoss, "cannot read the pixels of " + slice.file.string() + ": " + why,
              "The file is damaged or has changed: export the series again.");
}

// What a stored sample becomes in a Volume: sign-extended from its bits, or moved down by `shift`.
struct Conversion {
  std::uint16_t mask = 0xFFFF;
  std::uint16_t sign_bit = 0;  // 0 for unsigned
  std::int32_t shift = 0;

  explicit Conversion(const PixelFormat& format) {
    mask = static_cast<std::uint16_t>((1u << format.bits_stored) - 1u);
    if (format.is_signed) sign_bit = static_cast<std::uint16_t>(1u << (format.bits_stored - 1));
    if (!format.is_signed && format.bits_stored == 16) shift = 32768;
  }

  std::int16_t operator()(std::uint16_t stored) const {
    const std::int32_t value = (stored & mask) ^ sign_bit;
    return static_cast<std::int16_t>(value - sign_bit - shift);
  }
};

void ReadRaw(const Slice& slice, std::vector<char>& bytes, std::size_t count) {
  bytes.resize(count);
  std::ifstream in(slice.file, std::ios::binary);
  in.seekg(static_cast<std::streamoff>(slice.pixel_offset));
  if (!in.read(bytes.data(), static_cast<std::streamsize>(bytes.size()))) Damaged(slice, "it ends too early");
}

// The one compressed frame of a file: all its fragments, one after another.
std::vector<std::uint8_t> FrameOf(const Slice& slice, DcmDataset& dataset) {
  DcmElement* element = nullptr;
  DcmPixelSequence* sequence = nullptr;
  dataset.findAndGetElement(DCM_PixelData, element);
  auto* pixels = dynamic_cast<DcmPixelData*>(element);
  if (pixels == nullptr || pixels->getEncapsulatedRepresentation(dataset.getOriginalXfer(), nullptr, sequence).bad() ||
      !sequence) {
    Damaged(slice, "no compressed pixels");
  }
  std::vector<std::uint8_t> frame;
  for (unsigned long i = 1; i < sequence->card(); ++i) {  // the first item is the offset table
    DcmPixelItem* fragment = nullptr;
    Uint8* bytes = nullptr;
    if (sequence->getItem(fragment, i).bad() || fragment->getUint8Array(bytes).bad()) Damaged(slice, "a bad fragment");
    if (bytes != nullptr) frame.insert(frame.end(), bytes, bytes + fragment->getLength());
  }
  return frame;
}

void Decode(const Slice& slice, std::vector<char>& out, std::size_t size, const FrameFormat& format) {
  const DicomFile file = OpenDicom(slice.file, ReadPart::kWithPixels);
  DcmDataset& dataset = *file->getDataset();
  const std::vector<std::uint8_t> frame = FrameOf(slice, dataset);
  const bool rle = dataset.getOriginalXfer() == EXS_RLELossless;
  const std::string fault = rle ? FaultOfRle(frame, format) : FaultOfJpeg(frame, format);
  if (!fault.empty()) Damaged(slice, fault);
  if (const OFCondition decoded = dataset.chooseRepresentation(EXS_LittleEndianExplicit, nullptr); decoded.bad()) {
    Damaged(slice, decoded.text());
  }
  unsigned long count = 0;
  const Uint8* bytes8 = nullptr;
  const Uint16* words = nullptr;
  const void* pixels = nullptr;
  if (dataset.findAndGetUint16Array(DCM_PixelData, words, &count).good() && words != nullptr) {
    pixels = words;
    count *= 2;
  } else if (format.bytes == 1 && dataset.findAndGetUint8Array(DCM_PixelData, bytes8, &count).good()) {
    pixels = bytes8;
  }
  if (pixels == nullptr || count < size) Damaged(slice, "fewer pixels than rows and columns say");
  out.resize(size);
  std::memcpy(out.data(), pixels, size);
}

}  // namespace

Volume ToVolume(const Series& series, SeriesKey key) {
  Volume volume{std::move(key), series.modality, series.geometry, {}, {}, {}};
  const StoredSize stored = series.tilted.value_or(StoredSize{series.geometry.size.x, series.geometry.size.y});
  const auto in_slice = static_cast<std::size_t>(stored.columns * stored.rows);
  const bool wide = series.format.bits_allocated == 16;
  const Conversion convert(series.format);
  const std::size_t in_bytes = in_slice * (wide ? 2 : 1);
  const FrameFormat frame{stored.rows, stored.columns, wide ? 2 : 1};
  std::vector<char> bytes;
  for (const Slice& slice : series.slices) {
    if (slice.pixel_offset != 0) {
      ReadRaw(slice, bytes, in_bytes);
    } else {
      Decode(slice, bytes, in_bytes, frame);
    }
    if (volume.voxels.empty()) volume.voxels.resize(in_slice * series.slices.size());  // once there are pixels at all
    std::int16_t* out = volume.voxels.data() + in_slice * volume.slope.size();
    for (std::size_t i = 0; i < in_slice; ++i) {
      const auto low = static_cast<unsigned char>(bytes[wide ? 2 * i : i]);
      const auto high = static_cast<unsigned char>(wide ? bytes[2 * i + 1] : 0);
      *out++ = convert(static_cast<std::uint16_t>(low | (high << 8)));
    }
    volume.slope.push_back(static_cast<float>(slice.slope));
    volume.intercept.push_back(static_cast<float>(slice.intercept + slice.slope * convert.shift));
  }
  return series.tilted ? Straighten(series, std::move(volume)) : volume;
}

}  // namespace consilium
