// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <QColor>
#include <QImage>
#include <vector>

#include "gui/render/colour_map.h"
#include "gui/render/slice_plane.h"

namespace consilium {

// One image of the picture, the lowest first. Images of different grids meet in the patient's frame. The engine only
// looks at what it is given; it must live while Render runs.
struct ImageLayer {
  const Volume* volume = nullptr;
  Window window;
  ColourMap map;
};

// One label map on top, filled, outlined or both.
struct LabelLayer {
  const LabelMap* labels = nullptr;
  std::uint8_t label = 0;  // only this label; 0: all
  QColor colour;
  double fill_opacity = 0;  // 0..1
  int outline_px = 0;       // thickness, inwards
};

struct SliceScene {
  std::vector<ImageLayer> images;
  std::vector<LabelLayer> labels;
  QColor background = Qt::black;
};

// Draws slices on the CPU, in the calling thread. It keeps its buffers between pictures, so give each pane its own.
class SliceEngine {
 public:
  // width x height of the plane, RGB32, every pixel written.
  QImage Render(const SliceScene& scene, const SlicePlane& plane);

 private:
  void DrawImage(const ImageLayer& layer, const SlicePlane& plane, QImage& picture);
  void DrawLabels(const LabelLayer& layer, const SlicePlane& plane, QImage& picture);

  std::vector<float> values_;
};

}  // namespace consilium
