// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "imaging/dicom/file_listing.h"

#include <sys/stat.h>

#include <algorithm>
#include <set>
#include <string>
#include <system_error>
#include <utility>

#include "core/base/error.h"

namespace consilium {
namespace fs = std::filesystem;
namespace {

using Identity = std::pair<dev_t, ino_t>;  // of a file or folder, whatever it is called

bool LiesIn(const fs::path& place, const fs::path& folder) {
  const auto [end_of_folder, end_of_place] = std::mismatch(folder.begin(), folder.end(), place.begin(), place.end());
  return end_of_folder == folder.end();
}

class Lister {
 public:
  explicit Lister(const fs::path& folder) : folder_(folder) {}

  // First what lies there without a link, then what links lead to, and what links that are found there lead to: so the
  // path of everything is always the same, in whatever order the system lists.
  Listing List() {
    Walk(folder_, /*linked=*/false);
    if (!links_.empty()) NoteFiles();
    while (!links_.empty()) {
      std::vector<fs::path> links = std::exchange(links_, {});
      std::sort(links.begin(), links.end());
      for (const fs::path& link : links) Follow(link);
    }
    std::sort(out_.files.begin(), out_.files.end());
    return std::move(out_);
  }

 private:
  void Walk(const fs::path& folder, bool linked) {
    std::vector<fs::path> folders = {folder};
    while (!folders.empty()) {
      const fs::path here = std::move(folders.back());
      folders.pop_back();
      if (IsNew(here) || !linked) Read(here, linked, folders);
    }
  }

  void Read(const fs::path& here, bool linked, std::vector<fs::path>& folders) {
    std::error_code error, ignored;
    fs::directory_iterator it(here, error);
    for (; !error && it != fs::directory_iterator(); it.increment(error)) {
      if (it->path().filename().string().starts_with('.')) continue;
      if (it->is_symlink(ignored)) {
        links_.push_back(it->path());
      } else if (it->is_directory(ignored)) {
        folders.push_back(it->path());
      } else if (it->is_regular_file(ignored) && (!linked || IsNew(it->path()))) {
        out_.files.push_back(it->path());
      }
    }
    if (!error) return;
    if (here == folder_) {
      throw Error(ErrorCode::kNotFound, "cannot list " + here.string() + ": " + error.message(),
                  "Check the folder and its rights.");
    }
    out_.unlisted.push_back(
        {here, {QuarantineReason::kNotReadable, "the folder cannot be listed: " + error.message()}, {}, {}});
  }

  void Follow(const fs::path& link) {
    std::error_code failed;
    const fs::file_type type = fs::status(link, failed).type();
    if (failed || type == fs::file_type::not_found) {
      out_.files.push_back(link);
    } else if (type == fs::file_type::regular) {
      if (IsNew(link)) out_.files.push_back(link);
    } else if (type == fs::file_type::directory && !LeadsBack(link)) {
      Walk(link, /*linked=*/true);
    }
  }

  bool LeadsBack(const fs::path& link) const {
    std::error_code ignored;
    const fs::path to = fs::canonical(link, ignored);
    return LiesIn(fs::canonical(link.parent_path(), ignored), to) || LiesIn(fs::canonical(folder_, ignored), to);
  }

  // Only where there are links must every file be known by more than its path.
  void NoteFiles() {
    for (const fs::path& file : out_.files) IsNew(file);
  }

  // True the first time. What cannot be asked is new: its reader says why it cannot be read.
  bool IsNew(const fs::path& path) {
    struct stat info {};
    return ::stat(path.c_str(), &info) != 0 || seen_.emplace(info.st_dev, info.st_ino).second;
  }

  const fs::path folder_;
  std::vector<fs::path> links_;  // not yet followed
  std::set<Identity> seen_;
  Listing out_;
};

}  // namespace

Listing FilesBelow(const fs::path& folder) {
  std::error_code ignored;
  if (!fs::is_directory(folder, ignored)) {
    throw Error(ErrorCode::kNotFound, "no folder " + folder.string(), "Give a folder of DICOM files.");
  }
  return Lister(folder).List();
}

}  // namespace consilium
