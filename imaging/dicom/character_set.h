// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

namespace consilium {

// A text out of a DICOM file as UTF-8, by the file's SpecificCharacterSet (0008,0005): all sets of PS3.3 C.12.1.1.2,
// with the escape sequences of PS3.5 6.1.2.5. Always valid UTF-8, and ASCII stays as it is. Bytes that are not of the
// set that is said, or of none that is said, are UTF-8 if they can be and ISO 8859-1 else, as Readable() shows them:
// two texts that look different stay so.
std::string ToUtf8(std::string_view text, std::string_view character_set);

}  // namespace consilium
