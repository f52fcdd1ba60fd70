// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "imaging/dicom/private_tag.h"

#include <dcmtk/config/osconfig.h>
#include <dcmtk/dcmdata/dctk.h>

#include <bitset>
#include <charconv>
#include <cmath>

namespace consilium {
namespace {

std::string Trimmed(std::string text) {
  while (!text.empty() && (text.back() == ' ' || text.back() == '\0')) text.pop_back();
  text.erase(0, text.find_first_not_of(' '));
  return text;
}

// Text of an element of any kind; a number of a numeric kind is written out.
std::string TextOf(DcmElement& element) {
  constexpr Uint32 kLongest = 1024;
  const Uint32 length = element.getLength();
  if (length == 0 || length > kLongest) return {};
  const DcmEVR vr = element.getVR();
  if (vr == EVR_UN || vr == EVR_OB || vr == EVR_UNKNOWN) {
    Uint8* bytes = nullptr;
    if (element.getUint8Array(bytes).bad() || bytes == nullptr) return {};
    return Trimmed(std::string(reinterpret_cast<const char*>(bytes), length));
  }
  OFString text;
  if (element.getOFString(text, 0).bad()) return {};
  return Trimmed(std::string(text.c_str(), text.length()));
}

}  // namespace

std::string TextOf(DcmItem& item, const PrivateTag& tag) {
  std::bitset<256> blocks;  // those of the creator
  // Elements are in order of their tags, so a block is known before what lies in it.
  for (DcmObject* at = item.nextInContainer(nullptr); at != nullptr; at = item.nextInContainer(at)) {
    auto* element = dynamic_cast<DcmElement*>(at);
    if (element == nullptr || element->getGTag() < tag.group) continue;
    if (element->getGTag() > tag.group) break;
    const Uint16 number = element->getETag();
    if (number >= 0x10 && number <= 0xFF) {
      blocks[number] = TextOf(*element) == tag.creator;
    } else if (number >= 0x1000 && blocks[number >> 8] && (number & 0xFF) == tag.element) {
      if (std::string text = TextOf(*element); !text.empty()) return text;
    }
  }
  return {};
}

std::optional<double> NumberOf(DcmItem& item, const PrivateTag& tag) {
  const std::string text = TextOf(item, tag);
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || !std::isfinite(value)) return std::nullopt;
  return value;
}

}  // namespace consilium
