// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include <gdcmByteValue.h>
#include <gdcmDataElement.h>
#include <gdcmJPEG2000Codec.h>
#include <gdcmSequenceOfFragments.h>
#include <gdcmTrace.h>

#include <cstring>
#include <mutex>

#include "imaging/dicom/frame_decoder.h"

namespace consilium {
namespace {

void SilenceGdcm() {
  static std::once_flag once;
  std::call_once(once, [] {
    gdcm::Trace::DebugOff();
    gdcm::Trace::WarningOff();
    gdcm::Trace::ErrorOff();
  });
}

}  // namespace

std::string DecodeJpeg2000(std::span<const std::uint8_t> frame, const FrameFormat& format, std::span<char> pixels) {
  SilenceGdcm();
  gdcm::JPEG2000Codec codec;
  const unsigned int size[3] = {static_cast<unsigned int>(format.columns), static_cast<unsigned int>(format.rows), 1};
  codec.SetNumberOfDimensions(2);
  codec.SetDimensions(size);
  codec.SetPhotometricInterpretation(gdcm::PhotometricInterpretation::MONOCHROME2);
  codec.SetPixelFormat(gdcm::PixelFormat(1, static_cast<unsigned short>(8 * format.bytes),
                                         static_cast<unsigned short>(format.bits_stored),
                                         static_cast<unsigned short>(format.bits_stored - 1), format.is_signed));
  gdcm::Fragment fragment;
  fragment.SetByteValue(reinterpret_cast<const char*>(frame.data()), static_cast<std::uint32_t>(frame.size()));
  const gdcm::SmartPointer<gdcm::SequenceOfFragments> fragments = gdcm::SequenceOfFragments::New();
  fragments->AddFragment(fragment);
  gdcm::DataElement compressed(gdcm::Tag(0x7FE0, 0x0010)), decoded;
  compressed.SetValue(*fragments);
  if (!codec.Decode(compressed, decoded)) return "its compressed pixels are damaged";
  const gdcm::ByteValue* bytes = decoded.GetByteValue();
  if (bytes == nullptr) return "its compressed pixels are damaged";
  const std::size_t pixel_count = pixels.size() / static_cast<std::size_t>(format.bytes);
  if (bytes->GetLength() >= pixels.size()) {
    std::memcpy(pixels.data(), bytes->GetPointer(), pixels.size());
    return {};
  }
  if (bytes->GetLength() < pixel_count) return "fewer pixels than rows and columns say";
  // A codestream of up to 8 bits in pixels of 16: one byte each, signed if SIZ says so.
  const bool is_signed = (frame[42] & 0x80) != 0;
  for (std::size_t i = 0; i < pixel_count; ++i) {
    const char low = bytes->GetPointer()[i];
    pixels[2 * i] = low;
    pixels[2 * i + 1] = is_signed && low < 0 ? '\xFF' : '\0';
  }
  return {};
}

}  // namespace consilium
