// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "site-node/library/sample_cache.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <span>
#include <system_error>
#include <type_traits>
#include <vector>

#include "core/base/error.h"
#include "core/base/file_store.h"
#include "core/base/log.h"

namespace consilium {
namespace {

namespace fs = std::filesystem;

static_assert(std::endian::native == std::endian::little, "sample files are little-endian and mapped as they are");

constexpr std::string_view kEnding = ".sample", kOldEnding = ".safetensors";
constexpr std::array<char, 8> kMagic{'C', 'O', 'N', 'S', 'A', 'M', 'P', '1'};
constexpr std::size_t kVoxelsAt = 4096;  // a page: the voxels are mapped aligned
constexpr std::int64_t kMostVoxels = std::int64_t{1} << 31, kMostChannels = 16;

// The beginning of a file, as it lies on the disk; the voxels follow at kVoxelsAt: image, then label.
struct Header {
  std::array<char, 8> magic = kMagic;
  std::int64_t channels = 0;
  std::array<std::int64_t, 3> size{};
  std::int64_t label_voxels = 0;                           // 0 or as many as the grid has
  std::array<double, 15> place{};                          // spacing, origin, direction of i, j, k
  std::array<std::uint8_t, 32> key{}, voxels{}, header{};  // digests: what it was made of, all voxels, all above
};
static_assert(std::is_trivially_copyable_v<Header> && sizeof(Header) == 48 + 120 + 96 && sizeof(Header) < kVoxelsAt);

std::span<const std::byte> BytesOf(const Header& header) { return std::as_bytes(std::span(&header, 1)); }
Digest DigestOfHeader(const Header& header) { return DigestOf(BytesOf(header).first(offsetof(Header, header))); }

std::int64_t VoxelsOf(const Header& header) { return header.size[0] * header.size[1] * header.size[2]; }
std::size_t ImageBytes(const Header& header) {
  return static_cast<std::size_t>(header.channels * VoxelsOf(header)) * sizeof(float);
}

Header HeaderOf(const Sample& sample, const Digest& key) {
  Header out;
  const Geometry& g = sample.grid;
  out.channels = sample.channels;
  out.size = {g.size.x, g.size.y, g.size.z};
  out.label_voxels = static_cast<std::int64_t>(sample.label.size());
  std::size_t n = 0;
  for (const Vec3& v : {g.spacing_mm, g.origin_mm, g.direction[0], g.direction[1], g.direction[2]})
    for (const double value : {v.x, v.y, v.z}) out.place[n++] = value;
  out.key = key.bytes;
  return out;
}

Geometry GridOf(const Header& header) {
  const auto vec = [&](std::size_t n) { return Vec3{header.place[n], header.place[n + 1], header.place[n + 2]}; };
  return {{header.size[0], header.size[1], header.size[2]}, vec(0), vec(3), {vec(6), vec(9), vec(12)}};
}

// Why a header cannot be believed; empty if it can. After this the sizes may be computed with.
std::string FaultOf(const Header& header, const Digest& key) {
  if (header.magic != kMagic) return "it is of another form";
  if (Digest{header.header} != DigestOfHeader(header)) return "its header is damaged";
  if (Digest{header.key} != key) return "it was made of other data";
  const bool sizes =
      std::all_of(header.size.begin(), header.size.end(), [](std::int64_t n) { return n > 0 && n <= kMostVoxels; }) &&
      header.size[0] * header.size[1] <= kMostVoxels && VoxelsOf(header) <= kMostVoxels;
  if (!sizes || header.channels < 1 || header.channels > kMostChannels) return "its sizes are out of bounds";
  return header.label_voxels == 0 || header.label_voxels == VoxelsOf(header) ? "" : "its label has another size";
}

class OpenFile {
 public:
  explicit OpenFile(const fs::path& file) : fd_(::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)) {}
  ~OpenFile() {
    if (fd_ >= 0) ::close(fd_);
  }
  OpenFile(const OpenFile&) = delete;
  OpenFile& operator=(const OpenFile&) = delete;
  int fd() const { return fd_; }

