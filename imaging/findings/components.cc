// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "imaging/findings/components.h"

#include <itkConnectedComponentImageFilter.h>
#include <itkImportImageFilter.h>

#include <algorithm>

namespace consilium {

Components FindComponents(const LabelMap& mask) {
  using Mask = itk::Image<std::uint8_t, 3>;
  using Labels = itk::Image<std::uint32_t, 3>;
  auto import = itk::ImportImageFilter<std::uint8_t, 3>::New();
  const auto& size = mask.geometry.size;
  Mask::RegionType region;
  region.SetSize({static_cast<itk::SizeValueType>(size.x), static_cast<itk::SizeValueType>(size.y),
                  static_cast<itk::SizeValueType>(size.z)});
  import->SetRegion(region);
  // The filter only reads; ITK has no const way to lend a buffer.
  import->SetImportPointer(const_cast<std::uint8_t*>(mask.voxels.data()), mask.voxels.size(), false);
  auto components = itk::ConnectedComponentImageFilter<Mask, Labels>::New();
  components->SetInput(import->GetOutput());
  components->SetFullyConnected(true);
  components->Update();
  const std::uint32_t* labels = components->GetOutput()->GetBufferPointer();
  Components out{{labels, labels + mask.voxels.size()}, {}};
  const std::uint32_t count = out.number.empty() ? 0 : *std::max_element(out.number.begin(), out.number.end());
  out.voxels.resize(count);
  for (const std::uint32_t n : out.number) {
    if (n != 0) ++out.voxels[n - 1];
  }
  return out;
}

}  // namespace consilium
