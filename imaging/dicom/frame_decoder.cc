// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "imaging/dicom/frame_decoder.h"

#include <dcmtk/config/osconfig.h>
#include <dcmtk/dcmdata/dcpixel.h>
#include <dcmtk/dcmdata/dcpixseq.h>
#include <dcmtk/dcmdata/dcpxitem.h>
#include <dcmtk/dcmdata/dcrledrg.h>
#include <dcmtk/dcmdata/dctk.h>
#include <dcmtk/dcmjpeg/djdecode.h>
#include <dcmtk/dcmjpls/djdecode.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <mutex>

#include "imaging/dicom/dicom_file.h"

namespace consilium {
namespace {

constexpr const char* kTooFew = "fewer pixels than rows and columns say";

void RegisterCodecs() {
  static std::once_flag once;
  std::call_once(once, [] {
    PrepareDcmtk();
    DcmRLEDecoderRegistration::registerCodecs();
    DJDecoderRegistration::registerCodecs();
    DJLSDecoderRegistration::registerCodecs();
  });
}

// An image that holds the frame and what a codec asks its header for.
OFCondition MakeImage(DcmDataset& image, E_TransferSyntax syntax, std::span<const std::uint8_t> frame,
                      const FrameFormat& format) {
  const auto number = [&](const DcmTagKey& tag, std::int64_t value) {
    return image.putAndInsertUint16(tag, static_cast<Uint16>(value));
  };
  OFCondition done = number(DCM_SamplesPerPixel, 1);
  if (done.good()) done = image.putAndInsertString(DCM_PhotometricInterpretation, "MONOCHROME2");
  if (done.good()) done = number(DCM_Rows, format.rows);
  if (done.good()) done = number(DCM_Columns, format.columns);
  if (done.good()) done = number(DCM_BitsAllocated, 8 * format.bytes);
  if (done.good()) done = number(DCM_BitsStored, format.bits_stored);
  if (done.good()) done = number(DCM_HighBit, format.bits_stored - 1);
  if (done.good()) done = number(DCM_PixelRepresentation, format.is_signed ? 1 : 0);
  if (done.bad()) return done;
  auto table = std::make_unique<DcmPixelItem>(DcmTag(DCM_PixelItemTag));
  auto item = std::make_unique<DcmPixelItem>(DcmTag(DCM_PixelItemTag));
  done = item->putUint8Array(frame.data(), static_cast<unsigned long>(frame.size()));
  if (done.bad()) return done;
  auto sequence = std::make_unique<DcmPixelSequence>(DcmTag(DCM_PixelSequenceTag));
  done = sequence->insert(table.get());
  if (done.good()) table.release();
  if (done.good()) done = sequence->insert(item.get());
  if (done.bad()) return done;
  item.release();
  auto pixels = std::make_unique<DcmPixelData>(DcmTag(DCM_PixelData));
  pixels->putOriginalRepresentation(syntax, nullptr, sequence.release());
  done = image.insert(pixels.get());
  if (done.good()) pixels.release();
  return done;
}

std::string DecodeByDcmtk(std::string_view syntax, std::span<const std::uint8_t> frame, const FrameFormat& format,
                          std::span<char> pixels) {
  RegisterCodecs();
  DcmDataset image;
  const E_TransferSyntax from = DcmXfer(std::string(syntax).c_str()).getXfer();
  OFCondition done = MakeImage(image, from, frame, format);
  if (done.good()) done = image.chooseRepresentation(EXS_LittleEndianExplicit, nullptr);
  if (done.bad()) return done.text();
  unsigned long count = 0;
  const Uint8* bytes = nullptr;
  const Uint16* words = nullptr;
  const void* decoded = nullptr;
  if (image.findAndGetUint16Array(DCM_PixelData, words, &count).good() && words != nullptr) {
    decoded = words;
    count *= 2;
  } else if (format.bytes == 1 && image.findAndGetUint8Array(DCM_PixelData, bytes, &count).good()) {
    decoded = bytes;
  }
  if (decoded == nullptr || count < pixels.size()) return kTooFew;
  std::memcpy(pixels.data(), decoded, pixels.size());
  return {};
}

// A lossy JPEG 2000 codestream may go beyond the stored bits where it has more of them (GDCM's encoder takes the bits
// allocated): to be cut at the ends of their range, not wrapped around.
void ClampToStored(const FrameFormat& format, std::span<char> pixels) {
  if (format.bytes != 2 || format.bits_stored == 16) return;
  const int range = 1 << format.bits_stored, low = format.is_signed ? -range / 2 : 0;
  for (std::size_t i = 0; i + 1 < pixels.size(); i += 2) {
    const auto bits = static_cast<std::uint16_t>(static_cast<unsigned char>(pixels[i]) |
                                                 static_cast<unsigned char>(pixels[i + 1]) << 8);
    const int value = std::clamp<int>(format.is_signed ? static_cast<std::int16_t>(bits) : bits, low, low + range - 1);
    pixels[i] = static_cast<char>(value);
    pixels[i + 1] = static_cast<char>(value >> 8);
  }
}

}  // namespace

std::string DecodeFrame(const TransferSyntax& syntax, std::span<const std::uint8_t> frame, const FrameFormat& format,
                        std::span<char> pixels) {
  std::string fault;
  switch (syntax.coding) {
    case PixelCoding::kRle: fault = FaultOfRle(frame, format); break;
    case PixelCoding::kJpeg: fault = FaultOfJpeg(frame, format); break;
    case PixelCoding::kJpeg2000:
      fault = FaultOfJpeg2000(frame, format);
      if (fault.empty()) fault = DecodeJpeg2000(frame, format, pixels);
      if (fault.empty() && syntax.lossy) ClampToStored(format, pixels);
      return fault;
    case PixelCoding::kNative:
    case PixelCoding::kFragments:
      if (frame.size() < pixels.size()) return kTooFew;
      std::memcpy(pixels.data(), frame.data(), pixels.size());
      return {};
  }
  return fault.empty() ? DecodeByDcmtk(syntax.uid, frame, format, pixels) : fault;
}

}  // namespace consilium
