// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "imaging/prepare/nifti.h"

#include <itkImage.h>
#include <itkImageFileReader.h>
#include <itkImageFileWriter.h>
#include <itkNiftiImageIO.h>
#include <zlib.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstdio>
#include <memory>
#include <optional>

#include "core/base/error.h"

namespace consilium {
namespace {

// An ITK image's own buffer is filled, so that nothing is held twice.
template <class Pixel>
typename itk::Image<Pixel, 3>::Pointer MakeImage(const Geometry& g) {
  auto image = itk::Image<Pixel, 3>::New();
  typename itk::Image<Pixel, 3>::SizeType size;
  size[0] = static_cast<itk::SizeValueType>(g.size.x);
  size[1] = static_cast<itk::SizeValueType>(g.size.y);
  size[2] = static_cast<itk::SizeValueType>(g.size.z);
  image->SetRegions(size);
  const double spacing[3] = {g.spacing_mm.x, g.spacing_mm.y, g.spacing_mm.z};
  const double origin[3] = {g.origin_mm.x, g.origin_mm.y, g.origin_mm.z};
  typename itk::Image<Pixel, 3>::DirectionType direction;
  for (unsigned axis = 0; axis < 3; ++axis) {
    direction[0][axis] = g.direction[axis].x;
    direction[1][axis] = g.direction[axis].y;
    direction[2][axis] = g.direction[axis].z;
  }
  image->SetSpacing(spacing);
  image->SetOrigin(origin);
  image->SetDirection(direction);
  image->Allocate();
  return image;
}

void CheckName(const std::filesystem::path& file) {
  const std::string name = file.filename().string();
  Require(name.ends_with(".nii") || name.ends_with(".nii.gz"), file.string() + " is not a name of a NIfTI file",
          "End it with .nii.gz or .nii.");
}

template <class Image>
void Write(const std::filesystem::path& file, Image* image) {
  CheckName(file);
  auto writer = itk::ImageFileWriter<Image>::New();
  writer->SetImageIO(itk::NiftiImageIO::New());
  writer->SetFileName(file.string());
  writer->SetInput(image);
  try {
    writer->Update();
  } catch (const itk::ExceptionObject& error) {
    throw Error(ErrorCode::kDataLoss, "cannot write " + file.string() + ": " + error.GetDescription(),
                "Check that the folder exists, may be written and has room.");
  }
}

using FloatImage = itk::Image<float, 3>;  // holds every whole number of 0 to 255, and shows what is none

Geometry GeometryOf(const FloatImage& image) {
  Geometry g;
  const auto size = image.GetLargestPossibleRegion().GetSize();
  g.size = {static_cast<std::int64_t>(size[0]), static_cast<std::int64_t>(size[1]), static_cast<std::int64_t>(size[2])};
  g.spacing_mm = {image.GetSpacing()[0], image.GetSpacing()[1], image.GetSpacing()[2]};
  g.origin_mm = {image.GetOrigin()[0], image.GetOrigin()[1], image.GetOrigin()[2]};
  for (unsigned axis = 0; axis < 3; ++axis) {
    g.direction[axis] = {image.GetDirection()[0][axis], image.GetDirection()[1][axis], image.GetDirection()[2][axis]};
  }
  return g;
}

// A file whose header was read and whose voxels come with Voxels().
class NiftiFile {
 public:
  explicit NiftiFile(const std::filesystem::path& file) : file_(file) {
    CheckName(file);
    if (!std::filesystem::is_regular_file(file)) Damaged("it is no regular file");
    io_->SetFileName(file.string());
    reader_->SetImageIO(io_);
    reader_->SetFileName(file.string());
    Try([&] { reader_->UpdateOutputInformation(); });
    bool flat = io_->GetNumberOfDimensions() >= 3 && io_->GetNumberOfComponents() == 1;
    for (unsigned axis = 3; axis < io_->GetNumberOfDimensions(); ++axis) flat = flat && io_->GetDimensions(axis) == 1;
    Require(flat, file.string() + " is no label: it has not three dimensions with one number in each voxel",
            "Store the label as one volume.");
    geometry_ = GeometryOf(*reader_->GetOutput());
    Require(geometry_.size.count() > 0 && geometry_.size.count() <= kMostVoxels,
            file.string() + " has more voxels than this program reads");
  }

  const Geometry& geometry() const { return geometry_; }

