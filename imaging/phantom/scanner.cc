// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "imaging/phantom/scanner.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>

namespace consilium {
namespace {

constexpr double kSigmaPerFwhm = 1 / 2.3548200450309493;  // 1 / (2 sqrt(2 ln 2))
constexpr double kAirHu = -1000;

// Sets every voxel whose centre lies in the shape.
void FillShape(const Shape& shape, float value, const Geometry& grid, std::vector<float>& voxels) {
  const Vec3 low = grid.PointToIndex(shape.centre_mm - shape.HalfExtentMm());
  const Vec3 high = grid.PointToIndex(shape.centre_mm + shape.HalfExtentMm());
  const auto first = [](double index) { return std::max<std::int64_t>(0, std::llround(std::ceil(index))); };
  const auto last = [](double index, std::int64_t size) {
    return std::min<std::int64_t>(size - 1, std::llround(std::floor(index)));
  };
  for (std::int64_t k = first(low.z); k <= last(high.z, grid.size.z); ++k) {
    for (std::int64_t j = first(low.y); j <= last(high.y, grid.size.y); ++j) {
      for (std::int64_t i = first(low.x); i <= last(high.x, grid.size.x); ++i) {
        const Vec3 index{static_cast<double>(i), static_cast<double>(j), static_cast<double>(k)};
        if (shape.Contains(grid.IndexToPoint(index))) voxels[static_cast<std::size_t>(grid.Offset(i, j, k))] = value;
      }
    }
  }
}

// Convolves along one axis with a Gaussian cut at three standard deviations; the border value goes on outside.
void BlurAxis(std::vector<float>& voxels, std::int64_t count, std::int64_t stride, double sigma_voxels) {
  const auto radius = std::max<std::int64_t>(1, std::llround(std::ceil(3 * sigma_voxels)));
  std::vector<float> kernel;
  float sum = 0;
  for (std::int64_t t = -radius; t <= radius; ++t) {
    kernel.push_back(static_cast<float>(std::exp(-0.5 * static_cast<double>(t * t) / (sigma_voxels * sigma_voxels))));
    sum += kernel.back();
  }
  for (float& weight : kernel) weight /= sum;

  const auto total = static_cast<std::int64_t>(voxels.size());
  std::vector<float> line(static_cast<std::size_t>(count + 2 * radius));
  for (std::int64_t start = 0; start < total; ++start) {
    if (start / stride % count != 0) continue;
    for (std::int64_t t = 0; t < count + 2 * radius; ++t) {
      const std::int64_t from = std::clamp<std::int64_t>(t - radius, 0, count - 1);
      line[static_cast<std::size_t>(t)] = voxels[static_cast<std::size_t>(start + from * stride)];
    }
    for (std::int64_t t = 0; t < count; ++t) {
      float value = 0;
      for (std::size_t w = 0; w < kernel.size(); ++w) value += kernel[w] * line[static_cast<std::size_t>(t) + w];
      voxels[static_cast<std::size_t>(start + t * stride)] = value;
    }
  }
}

void Blur(std::vector<float>& voxels, const Geometry& grid, double fwhm_mm) {
  const double sigma_mm = fwhm_mm * kSigmaPerFwhm;
  BlurAxis(voxels, grid.size.x, 1, sigma_mm / grid.spacing_mm.x);
  BlurAxis(voxels, grid.size.y, grid.size.x, sigma_mm / grid.spacing_mm.y);
  BlurAxis(voxels, grid.size.z, grid.size.x * grid.size.y, sigma_mm / grid.spacing_mm.z);
}

// Each voxel split into 2 x 2 x 2.
Geometry Halved(const Geometry& grid) {
  Geometry fine = grid;
  fine.size = {2 * grid.size.x, 2 * grid.size.y, 2 * grid.size.z};
  fine.spacing_mm = 0.5 * grid.spacing_mm;
  fine.origin_mm = grid.IndexToPoint({-0.25, -0.25, -0.25});
  return fine;
}

std::vector<float> MeanOfEight(const std::vector<float>& fine, const Geometry& fine_grid, const Geometry& grid) {
  std::vector<float> coarse(static_cast<std::size_t>(grid.size.count()), 0.0F);
  for (std::int64_t k = 0; k < fine_grid.size.z; ++k) {
    for (std::int64_t j = 0; j < fine_grid.size.y; ++j) {
      for (std::int64_t i = 0; i < fine_grid.size.x; ++i) {
        coarse[static_cast<std::size_t>(grid.Offset(i / 2, j / 2, k / 2))] +=
            0.125F * fine[static_cast<std::size_t>(fine_grid.Offset(i, j, k))];
      }
    }
  }
  return coarse;
}

// A number as DICOM's decimal string holds it, so that the slope in memory is the slope in the file.
float AsDecimalString(double value) { return std::strtof(fmt::format("{:.8g}", value).c_str(), nullptr); }

}  // namespace

Geometry PhantomGrid(Vec3 voxel_mm) {
  const auto count = [](double half_mm, double edge_mm) { return std::llround(2 * half_mm / edge_mm); };
  Geometry grid;
  grid.spacing_mm = voxel_mm;
  grid.size = {count(kPhantomHalfFieldMm.x, voxel_mm.x), count(kPhantomHalfFieldMm.y, voxel_mm.y),
               count(kPhantomHalfFieldMm.z, voxel_mm.z)};
  const auto first = [](std::int64_t n, double edge_mm) { return -0.5 * static_cast<double>(n - 1) * edge_mm; };
  grid.origin_mm = {first(grid.size.x, voxel_mm.x), first(grid.size.y, voxel_mm.y), first(grid.size.z, voxel_mm.z)};
  return grid;
}

Volume ScanPet(const PhantomBody& body, const PhantomStyle& style, Random random) {
  Volume pet;
  pet.modality = Modality::kPet;
  pet.geometry = PhantomGrid(style.pet_voxel_mm);
  const Geometry fine_grid = Halved(pet.geometry);
  std::vector<float> fine(static_cast<std::size_t>(fine_grid.size.count()), 0.0F);
  for (const Tissue& tissue : body.tissues) FillShape(tissue.shape, static_cast<float>(tissue.suv), fine_grid, fine);
  Blur(fine, fine_grid, style.pet_blur_mm);
  std::vector<float> suv = MeanOfEight(fine, fine_grid, pet.geometry);
  for (float& value : suv) {
    const double noise = style.pet_noise * std::sqrt(static_cast<double>(value) + 0.05) * random.Normal();
    value = std::max(0.0F, value + static_cast<float>(noise));
  }

  const auto slice = static_cast<std::size_t>(pet.geometry.size.x * pet.geometry.size.y);
  for (auto begin = suv.begin(); begin != suv.end(); begin += static_cast<std::ptrdiff_t>(slice)) {
    const float largest = *std::max_element(begin, begin + static_cast<std::ptrdiff_t>(slice));
    const float slope = AsDecimalString(std::max(1e-4, static_cast<double>(largest)) / 32000);
    pet.slope.push_back(slope);
    pet.intercept.push_back(0);
    for (auto value = begin; value != begin + static_cast<std::ptrdiff_t>(slice); ++value) {
      pet.voxels.push_back(static_cast<std::int16_t>(std::lround(*value / slope)));
    }
  }
  return pet;
}

Volume ScanCt(const PhantomBody& body, const PhantomStyle& style, Random random) {
  Volume ct;
  ct.modality = Modality::kCt;
  ct.geometry = PhantomGrid(style.ct_voxel_mm);
  std::vector<float> hu(static_cast<std::size_t>(ct.geometry.size.count()), static_cast<float>(kAirHu));
  for (const Tissue& tissue : body.tissues) FillShape(tissue.shape, static_cast<float>(tissue.hu), ct.geometry, hu);
  Blur(hu, ct.geometry, style.ct_blur_mm);
  ct.slope.assign(static_cast<std::size_t>(ct.geometry.size.z), 1.0F);
  ct.intercept.assign(static_cast<std::size_t>(ct.geometry.size.z), -1024.0F);
  for (const float value : hu) {
    const double noisy = static_cast<double>(value) + style.ct_noise_hu * random.Normal();
    ct.voxels.push_back(static_cast<std::int16_t>(std::lround(std::clamp(noisy, -1024.0, 3071.0) + 1024)));
  }
  return ct;
}

}  // namespace consilium
