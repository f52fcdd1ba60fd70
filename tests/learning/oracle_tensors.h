// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stdexcept>
#include <string>

#include "learning/torch.h"
#include "tests/learning/oracle.h"

namespace consilium::test {

inline at::Tensor TensorOf(const Oracle& oracle, const std::string& name) {
  const NamedArray& array = oracle.Array(name);
  return at::from_blob(const_cast<float*>(array.values.data()), array.shape, at::kFloat).clone();
}

inline double LargestDifference(const at::Tensor& a, const at::Tensor& b) {
  if (a.sizes() != b.sizes()) throw std::runtime_error("shapes differ");
  return (a.to(at::kDouble) - b.to(at::kDouble)).abs().max().item<double>();
}

}  // namespace consilium::test
