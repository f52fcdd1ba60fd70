// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
// Contours to voxels: ToLabelMap of rtstruct_reader.h.
#include <algorithm>
#include <cmath>

#include "core/base/error.h"
#include "imaging/dicom/rtstruct_reader.h"

namespace consilium {
namespace {

// A contour in continuous index space of the grid: x, y of its points, and the slice position it lies on.
struct Polygon {
  std::vector<Vec3> points;
  double k = 0;
};

// Polygons drawn on one plane.
struct Plane {
  double k = 0;
  std::vector<const Polygon*> polygons;
};

constexpr double kSamePlane = 0.02;  // slices
constexpr double kRounding = 1e-6;   // slices
constexpr double kOnCentre = 1e-6;   // voxels: so near to a row or column of centres a point lies on it
constexpr double kFlat = 0.6;        // slices: a contour that spans more was drawn on another orientation

// A contour drawn on the voxel centres must not depend on the last bits of its arithmetic.
double OntoCentre(double index) {
  const double centre = std::round(index);
  return std::abs(index - centre) <= kOnCentre ? centre : index;
}

std::vector<Polygon> ToIndexSpace(const Roi& roi, const Geometry& grid) {
  std::vector<Polygon> out;
  for (const auto& contour : roi.contours) {
    Polygon polygon;
    double low = 1e300, high = -1e300;
    for (const Vec3 point : contour) {
      const Vec3 at = grid.PointToIndex(point);
      polygon.points.push_back({OntoCentre(at.x), OntoCentre(at.y), at.z});
      low = std::min(low, polygon.points.back().z);
      high = std::max(high, polygon.points.back().z);
    }
    if (polygon.points.size() < 3) continue;
    Require(high - low <= kFlat, "the contours of " + roi.name + " do not lie in the slices of this series",
            "Use the series that the contours were drawn on.");
    polygon.k = (low + high) / 2;
    out.push_back(std::move(polygon));
  }
  std::stable_sort(out.begin(), out.end(), [](const Polygon& a, const Polygon& b) { return a.k < b.k; });
  return out;
}

std::vector<Plane> ToPlanes(const std::vector<Polygon>& polygons) {
  std::vector<Plane> planes;
  for (const Polygon& polygon : polygons) {
    if (planes.empty() || polygon.k - planes.back().k > kSamePlane) planes.push_back({polygon.k, {}});
    planes.back().polygons.push_back(&polygon);
  }
  return planes;
}

// Half the usual distance between planes, but half a slice at least: so far a plane reaches to either side. Of a slice
// that lies just so far away the one below is taken and the one above not, so that N contours on every second slice
// fill 2 N slices.
double ReachOf(const std::vector<Plane>& planes) {
  std::vector<double> steps;
  for (std::size_t p = 1; p < planes.size(); ++p) steps.push_back(planes[p].k - planes[p - 1].k);
  if (steps.empty()) return 0.5;
  std::nth_element(steps.begin(), steps.begin() + static_cast<std::ptrdiff_t>(steps.size() / 2), steps.end());
  return std::max(0.5, steps[steps.size() / 2] / 2);
}

const Plane* NearestPlane(const std::vector<Plane>& planes, double k, double reach) {
  const Plane* nearest = nullptr;
  for (const Plane& plane : planes) {
    const double above = k - plane.k;
    if (above < -reach - kRounding || above >= reach - kRounding) continue;
    if (nearest == nullptr || std::abs(plane.k - k) < std::abs(nearest->k - k)) nearest = &plane;
  }
  return nearest;
}

// Turns over every voxel of the slice whose centre lies inside the polygon (even-odd, by crossings of its row). A
// centre on an edge follows the rule in rtstruct_reader.h: the intervals are half open on both axes.
void TurnOver(const Polygon& polygon, const Size3& size, std::uint8_t* slice) {
  const auto& p = polygon.points;
  std::vector<double> crossings;
  for (std::int64_t j = 0; j < size.y; ++j) {
    crossings.clear();
    const auto y = static_cast<double>(j);
    for (std::size_t a = p.size() - 1, b = 0; b < p.size(); a = b++) {
      if ((p[a].y > y) == (p[b].y > y)) continue;
      crossings.push_back(OntoCentre(p[a].x + (p[b].x - p[a].x) * (y - p[a].y) / (p[b].y - p[a].y)));
    }
    std::sort(crossings.begin(), crossings.end());
    for (std::size_t c = 0; c + 1 < crossings.size(); c += 2) {
      const auto last = static_cast<double>(size.x - 1);
      const double from = std::max(0.0, std::ceil(crossings[c])), to = std::min(last, std::ceil(crossings[c + 1]) - 1);
      if (!(from <= to)) continue;  // beside the grid, maybe far
      for (auto i = static_cast<std::int64_t>(from); i <= static_cast<std::int64_t>(to); ++i) {
        slice[i + size.x * j] ^= 1;
      }
    }
  }
}

std::string NamesOf(const RtStruct& structures) {
  std::string names;
  for (const Roi& roi : structures.rois) names += (names.empty() ? "" : ", ") + roi.name;
  return names.empty() ? "none" : names;
}

}  // namespace

LabelMap ToLabelMap(const RtStruct& structures, std::string_view roi_pattern, const Geometry& grid) {
  const auto rois = MatchingRois(structures, roi_pattern);
  if (rois.empty()) {
    throw Error(ErrorCode::kNotFound,
                "no region named like " + std::string(roi_pattern) + " in " + structures.file.string() +
                    "; there are: " + NamesOf(structures),
                "If one of them is meant, add its name to the patterns (`contours` or `labels` in site.toml).");
  }
  const auto in_slice = static_cast<std::size_t>(grid.size.x * grid.size.y);
  LabelMap out{grid, std::vector<std::uint8_t>(static_cast<std::size_t>(grid.size.count()))};
  std::vector<std::uint8_t> slice(in_slice);
  for (const Roi* roi : rois) {
    bool marked = false;
    const std::vector<Polygon> polygons = ToIndexSpace(*roi, grid);
    const std::vector<Plane> planes = ToPlanes(polygons);
    const double reach = ReachOf(planes);
    for (std::int64_t k = 0; k < grid.size.z; ++k) {
      const Plane* plane = NearestPlane(planes, static_cast<double>(k), reach);
      if (plane == nullptr) continue;
      std::fill(slice.begin(), slice.end(), std::uint8_t{0});
      for (const Polygon* polygon : plane->polygons) TurnOver(*polygon, grid.size, slice.data());
      std::uint8_t* target = out.voxels.data() + static_cast<std::size_t>(k) * in_slice;
      for (std::size_t i = 0; i < in_slice; ++i) target[i] |= slice[i];
      marked = marked || std::find(slice.begin(), slice.end(), 1) != slice.end();
    }
    // Taking it for "no tumour here" would teach the opposite of what was drawn.
    Require(marked || roi->contours.empty(),
            "the contours of " + roi->name + " in " + structures.file.string() + " mark no voxel of this series",
            "They lie beside the images or between their voxels: look for a wrong frame of reference or scale, and "
            "export the structure set again.");
  }
  return out;
}

LabelMap ToLabelMap(const RtStruct& structures, std::string_view roi_pattern, const Series& series) {
  RequireFit(structures.source, series, "RTSTRUCT", structures.file);
  return ToLabelMap(structures, roi_pattern, series.geometry);
}

}  // namespace consilium
