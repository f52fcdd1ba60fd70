// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <stdexcept>
#include <string>
#include <vector>

#include "core/model/network_spec.h"
#include "core/model/parameters.h"
#include "core/model/safetensors.h"

namespace consilium::test {

// Arrays that tools/oracles/plain_conv_unet.py wrote with nnU-Net's own code.
class Oracle {
 public:
  explicit Oracle(const std::string& file)
      : file_(ReadParametersFile(std::filesystem::path(CONSILIUM_ORACLES) / file).parameters) {}

  const NamedArray& Array(const std::string& name) const {
    const NamedArray* array = file_.Find(name);
    if (array == nullptr) throw std::runtime_error("oracle has no array " + name);
    return *array;
  }
  const std::vector<float>& Values(const std::string& name) const { return Array(name).values; }
  bool Has(const std::string& name) const { return file_.Find(name) != nullptr; }

  // The network's parameters, in LayoutOf's order.
  Parameters Network(const NetworkSpec& spec) const {
    Parameters parameters;
    for (const ArraySpec& wanted : LayoutOf(spec)) {
      const NamedArray& array = Array("weights/" + wanted.name);
      parameters.arrays.push_back({wanted.name, array.shape, array.values});
    }
    return parameters;
  }

 private:
  Parameters file_;
};

// The network of the oracles.
inline NetworkSpec OracleNetwork() { return {.features = {3, 4, 5, 6}}; }

}  // namespace consilium::test
