// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

namespace consilium {

// Text of unknown origin (a path, a name out of a DICOM file) as UTF-8 that can be shown and put into JSON: bytes that
// are no UTF-8 as a whole are taken as ISO 8859-1, control characters become '?'. Whatever is readable stays as it is.
std::string Readable(std::string_view bytes);

// Text as content or attribute of XML and HTML: & < > and " escaped.
std::string EscapedMarkup(std::string_view text);

}  // namespace consilium
