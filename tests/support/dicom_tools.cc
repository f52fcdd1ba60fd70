// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "tests/support/dicom_tools.h"

#include <cstdlib>

#include "core/base/error.h"

namespace consilium {
namespace fs = std::filesystem;

void ConvertFile(const std::string& tool, const fs::path& from, const fs::path& to) {
  const std::string call = tool + " '" + from.string() + "' '" + to.string() + "' >/dev/null 2>&1";
  Ensure(std::system(call.c_str()) == 0, "this failed: " + call + " (are dcmtk and libgdcm-tools installed?)");
  Ensure(fs::exists(to), "this wrote nothing: " + call);
}

void ConvertFiles(const std::string& tool, const std::vector<fs::path>& files) {
  for (const fs::path& file : files) {
    const fs::path made = file.string() + ".made";
    ConvertFile(tool, file, made);
    fs::rename(made, file);
  }
}

}  // namespace consilium
