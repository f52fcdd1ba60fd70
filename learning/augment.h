// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>

#include "learning/augmentation.h"
#include "learning/torch.h"

namespace consilium {

// As CutPatch (tensors.h), but turned and zoomed about the patch's middle: trilinear between voxels; outside `volume`
// [C, z, y, x] lies `padding` [C, 1, 1, 1]. To `to` [C, P, P, P] float32.
void CutMovedPatch(const at::Tensor& volume, const std::array<std::int64_t, 3>& corner, const Augmentation& how,
                   const at::Tensor& padding, const at::Tensor& to);

// The same for labels [1, z, y, x] uint8 with classes 0 to `classes` - 1 and kIgnoreLabel: the class with most of the
// interpolated weight, the lower one of two alike. Outside lies 0.
void CutMovedLabel(const at::Tensor& volume, const std::array<std::int64_t, 3>& corner, const Augmentation& how,
                   std::int64_t classes, const at::Tensor& to);

// Noise, blur, brightness, contrast, low resolution and both gammas, in place on `image` [C, P, P, P] float32.
// `generator` is of the image's device; it is seeded anew.
void ChangeIntensities(const Augmentation& how, at::Generator& generator, const at::Tensor& image);

}  // namespace consilium
