// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

class DcmItem;

namespace consilium {

// A vendor's private tag (PS3.5 7.8.1): (gggg,xxee), where block xx is the one that `creator` reserved by writing its
// name into (gggg,00xx). In Implicit VR its kind is not told, so the bytes are taken for text.
struct PrivateTag {
  std::uint16_t group;
  std::string_view creator;
  std::uint8_t element;
};

// The text of a private tag, or empty if the creator or the tag is not there.
std::string TextOf(DcmItem& item, const PrivateTag& tag);
std::optional<double> NumberOf(DcmItem& item, const PrivateTag& tag);

}  // namespace consilium