  std::vector<std::uint8_t> Voxels() {
    RequireWhole();
    Try([&] { reader_->Update(); });
    const float* values = reader_->GetOutput()->GetBufferPointer();
    std::vector<std::uint8_t> out(static_cast<std::size_t>(geometry_.size.count()));
    for (std::size_t n = 0; n < out.size(); ++n) {
      const bool whole = values[n] >= 0 && values[n] <= 255 && values[n] == std::floor(values[n]);
      Require(whole, file_.string() + " is no label: a voxel is not a whole number of 0 to 255",
              "Store the label as whole numbers: 0 is background.");
      out[n] = static_cast<std::uint8_t>(values[n]);
    }
    return out;
  }

 private:
  static constexpr std::int64_t kMostVoxels = std::int64_t{1} << 31;
  static constexpr int kHeader = 348;

  // ITK takes what is missing at the end of a file for zeros. zlib reads plain files as well.
  void RequireWhole() const {
    const auto close = [](gzFile f) { return gzclose_r(f); };
    const std::unique_ptr<gzFile_s, decltype(close)> in(gzopen(file_.c_str(), "rb"), close);
    if (in == nullptr) Damaged("it cannot be opened");
    const auto voxels = static_cast<std::uint64_t>(geometry_.size.count()) * io_->GetComponentSize();
    std::vector<unsigned char> buffer(1 << 16);
    std::uint64_t found = 0, needed = kHeader + voxels;
    for (bool more = true; more;) {  // to the end, where the checksum stands, but not on through what nobody asked for
      const int read = gzread(in.get(), buffer.data(), static_cast<unsigned>(buffer.size()));
      if (read < 0) Damaged("it is cut off or damaged");
      if (found == 0 && read >= kHeader) needed = VoxelOffset(buffer) + voxels;
      found += static_cast<std::uint64_t>(read);
      more = read > 0 && found <= needed + buffer.size();
    }
    int state = Z_OK;
    gzerror(in.get(), &state);
    if (state != Z_OK || found < needed) Damaged("it is cut off or damaged");
  }

  // vox_offset of the header, in either order of bytes (the header's length, 348, tells which).
  static std::uint64_t VoxelOffset(const std::vector<unsigned char>& header) {
    std::array<unsigned char, 4> bytes{};
    std::copy_n(header.begin() + 108, 4, bytes.begin());
    if (header[0] != 0x5C) std::reverse(bytes.begin(), bytes.end());
    const auto offset = std::bit_cast<float>(bytes);
    return offset >= kHeader && offset < 1e9f ? static_cast<std::uint64_t>(offset) : kHeader;
  }

  [[noreturn]] void Damaged(const std::string& why) const {
    throw Error(ErrorCode::kDataLoss, "cannot read " + file_.string() + ": " + why,
                "Check that the file exists and is NIfTI.");
  }
  template <class Action>
  void Try(Action action) const {
    try {
      action();
    } catch (const itk::ExceptionObject& error) {
      Damaged(error.GetDescription());
    }
  }

