// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "imaging/prepare/nifti.h"

#include <itkImage.h>
#include <itkImageFileReader.h>
#include <itkImageFileWriter.h>
#include <itkNiftiImageIO.h>

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

LabelMap ReadNiftiLabelMap(const std::filesystem::path& file) {
  CheckName(file);
  using Image = itk::Image<unsigned char, 3>;
  auto reader = itk::ImageFileReader<Image>::New();
  reader->SetImageIO(itk::NiftiImageIO::New());
  reader->SetFileName(file.string());
  try {
    reader->Update();
  } catch (const itk::ExceptionObject& error) {
    throw Error(ErrorCode::kDataLoss, "cannot read " + file.string() + ": " + error.GetDescription(),
                "Check that the file exists and is NIfTI.");
  }
  const Image& image = *reader->GetOutput();
  LabelMap map;
  const auto size = image.GetLargestPossibleRegion().GetSize();
  map.geometry.size = {static_cast<std::int64_t>(size[0]), static_cast<std::int64_t>(size[1]),
                       static_cast<std::int64_t>(size[2])};
  map.geometry.spacing_mm = {image.GetSpacing()[0], image.GetSpacing()[1], image.GetSpacing()[2]};
  map.geometry.origin_mm = {image.GetOrigin()[0], image.GetOrigin()[1], image.GetOrigin()[2]};
  for (unsigned axis = 0; axis < 3; ++axis) {
    map.geometry.direction[axis] = {image.GetDirection()[0][axis], image.GetDirection()[1][axis],
                                    image.GetDirection()[2][axis]};
  }
  map.voxels.assign(image.GetBufferPointer(), image.GetBufferPointer() + map.geometry.size.count());
  return map;
}

}  // namespace consilium
