// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "core/base/clock.h"
#include "core/base/digest.h"
#include "core/base/ids.h"
#include "core/data/label_map.h"
#include "core/data/lesion.h"
#include "core/data/probability_map.h"
#include "core/data/sample.h"
#include "core/data/volume.h"
#include "core/model/model_card.h"
#include "learning/predictor.h"

namespace consilium {

// What one model says of one case: as it is stored, shown and written into a SEG.
struct Prediction {
  CaseId id;
  Digest model;
  ModelVersion version;
  WallTime made;
  LabelMap labels;  // lesion numbers, on the PET grid
  std::vector<Lesion> lesions;
  double entropy = 0;  // see RimEntropy; higher is more doubtful
  double dice = -1;    // against the contour, on the PET grid; -1 without one
};

// The case, prepared and as images. `reference` may be null, and so may `probability`, which takes the map on the PET
// grid.
struct PredictionInput {
  const Sample& sample;
  const Volume& pet;
  const LabelMap* reference = nullptr;
  ProbabilityMap* probability = nullptr;
};

// Predicts on the sample's grid, brings the answer to the PET grid, finds the lesions as the model's card says and
// compares with the contour.
Prediction PredictCase(Predictor& predictor, const GlobalModel& model, const PredictionInput& input,
                       const PredictOptions& options, std::stop_token stop, Clock& clock);

// Binary entropy of each voxel in bits, 0 to 1: where the model does not know.
std::vector<float> EntropyMap(const ProbabilityMap& probability);

// How doubtful the outline is: the mean binary entropy (bits, 0 to 1) over the voxels at the rim of the prediction,
// that is those with one of six neighbours on the other side of 0.5. Where nothing is predicted: the entropy of the
// voxel most likely to be tumour.
double RimEntropy(const ProbabilityMap& probability);

}  // namespace consilium