  const std::filesystem::path file_;
  const itk::NiftiImageIO::Pointer io_ = itk::NiftiImageIO::New();
  const itk::ImageFileReader<FloatImage>::Pointer reader_ = itk::ImageFileReader<FloatImage>::New();
  Geometry geometry_;
};

constexpr double kApart = 0.05;  // voxels: the farthest that two corners of one grid may lie from each other

std::string GridWords(const Geometry& g) {
  std::array<char, 400> text{};
  const auto& [i, j, k] = g.direction;
  std::snprintf(
      text.data(), text.size(),
      "%lld x %lld x %lld voxels of %.4g x %.4g x %.4g mm, the first at (%.2f, %.2f, %.2f), axes (%.3f, %.3f, "
      "%.3f), (%.3f, %.3f, %.3f), (%.3f, %.3f, %.3f)",
      static_cast<long long>(g.size.x), static_cast<long long>(g.size.y), static_cast<long long>(g.size.z),
      g.spacing_mm.x, g.spacing_mm.y, g.spacing_mm.z, g.origin_mm.x, g.origin_mm.y, g.origin_mm.z, i.x, i.y, i.z, j.x,
      j.y, j.z, k.x, k.y, k.z);
  return text.data();
}

// Index of `from` to index of `to`, if every step along an axis of `from` is one step along an axis of `to`.
struct AxisMap {
  std::array<std::int64_t, 3> first{};                // where voxel (0, 0, 0) lies
  std::array<std::array<std::int64_t, 3>, 3> step{};  // of one step along axis a
};

std::optional<AxisMap> SameVoxels(const Geometry& from, const Geometry& to) {
  const auto near = [](Vec3 v) -> std::optional<std::array<std::int64_t, 3>> {
    const std::array<double, 3> values{v.x, v.y, v.z};
    std::array<std::int64_t, 3> out{};
    for (std::size_t a = 0; a < 3; ++a) {
      if (!(std::abs(values[a]) < 1e6) || std::abs(values[a] - std::round(values[a])) > kApart) return std::nullopt;
      out[a] = std::llround(values[a]);
    }
    return out;
  };
  const auto at = [&](double i, double j, double k) { return to.PointToIndex(from.IndexToPoint({i, j, k})); };
  const std::array<std::int64_t, 3> size{from.size.x, from.size.y, from.size.z}, room{to.size.x, to.size.y, to.size.z};
  AxisMap map;
  const Vec3 origin = at(0, 0, 0);
  const std::array<Vec3, 3> one{at(1, 0, 0) - origin, at(0, 1, 0) - origin, at(0, 0, 1) - origin};
  const auto first = near(origin);
  if (!first || from.size.count() != to.size.count()) return std::nullopt;
  map.first = *first;
  Vec3 last = origin;
  for (std::size_t a = 0; a < 3; ++a) {
    const auto step = near(one[a]);
    if (!step || std::abs((*step)[0]) + std::abs((*step)[1]) + std::abs((*step)[2]) != 1) return std::nullopt;
    map.step[a] = *step;
    last = last + static_cast<double>(size[a] - 1) * one[a];
  }
  const auto end = near(last);
  if (!end) return std::nullopt;
  for (std::size_t b = 0; b < 3; ++b) {
    if (std::min((*first)[b], (*end)[b]) != 0 || std::max((*first)[b], (*end)[b]) != room[b] - 1) return std::nullopt;
  }
  return map;
}

}  // namespace

void WriteNifti(const std::filesystem::path& file, const Volume& volume) {
  auto image = MakeImage<float>(volume.geometry);
  float* out = image->GetBufferPointer();
  const std::int64_t in_slice = volume.geometry.size.x * volume.geometry.size.y;
  for (std::size_t n = 0; n < volume.voxels.size(); ++n) {
    const auto k = static_cast<std::size_t>(static_cast<std::int64_t>(n) / in_slice);
    out[n] = volume.slope[k] * static_cast<float>(volume.voxels[n]) + volume.intercept[k];
  }
  Write(file, image.GetPointer());
}

void WriteNifti(const std::filesystem::path& file, const LabelMap& map) {
  auto image = MakeImage<unsigned char>(map.geometry);
  std::copy(map.voxels.begin(), map.voxels.end(), image->GetBufferPointer());
  Write(file, image.GetPointer());
}

void WriteNifti(const std::filesystem::path& file, const Geometry& grid, std::span<const float> values) {
  Require(grid.size.count() == static_cast<std::int64_t>(values.size()), "values do not fill the grid");
  auto image = MakeImage<float>(grid);
  std::copy(values.begin(), values.end(), image->GetBufferPointer());
  Write(file, image.GetPointer());
}

LabelMap ReadNiftiLabelMap(const std::filesystem::path& file) {
  NiftiFile nifti(file);
  return {nifti.geometry(), nifti.Voxels()};
}

LabelMap ReadNiftiLabelMap(const std::filesystem::path& file, const Geometry& grid) {
  NiftiFile nifti(file);
  const Geometry& own = nifti.geometry();
  const std::optional<AxisMap> map = SameVoxels(own, grid);
  Require(map.has_value(),
          file.string() + " does not lie on the grid of the series. The file: " + GridWords(own) +
              "; the series: " + GridWords(grid),
          "Give the label on the voxels of the series; nothing is resampled here.");
  const std::vector<std::uint8_t> voxels = nifti.Voxels();
  LabelMap out{grid, std::vector<std::uint8_t>(voxels.size())};
  std::size_t n = 0;
  const auto& [first, step] = *map;
  for (std::int64_t k = 0; k < own.size.z; ++k) {
    for (std::int64_t j = 0; j < own.size.y; ++j) {
      for (std::int64_t i = 0; i < own.size.x; ++i) {
        std::array<std::int64_t, 3> v{};
        for (std::size_t a = 0; a < 3; ++a) v[a] = first[a] + i * step[0][a] + j * step[1][a] + k * step[2][a];
        out.voxels[static_cast<std::size_t>(grid.Offset(v[0], v[1], v[2]))] = voxels[n++];
      }
    }
  }
  return out;
}

}  // namespace consilium
