// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string>
#include <utility>
#include <vector>

#include "core/data/label_map.h"
#include "tools/study/cohort.h"
#include "tools/study/scores.h"

namespace consilium {

// How a study is shown to people. Nothing here reads a file or trains.

// A row a model: steps, the mean over all patients with its 95 % bootstrap interval, and the mean at each hospital.
std::string ResultTable(std::span<const ModelScores> models);

// One training's loss: of each round, in order.
struct LossCurve {
  std::string model;
  std::int64_t steps = 0;  // between two values
  std::vector<double> loss;
};
std::string CurvesCsv(std::span<const LossCurve> curves);  // model,step,loss

// One patient's axial PET slice through the largest part of the tumour (dark is hot, 0 to 10 SUV), with the reference's
// outline green and the prediction's red, along the voxels' edges. SVG.
std::string CasePicture(const StudyPatient& patient, const LabelMap& prediction, const std::string& title);

// One page without links to elsewhere: the matrix of every model at every hospital, each patient's Dice as a dot, the
// losses, and the pictures (SVG). HTML.
std::string ReportPage(const std::string& title, std::span<const ModelScores> models, std::span<const LossCurve> curves,
                       std::span<const std::string> pictures);

// Grey pixels as a PNG (ISO/IEC 15948), row after row from the top, stored without compression.
std::vector<unsigned char> EncodePng(std::span<const unsigned char> grey, std::int64_t width, std::int64_t height);

}  // namespace consilium