 private:
  int fd_;
};

struct Unmap {
  std::size_t bytes;
  void operator()(const void* at) const { ::munmap(const_cast<void*>(at), bytes); }
};

// The sample in a file; or why it is none, in `fault`.
std::optional<Sample> Map(const OpenFile& file, const CaseId& id, const Digest& key, std::string& fault) {
  Header header;
  struct stat found {};
  if (::fstat(file.fd(), &found) != 0 || !S_ISREG(found.st_mode) ||
      ::pread(file.fd(), &header, sizeof header, 0) != static_cast<ssize_t>(sizeof header)) {
    fault = "it is cut";
    return std::nullopt;
  }
  fault = FaultOf(header, key);
  if (!fault.empty()) return std::nullopt;
  const std::size_t image = ImageBytes(header), label = static_cast<std::size_t>(header.label_voxels);
  const std::size_t bytes = kVoxelsAt + image + label;
  if (static_cast<std::uint64_t>(found.st_size) != bytes) {
    fault = "it is cut or too long";
    return std::nullopt;
  }
  void* at = ::mmap(nullptr, bytes, PROT_READ, MAP_SHARED, file.fd(), 0);
  if (at == MAP_FAILED) throw Error(ErrorCode::kResourceExhausted, "a prepared sample cannot be mapped");
  const std::shared_ptr<const void> owner(at, Unmap{bytes});
  const auto* voxels = static_cast<const std::byte*>(at) + kVoxelsAt;
  if (DigestOf(std::span(voxels, image + label)) != Digest{header.voxels}) {
    fault = "its voxels are damaged";
    return std::nullopt;
  }
  ::madvise(at, bytes, MADV_RANDOM);  // patches are cut from anywhere
  Sample sample;
  sample.id = id;
  sample.grid = GridOf(header);
  sample.channels = static_cast<int>(header.channels);
  sample.image = {std::span(reinterpret_cast<const float*>(voxels), image / sizeof(float)), owner};
  if (label > 0) sample.label = {std::span(reinterpret_cast<const std::uint8_t*>(voxels + image), label), owner};
  return sample;
}

bool EndsWith(const fs::path& file, std::string_view ending) { return file.filename().string().ends_with(ending); }

}  // namespace

SampleCache::SampleCache(fs::path dir, std::uint64_t most_bytes) : dir_(std::move(dir)), most_bytes_(most_bytes) {
  fs::create_directories(dir_);
  RemoveTemporaries(dir_);
  std::error_code ignored;  // another process may have been faster
  for (const auto& entry : fs::directory_iterator(dir_))
    if (EndsWith(entry.path(), kOldEnding)) fs::remove(entry.path(), ignored);
}

fs::path SampleCache::FileOf(const CaseId& id, const Digest& key) const {
  return dir_ / fmt::format("{}-{}{}", id.text(), key.Short(), kEnding);
}

std::optional<Sample> SampleCache::Find(const CaseId& id, const Digest& key) const {
  const fs::path path = FileOf(id, key);
  const OpenFile file(path);
  if (file.fd() < 0) return std::nullopt;
  std::string fault;
  std::optional<Sample> sample = Map(file, id, key, fault);
  if (sample) {
    ::futimens(file.fd(), nullptr);  // asked for now; a folder that may only be read keeps its order
    return sample;
  }
  LogWarning("a prepared sample cannot be used and is made again", {{"case", id}, {"reason", fault}});
  std::error_code ignored;
  fs::remove(path, ignored);
  return std::nullopt;
}

Sample SampleCache::Put(const Sample& sample, const Digest& key) const {
  Header header = HeaderOf(sample, key);
  Require(header.channels >= 1 && sample.image.size() * sizeof(float) == ImageBytes(header) &&
              (sample.label.empty() || header.label_voxels == VoxelsOf(header)),
          "the sample is not valid: its sizes do not fit");
  std::vector<std::byte> bytes(kVoxelsAt + ImageBytes(header) + sample.label.size());
  const auto image = std::as_bytes(std::span(sample.image.data(), sample.image.size()));
  std::copy(image.begin(), image.end(), bytes.begin() + kVoxelsAt);
  const auto label = std::as_bytes(std::span(sample.label.data(), sample.label.size()));
  std::copy(label.begin(), label.end(), bytes.begin() + static_cast<std::ptrdiff_t>(kVoxelsAt + image.size()));
  header.voxels = DigestOf(std::span<const std::byte>(bytes).subspan(kVoxelsAt)).bytes;
  header.header = DigestOfHeader(header).bytes;
  std::copy_n(BytesOf(header).begin(), sizeof header, bytes.begin());
  const fs::path path = FileOf(sample.id, key);
  WriteFileDurably(path, bytes, 0600);
  Trim(path);
  std::string fault;
  std::optional<Sample> mapped = Map(OpenFile(path), sample.id, key, fault);
  if (!mapped)
    throw Error(ErrorCode::kDataLoss, "a prepared sample was not written right: " + fault, "Check the disk.");
  return *mapped;
}

void SampleCache::Drop(const CaseId& id) const {
  RemoveTemporaries(dir_);
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(dir_))
    if (entry.path().filename().string().starts_with(id.text() + "-")) fs::remove(entry.path(), ignored);
}

void SampleCache::Trim(const fs::path& keep) const {
  struct Entry {
    fs::file_time_type asked;
    std::uint64_t bytes;
    fs::path file;
  };
  std::vector<Entry> entries;
  std::uint64_t total = 0;
  for (const auto& entry : fs::directory_iterator(dir_)) {
    std::error_code gone;
    const std::uint64_t bytes = entry.file_size(gone);
    const auto asked = gone ? fs::file_time_type{} : entry.last_write_time(gone);
    if (gone || !EndsWith(entry.path(), kEnding)) continue;
    total += bytes;
    if (entry.path() != keep) entries.push_back({asked, bytes, entry.path()});
  }
  std::sort(entries.begin(), entries.end(), [](const Entry& a, const Entry& b) { return a.asked < b.asked; });
  for (const Entry& entry : entries) {
    if (total <= most_bytes_) return;
    std::error_code ignored;
    fs::remove(entry.file, ignored);
    total -= entry.bytes;
  }
}

}  // namespace consilium
