// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "core/model/parameters.h"

#include <algorithm>
#include <cmath>

#include "core/base/error.h"

namespace consilium {
namespace {

std::string Describe(const NamedArray& array) {
  std::string text = "`" + array.name + "` [";
  for (std::size_t i = 0; i < array.shape.size(); ++i) text += (i > 0 ? ", " : "") + std::to_string(array.shape[i]);
  return text + "]";
}

template <class Operation>
Parameters Combine(const Parameters& a, const Parameters& b, std::string_view what, Operation operation) {
  RequireSameLayout(a, b, what);
  Parameters out = a;
  for (std::size_t i = 0; i < out.arrays.size(); ++i) {
    auto& values = out.arrays[i].values;
    std::transform(values.begin(), values.end(), b.arrays[i].values.begin(), values.begin(), operation);
  }
  return out;
}

}  // namespace

std::int64_t Parameters::Count() const {
  std::int64_t count = 0;
  for (const auto& array : arrays) count += static_cast<std::int64_t>(array.values.size());
  return count;
}

const NamedArray* Parameters::Find(std::string_view name) const {
  const auto found = std::find_if(arrays.begin(), arrays.end(), [&](const NamedArray& a) { return a.name == name; });
  return found == arrays.end() ? nullptr : &*found;
}

double Parameters::Norm() const {
  double sum = 0;
  for (const auto& array : arrays) {
    for (const float value : array.values) sum += double{value} * double{value};
  }
  return std::sqrt(sum);
}

bool Parameters::AllFinite() const {
  return std::all_of(arrays.begin(), arrays.end(), [](const NamedArray& array) {
    return std::all_of(array.values.begin(), array.values.end(), [](float v) { return std::isfinite(v); });
  });
}

void RequireSameLayout(const Parameters& got, const Parameters& expected, std::string_view what) {
  const std::string begin = std::string(what) + ": ";
  Require(got.arrays.size() == expected.arrays.size(),
          begin + "it has " + std::to_string(got.arrays.size()) + " arrays, the model has " +
              std::to_string(expected.arrays.size()),
          "It belongs to another network.");
  for (std::size_t i = 0; i < got.arrays.size(); ++i) {
    const NamedArray &a = got.arrays[i], &b = expected.arrays[i];
    if (a.name == b.name && a.shape == b.shape && a.values.size() == b.values.size()) continue;
    throw Error(ErrorCode::kInvalidArgument,
                begin + "array " + std::to_string(i + 1) + " is " + Describe(a) + ", the model has " + Describe(b),
                "It belongs to another network.");
  }
}

Parameters Difference(const Parameters& a, const Parameters& b) {
  return Combine(a, b, "difference of models", [](float x, float y) { return x - y; });
}

Parameters Sum(const Parameters& a, const Parameters& b) {
  return Combine(a, b, "sum of models", [](float x, float y) { return x + y; });
}

}  // namespace consilium
