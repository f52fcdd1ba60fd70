// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "imaging/dicom/series_loader.h"

#include <sys/resource.h>

#include <algorithm>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "core/base/error.h"
#include "imaging/dicom/file_listing.h"
#include "imaging/dicom/pixel_reader.h"
#include "imaging/dicom/series_scan.h"

namespace consilium {
namespace fs = std::filesystem;
namespace {

// Files that stay open from their header to their pixels. From any thread.
class HeldFiles {
 public:
  void Keep(std::unique_ptr<OpenFile> file) {
    const std::lock_guard lock(mutex_);
    if (files_.size() < most_) files_.emplace(file->path().string(), std::move(file));
  }

  // The file, which is no longer held; opened again if it was one too many.
  std::unique_ptr<OpenFile> Take(const fs::path& path) {
    {
      const std::lock_guard lock(mutex_);
      if (auto held = files_.extract(path.string())) return std::move(held.mapped());
    }
    return std::make_unique<OpenFile>(path);
  }

 private:
  static std::size_t Most() {
    rlimit limit{};
    return ::getrlimit(RLIMIT_NOFILE, &limit) == 0 ? std::min<std::size_t>(limit.rlim_cur / 2, 8192) : 0;
  }

  const std::size_t most_ = Most();
  std::mutex mutex_;
  std::unordered_map<std::string, std::unique_ptr<OpenFile>> files_;
};

// Shows the first of the files that is a usable slice. Whatever else is the matter is found, and told, with all files.
void ShowFirstSlice(std::span<const fs::path> files, const LoadOptions& options) {
  for (const fs::path& path : files) {
    if (options.stop.stop_requested()) return;
    try {
      const OpenFile file(path);
      const FileHeader header = ReadFileHeader(file);
      if (!header.slice || !header.slice->fault.words.empty()) continue;
      const SliceHeader& slice = *header.slice;
      std::vector<std::int16_t> voxels(static_cast<std::size_t>(slice.rows) * static_cast<std::size_t>(slice.columns));
      PixelReader reader(slice.format, slice.rows, slice.columns);
      reader.Read(file, slice.slice.pixels, voxels);
      const double shift = slice.slice.slope * reader.shift();
      options.first_slice({slice.modality, slice.columns, slice.rows, slice.column_spacing_mm, slice.row_spacing_mm,
                           slice.slice.slope, slice.slice.intercept + shift, voxels});
      return;
    } catch (const Error&) {
      continue;
    }
  }
}

LoadedSeries Load(std::span<const fs::path> files, const std::string& place,
                  const std::function<SeriesKey(const Series&)>& key, const LoadOptions& options) {
  if (options.first_slice) ShowFirstSlice(files, options);
  HeldFiles held;
  std::vector<FileHeader> headers =
      ReadFileHeaders(files, options.stop, [&](std::unique_ptr<OpenFile> file) { held.Keep(std::move(file)); });
  LoadedSeries out{TheOnlySeries(SortIntoSeries(std::move(headers)), place), {}};
  out.volume =
      ReadVolume(out.series, key(out.series), options.stop, [&](const fs::path& path) { return held.Take(path); });
  return out;
}

}  // namespace

LoadedSeries LoadSeries(const fs::path& folder, const std::function<SeriesKey(const Series&)>& key,
                        const LoadOptions& options) {
  const Listing listing = FilesBelow(folder);
  if (!listing.unlisted.empty()) {
    throw Error(ErrorCode::kFailedPrecondition,
                "the series in " + folder.string() + " may not be whole: " + listing.unlisted.front().fault.words,
                "Look at " + listing.unlisted.front().place.string() + ".");
  }
  return Load(listing.files, folder.string(), key, options);
}

LoadedSeries LoadSeriesFiles(std::span<const fs::path> files, const std::function<SeriesKey(const Series&)>& key,
                             const LoadOptions& options) {
  Require(!files.empty(), "no files of a series given");
  return Load(files, files.front().parent_path().string(), key, options);
}

}  // namespace consilium
