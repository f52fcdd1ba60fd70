// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "learning/data_parallel.h"

#include <string>

#include "core/base/error.h"

namespace consilium {

std::int64_t DataParallel::Deal(std::int64_t items, bool patients) const {
  Require(
      patients || items % size() == 0,
      "training: " + std::to_string(size()) + " processes cannot share a batch of " + std::to_string(items) + " evenly",
      "Set train.batch to a multiple of the number of processes, or start fewer.");
  Require(alone() || items >= size(),
          "training: " + std::to_string(size()) + " processes for " + std::to_string(items) + " patients",
          "Start at most one process for each patient.");
  return (items + size() - 1) / size();
}

DataParallel::~DataParallel() {
  if (group_ != nullptr && apart_) group_->Leave();
}

void DataParallel::Share(const std::vector<at::Tensor>& parameters, OptimizerTensors& state) {
  group_->Share(parameters);
  for (const auto* tensors : {&state.momentum, &state.second_moment, &state.average}) group_->Share(*tensors);
  const at::Tensor steps = at::full({1}, state.steps, at::kLong);
  group_->Share({steps});
  state.steps = *steps.const_data_ptr<std::int64_t>();
}

void DataParallel::Begin(const Digest& training, const std::vector<at::Tensor>& parameters, OptimizerTensors& state,
                         const std::vector<at::Tensor>& correction) {
  if (group_ == nullptr) return;
  group_->RequireSame(training, "patients, another plan or another place in the run");
  Share(parameters, state);
  group_->Share(correction);
}

bool DataParallel::Stopped(const std::stop_token& stop) {
  if (group_ == nullptr) return stop.stop_requested();
  const bool all = group_->Any(stop.stop_requested());
  if (all) apart_ = false;
  return all;
}

at::Tensor DataParallel::Average(const std::vector<at::Tensor>& parameters, const at::Tensor& loss) {
  if (group_ == nullptr) return loss;
  std::vector<at::Tensor> all;
  for (const at::Tensor& parameter : parameters) {
    if (parameter.grad().defined()) all.push_back(parameter.grad());
  }
  all.push_back(loss.to(at::kFloat).clone());
  group_->Average(all);
  return all.back();
}

void DataParallel::End(const std::vector<at::Tensor>& parameters, OptimizerTensors& state) {
  if (group_ == nullptr) return;
  Share(parameters, state);
  apart_ = false;
}

void AddSamples(std::span<const Sample> samples, Sha256& digest) {
  for (const Sample& sample : samples) {
    const Size3 size = sample.grid.size;
    for (const std::int64_t number : {size.x, size.y, size.z, std::int64_t{sample.channels}})
      digest.Add(std::to_string(number) + " ");
    digest.Add(std::as_bytes(std::span(sample.image.data(), sample.image.size())));
    digest.Add(std::as_bytes(std::span(sample.label.data(), sample.label.size())));
  }
}

}  // namespace consilium
