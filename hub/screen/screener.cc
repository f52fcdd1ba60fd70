// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "hub/screen/screener.h"

#include <algorithm>
#include <cmath>

#include "core/base/error.h"
#include "cuda/ops/fixed_point_sum.h"

namespace consilium {
namespace {

constexpr std::int64_t kPiece = 1 << 18;  // numbers: 1 MiB

std::string ShapeText(const std::vector<std::int64_t>& shape) {
  std::string text = "[";
  for (std::size_t i = 0; i < shape.size(); ++i) text += (i > 0 ? ", " : "") + std::to_string(shape[i]);
  return text + "]";
}

std::string NumberText(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.4g", value);
  return text;
}

// Words are made only for a bad number: making them for each would cost more than all the rest.
void RequireSummable(std::span<const float> values, const std::string& array) {
  const auto bad = std::ranges::find_if(values, [](float value) { return !(std::abs(value) <= kFixedPointLimit); });
  if (bad == values.end()) return;
  Require(std::isfinite(*bad), "array `" + array + "` holds a number that is not finite");
  throw Error(ErrorCode::kOutOfRange, "array `" + array + "` holds " + NumberText(static_cast<double>(*bad)) +
                                          "; changes are at most " + NumberText(static_cast<double>(kFixedPointLimit)));
}

}  // namespace

Screener::Screener(const RunPlan& plan)
    : layout_(LayoutOf(plan.network)), steps_(plan.train.steps), max_norm_(plan.aggregation.max_update_norm) {
  for (const ArraySpec& array : layout_) {
    std::int64_t numbers = 1;
    for (const std::int64_t edge : array.shape) numbers *= edge;
    count_ += numbers;
  }
}

Verdict Screener::Check(const SpooledUpdate& update, const ScreenTerms& terms) const {
  const UpdateHeader& header = update.header();
  try {
    Require(header.id == terms.id,
            "the update calls itself " + header.id.Text() + ", it was sent as " + terms.id.Text());
    Require(header.base == terms.base,
            "it was trained from model " + header.base.Short() + ", this round's model is " + terms.base.Short());
    CheckArrays(update);
    CheckMetrics(header.metrics, terms);
    CheckNumbers(update);
  } catch (const Error& error) {
    return {false, error.what(), header.metrics};
  }
  return {true, {}, header.metrics};
}

void Screener::CheckArrays(const SpooledUpdate& update) const {
  const auto& tensors = update.header().layout.tensors;
  for (std::size_t i = 0; i < std::min(tensors.size(), layout_.size()); ++i) {
    const bool same = tensors[i].name == layout_[i].name && tensors[i].shape == layout_[i].shape;
    Require(same && tensors[i].dtype == "F32", "array " + std::to_string(i + 1) + " is `" +
                                                   tensors[i].name.substr(0, 80) + "` " + ShapeText(tensors[i].shape) +
                                                   " " + tensors[i].dtype + ", the model has `" + layout_[i].name +
                                                   "` " + ShapeText(layout_[i].shape) + " F32");
  }
  Require(tensors.size() == layout_.size() && update.count() == count_,
          "it has " + std::to_string(tensors.size()) + " arrays, the model has " + std::to_string(layout_.size()));
}

void Screener::CheckMetrics(const TrainMetrics& metrics, const ScreenTerms& terms) const {
  Require(metrics.samples >= 1 && metrics.samples <= std::min(terms.most_samples, kFixedPointMaxWeight),
          "it claims " + std::to_string(metrics.samples) + " training patients; the site has declared " +
              std::to_string(terms.most_samples));
  Require(metrics.steps >= 1 && metrics.steps <= steps_,
          "it claims " + std::to_string(metrics.steps) + " steps; the plan has " + std::to_string(steps_));
}

void Screener::CheckNumbers(const SpooledUpdate& update) const {
  std::vector<float> piece(static_cast<std::size_t>(std::min(kPiece, count_)));
  double squares = 0;
  std::int64_t first = 0;
  for (const ArraySpec& array : layout_) {
    std::int64_t left = 1;
    for (const std::int64_t edge : array.shape) left *= edge;
    while (left > 0) {
      const std::span<float> values(piece.data(), static_cast<std::size_t>(std::min(left, kPiece)));
      update.Read(first, values);
      RequireSummable(values, array.name);
      for (const float value : values) squares += static_cast<double>(value) * static_cast<double>(value);
      first += static_cast<std::int64_t>(values.size());
      left -= static_cast<std::int64_t>(values.size());
    }
  }
  const double norm = std::sqrt(squares);
  Require(norm <= max_norm_, "its norm is " + NumberText(norm) + "; the plan's limit is " + NumberText(max_norm_));
}

}  // namespace consilium
