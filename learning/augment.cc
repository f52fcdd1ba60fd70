// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "learning/augment.h"

#include <algorithm>
#include <cmath>

#include "learning/tensors.h"

namespace consilium {
namespace {

// Rows of the matrix that takes a step in the patch to a step in the sample, both x, y, z.
using Matrix = std::array<std::array<double, 3>, 3>;

Matrix StepOf(const Augmentation& how) {
  const double cx = std::cos(how.rotation[0]), sx = std::sin(how.rotation[0]);
  const double cy = std::cos(how.rotation[1]), sy = std::sin(how.rotation[1]);
  const double cz = std::cos(how.rotation[2]), sz = std::sin(how.rotation[2]);
  Matrix m = {{{cz * cy, cz * sy * sx - sz * cx, cz * sy * cx + sz * sx},
               {sz * cy, sz * sy * sx + cz * cx, sz * sy * cx - cz * sx},
               {-sy, cy * sx, cy * cx}}};
  for (auto& row : m)
    for (double& v : row) v *= how.zoom;
  return m;
}

// The voxels of the sample that a moved patch touches, and where in them it looks.
struct Box {
  std::array<std::int64_t, 3> corner{}, size{};  // x, y, z
  at::Tensor grid;                               // [1, P, P, P, 3], positions as grid_sampler takes them
};

Box BoxOf(const std::array<std::int64_t, 3>& corner, const Augmentation& how, std::int64_t patch, at::Device device) {
  const Matrix m = StepOf(how);
  const auto p = static_cast<double>(patch);
  Box box;
  at::Tensor theta = at::empty({1, 3, 4}, at::kFloat);
  for (std::size_t a = 0; a < 3; ++a) {
    const double middle = static_cast<double>(corner[a]) + (p - 1) / 2;
    const double reach = (std::abs(m[a][0]) + std::abs(m[a][1]) + std::abs(m[a][2])) * (p - 1) / 2;
    box.corner[a] = static_cast<std::int64_t>(std::floor(middle - reach));
    box.size[a] = static_cast<std::int64_t>(std::ceil(middle + reach)) + 1 - box.corner[a];
    const auto edge = static_cast<double>(box.size[a]);
    for (std::size_t b = 0; b < 3; ++b) {
      theta[0][static_cast<std::int64_t>(a)][static_cast<std::int64_t>(b)] = m[a][b] * p / edge;
    }
    theta[0][static_cast<std::int64_t>(a)][3] = (2 * (middle - static_cast<double>(box.corner[a])) + 1) / edge - 1;
  }
  box.grid = at::affine_grid_generator(theta, {1, 1, patch, patch, patch}, false).to(device);
  return box;
}

at::Tensor CutBox(const at::Tensor& volume, const Box& box, const at::Tensor& padding) {
  at::Tensor cut = at::empty({volume.size(0), box.size[2], box.size[1], box.size[0]}, volume.options());
  CutPatch(volume, box.corner, padding, cut);
  return cut;
}

at::Tensor Sampled(const at::Tensor& cut, const Box& box) {
  constexpr std::int64_t kLinear = 0, kBorder = 1;  // the box holds every position; border is for rounding only
  return at::grid_sampler_3d(cut.unsqueeze(0), box.grid, kLinear, kBorder, /*align_corners=*/false)[0];
}

// batchgeneratorsv2's kernel: 6 standard deviations wide, an odd number of voxels.
at::Tensor Blurred(at::Tensor image, const std::array<double, 3>& sd) {
  for (std::size_t a = 0; a < 3; ++a) {
    const double wide = sd[a] * 6 + 0.5;
    const std::int64_t half = static_cast<std::int64_t>(std::floor(wide / 2));
    const at::Tensor x = at::arange(-half, half + 1, image.options()) / sd[a];
    const at::Tensor bell = at::exp(-0.5 * x * x);
    std::vector<std::int64_t> shape(5, 1), pad(6, 0);
    shape[4 - a] = 2 * half + 1;
    pad[2 * a] = pad[2 * a + 1] = half;
    image = at::conv3d(at::reflection_pad3d(image, pad), (bell / bell.sum()).view(shape));
  }
  return image;
}

void ChangeContrast(const at::Tensor& x, double factor) {
  const at::Tensor mean = x.mean();
  const auto [low, high] = at::aminmax(x);
  x.sub_(mean).mul_(factor).add_(mean);
  x.clamp_(low, high);
}

void ChangeGamma(const at::Tensor& x, double gamma) {
  const at::Tensor mean = x.mean(), sd = x.std();
  const auto [low, high] = at::aminmax(x);
  const at::Tensor range = high - low;
  x.sub_(low).div_(range.clamp_min(1e-7)).pow_(gamma).mul_(range).add_(low);
  const at::Tensor mean_now = x.mean(), sd_now = x.std();
  x.sub_(mean_now).mul_(sd / sd_now.clamp_min(1e-7)).add_(mean);
}

void LowerResolution(const at::Tensor& x, double share) {
  const std::vector<std::int64_t> full = {x.size(0), x.size(1), x.size(2)};
  std::vector<std::int64_t> less;
  for (const std::int64_t edge : full) less.push_back(std::llrint(static_cast<double>(edge) * share));
  const at::Tensor coarse = at::_upsample_nearest_exact3d(x.view({1, 1, full[0], full[1], full[2]}), less);
  x.copy_(at::upsample_trilinear3d(coarse, full, /*align_corners=*/false)[0][0]);
}

}  // namespace

void CutMovedPatch(const at::Tensor& volume, const std::array<std::int64_t, 3>& corner, const Augmentation& how,
                   const at::Tensor& padding, const at::Tensor& to) {
  if (!how.moves()) return CutPatch(volume, corner, padding, to);
  const Box box = BoxOf(corner, how, to.size(1), to.device());
  to.copy_(Sampled(CutBox(volume, box, padding), box));
}

void CutMovedLabel(const at::Tensor& volume, const std::array<std::int64_t, 3>& corner, const Augmentation& how,
                   std::int64_t classes, const at::Tensor& to) {
  const at::Tensor background = at::zeros({1, 1, 1, 1}, volume.options());
  if (!how.moves()) return CutPatch(volume, corner, background, to);
  const Box box = BoxOf(corner, how, to.size(1), to.device());
  const at::Tensor cut = CutBox(volume, box, background);
  std::vector<at::Tensor> is;
  for (std::int64_t c = 1; c < classes; ++c) is.push_back(cut.eq(c));
  is.push_back(cut.eq(kIgnoreLabel));
  const at::Tensor share = Sampled(at::cat(is).to(at::kFloat), box);
  const at::Tensor winner = at::cat({1 - share.sum(0, /*keepdim=*/true), share}).argmax(0, /*keepdim=*/true);
  to.copy_(winner.masked_fill(winner.eq(classes), kIgnoreLabel));
}

void ChangeIntensities(const Augmentation& how, at::Generator& generator, const at::Tensor& image) {
  if (how.noise_sd > 0) {
    generator.set_current_seed(how.noise_seed);
    image.add_(at::empty_like(image).normal_(0, how.noise_sd, generator));
  }
  for (std::size_t c = 0; c < how.channels.size(); ++c) {
    const Augmentation::Channel& change = how.channels[c];
    const at::Tensor x = image[static_cast<std::int64_t>(c)];
    if (change.blur != std::array<double, 3>{}) x.copy_(Blurred(x.unsqueeze(0).unsqueeze(0), change.blur)[0][0]);
    if (change.brightness != 1) x.mul_(change.brightness);
    if (change.contrast != 1) ChangeContrast(x, change.contrast);
    if (change.resolution != 1) LowerResolution(x, change.resolution);
    if (change.inverted_gamma != 1) {
      x.neg_();
      ChangeGamma(x, change.inverted_gamma);
      x.neg_();
    }
    if (change.gamma != 1) ChangeGamma(x, change.gamma);
  }
}

}  // namespace consilium
