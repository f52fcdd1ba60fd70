// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace consilium {

// Instance norm (biased variance, eps 1e-5) and leaky ReLU (slope 1: none) in one pass over memory, for activations
// stored channels-last. Torch has no such pass: it copies to channels-first and back (pytorch#59168), which made
// channels-last slower although its convolutions are up to three times as fast: docs/adr/0032.
//
// Layout: x, y, dx, dy [batch][voxels][channels]; gamma, beta [channels]; mean, rstd [batch][channels].
// Sums are taken in blocks of a fixed number of voxels and joined in order: the result does not depend on threads.

enum class Bf16 : std::uint16_t {};

struct NormActShape {
  std::int64_t batch = 0, voxels = 0, channels = 0;
  float slope = 0.01F;
};

void NormActForward(const NormActShape& shape, const float* x, const float* gamma, const float* beta, float* y,
                    float* mean, float* rstd);
void NormActForward(const NormActShape& shape, const Bf16* x, const float* gamma, const float* beta, Bf16* y,
                    float* mean, float* rstd);

// dgamma and dbeta [channels] are written, not added to.
void NormActBackward(const NormActShape& shape, const float* x, const float* dy, const float* gamma, const float* beta,
                     const float* mean, const float* rstd, float* dx, float* dgamma, float* dbeta);
void NormActBackward(const NormActShape& shape, const Bf16* x, const Bf16* dy, const float* gamma, const float* beta,
                     const float* mean, const float* rstd, Bf16* dx, float* dgamma, float* dbeta);

}  // namespace consilium
