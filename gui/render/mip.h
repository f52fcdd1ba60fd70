// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <QImage>
#include <vector>

#include "core/data/label_map.h"
#include "core/data/volume.h"
#include "gui/render/colour_map.h"

namespace consilium {

// A maximum intensity projection of a PET, seen from the front (angle 0) or turned about the body's long axis; at 90
// degrees the viewer stands on the patient's left. The grid's own axes stand for the patient's, the nearest to each.
struct Projection {
  int width = 0, height = 0;  // pixels of `mm_per_pixel`, square
  double mm_per_pixel = 1;
  double angle_deg = 0;
  std::vector<float> values;         // [y][x], head first; kOutside where the ray meets no image
  std::vector<std::uint8_t> inside;  // 1 where the ray meets a label; empty if there was none
};

// Nearest voxel along each ray. `labels` may be null; its grid must be the volume's, or it is left out.
Projection Project(const Volume& volume, const LabelMap* labels, double angle_deg);

// Scaled to fit into width x height, smooth, centred; the labels are painted in `colour`.
QImage Draw(const Projection& projection, const Window& window, const ColourMap& map, const QColor& colour, int width,
            int height);

}  // namespace consilium
