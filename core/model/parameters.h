// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace consilium {

// One named float32 array, row-major.
struct NamedArray {
  std::string name;
  std::vector<std::int64_t> shape;
  std::vector<float> values;  // product of shape

  friend bool operator==(const NamedArray&, const NamedArray&) = default;
};

// A network's numbers, in the network's own order. A value: copying copies the numbers.
struct Parameters {
  std::vector<NamedArray> arrays;

  std::int64_t Count() const;                           // numbers in all arrays
  const NamedArray* Find(std::string_view name) const;  // nullptr if there is none
  double Norm() const;                                  // Euclidean, summed in double, array order
  bool AllFinite() const;

  friend bool operator==(const Parameters&, const Parameters&) = default;
};

// Throws Error(kInvalidArgument) naming the first array whose name or shape differs: "update of site x:
// array 3 is `b` [2, 3], the model has `a` [2, 3]". `what` begins the sentence.
void RequireSameLayout(const Parameters& got, const Parameters& expected, std::string_view what);

// a - b and a + b, array by array; layouts must agree.
Parameters Difference(const Parameters& a, const Parameters& b);
Parameters Sum(const Parameters& a, const Parameters& b);

}  // namespace consilium
