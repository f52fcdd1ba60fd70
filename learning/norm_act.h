// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "learning/torch.h"

namespace consilium {

// Instance norm and leaky ReLU (slope 1: none) as one differentiable operation: our own kernel on the processor
// (norm_act_cpu.h), Torch's two operations on a GPU. `x` [B, C, D, H, W] float32 or bfloat16; `gamma`, `beta` [C]
// float32. The result has the type of x and, on the processor, channels-last strides.
at::Tensor NormAct(const at::Tensor& x, const at::Tensor& gamma, const at::Tensor& beta, double slope = 0.01);

}  // namespace consilium
