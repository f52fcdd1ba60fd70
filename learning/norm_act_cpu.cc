// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "learning/norm_act_cpu.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstddef>
#include <vector>

// One body for three instruction sets, chosen when the program is loaded: a function of the processor alone.
#if defined(__GNUC__) && !defined(__clang__) && defined(__x86_64__)
#define CONSILIUM_CLONES __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define CONSILIUM_CLONES
#endif
#define CONSILIUM_INLINE inline __attribute__((always_inline))

namespace consilium {
namespace {

constexpr std::int64_t kBlock = 1024;  // voxels whose sums are float32; blocks are joined in double
constexpr float kEps = 1e-5F;

CONSILIUM_INLINE float Load(float v) { return v; }
CONSILIUM_INLINE float Load(Bf16 v) { return std::bit_cast<float>(static_cast<std::uint32_t>(v) << 16); }
CONSILIUM_INLINE void Store(float v, float& to) { to = v; }
CONSILIUM_INLINE void Store(float v, Bf16& to) {  // to nearest even
  const auto bits = std::bit_cast<std::uint32_t>(v);
  to = static_cast<Bf16>((bits + 0x7fffU + ((bits >> 16) & 1U)) >> 16);
}

// Calls body<W>(c) for channels [c, c + W): 16, 8, 4 or 1 at a time, so that W sums stay in registers.
template <class F>
CONSILIUM_INLINE void ForChannels(std::int64_t channels, const F& body) {
  std::int64_t c = 0;
  for (; c + 16 <= channels; c += 16) body.template operator()<16>(c);
  for (; c + 8 <= channels; c += 8) body.template operator()<8>(c);
  for (; c + 4 <= channels; c += 4) body.template operator()<4>(c);
  for (; c < channels; ++c) body.template operator()<1>(c);
}

// Mean and sum of squared deviations of one block, two passes while it lies in the cache.
template <class T>
CONSILIUM_INLINE void MomentsBody(std::int64_t voxels, std::int64_t channels, const T* x, float* mean, float* m2) {
  ForChannels(
      channels, [&]<std::size_t W>(std::int64_t c) __attribute__((always_inline)) {
        float sum[W] = {}, centre[W], squares[W] = {};
        for (std::int64_t v = 0; v < voxels; ++v) {
          for (std::size_t i = 0; i < W; ++i) sum[i] += Load((x + v * channels + c)[i]);
        }
        for (std::size_t i = 0; i < W; ++i) centre[i] = sum[i] / static_cast<float>(voxels);
        for (std::int64_t v = 0; v < voxels; ++v) {
          for (std::size_t i = 0; i < W; ++i) {
            const float d = Load((x + v * channels + c)[i]) - centre[i];
            squares[i] += d * d;
          }
        }
        for (std::size_t i = 0; i < W; ++i) {
          (mean + c)[i] = centre[i];
          (m2 + c)[i] = squares[i];
        }
      });
}

// y = leaky(scale * x + shift)
template <class T>
CONSILIUM_INLINE void ApplyBody(std::int64_t voxels, std::int64_t channels, const T* x, const float* scale,
                                const float* shift, float slope, T* y) {
  ForChannels(
      channels, [&]<std::size_t W>(std::int64_t c) __attribute__((always_inline)) {
        float a[W], b[W];
        for (std::size_t i = 0; i < W; ++i) a[i] = (scale + c)[i], b[i] = (shift + c)[i];
        for (std::int64_t v = 0; v < voxels; ++v) {
          for (std::size_t i = 0; i < W; ++i) {
            const float z = a[i] * Load((x + v * channels + c)[i]) + b[i];
            Store(z > 0 ? z : slope * z, (y + v * channels + c)[i]);
          }
        }
      });
}

// Sums of g and g * (x - mean), g being the gradient before the leaky ReLU.
template <class T>
CONSILIUM_INLINE void GradientSumsBody(std::int64_t voxels, std::int64_t channels, const T* x, const T* dy,
                                       const float* scale, const float* shift, float slope, const float* mean,
                                       float* sum_g, float* sum_gx) {
  ForChannels(
      channels, [&]<std::size_t W>(std::int64_t c) __attribute__((always_inline)) {
        float a[W], b[W], m[W], g_sum[W] = {}, gx_sum[W] = {};
        for (std::size_t i = 0; i < W; ++i) a[i] = (scale + c)[i], b[i] = (shift + c)[i], m[i] = (mean + c)[i];
        for (std::int64_t v = 0; v < voxels; ++v) {
          for (std::size_t i = 0; i < W; ++i) {
            const float value = Load((x + v * channels + c)[i]);
            const float g = Load((dy + v * channels + c)[i]) * (a[i] * value + b[i] > 0 ? 1.0F : slope);
            g_sum[i] += g;
            gx_sum[i] += g * (value - m[i]);
          }
        }
        for (std::size_t i = 0; i < W; ++i) (sum_g + c)[i] = g_sum[i], (sum_gx + c)[i] = gx_sum[i];
      });
}

// dx = scale * g + p * x + q
template <class T>
CONSILIUM_INLINE void GradientBody(std::int64_t voxels, std::int64_t channels, const T* x, const T* dy,
                                   const float* scale, const float* shift, float slope, const float* p, const float* q,
                                   T* dx) {
  ForChannels(
      channels, [&]<std::size_t W>(std::int64_t c) __attribute__((always_inline)) {
        float a[W], b[W], s[W], t[W];
        for (std::size_t i = 0; i < W; ++i)
          a[i] = (scale + c)[i], b[i] = (shift + c)[i], s[i] = (p + c)[i], t[i] = (q + c)[i];
        for (std::int64_t v = 0; v < voxels; ++v) {
          for (std::size_t i = 0; i < W; ++i) {
            const float value = Load((x + v * channels + c)[i]);
            const float g = Load((dy + v * channels + c)[i]) * (a[i] * value + b[i] > 0 ? 1.0F : slope);
            Store(a[i] * g + s[i] * value + t[i], (dx + v * channels + c)[i]);
          }
        }
      });
}

// The attribute wants plain functions, so each body is named once for each type.
#define CONSILIUM_BLOCKS(T)                                                                                            \
  CONSILIUM_CLONES void Moments(std::int64_t n, std::int64_t c, const T* x, float* mean, float* m2) {                  \
    MomentsBody(n, c, x, mean, m2);                                                                                    \
  }                                                                                                                    \
  CONSILIUM_CLONES void Apply(std::int64_t n, std::int64_t c, const T* x, const float* a, const float* b, float slope, \
                              T* y) {                                                                                  \
    ApplyBody(n, c, x, a, b, slope, y);                                                                                \
  }                                                                                                                    \
  CONSILIUM_CLONES void GradientSums(std::int64_t n, std::int64_t c, const T* x, const T* dy, const float* a,          \
                                     const float* b, float slope, const float* m, float* g, float* gx) {               \
    GradientSumsBody(n, c, x, dy, a, b, slope, m, g, gx);                                                              \
  }                                                                                                                    \
  CONSILIUM_CLONES void Gradient(std::int64_t n, std::int64_t c, const T* x, const T* dy, const float* a,              \
                                 const float* b, float slope, const float* p, const float* q, T* dx) {                 \
    GradientBody(n, c, x, dy, a, b, slope, p, q, dx);                                                                  \
  }
CONSILIUM_BLOCKS(float)
CONSILIUM_BLOCKS(Bf16)
#undef CONSILIUM_BLOCKS

using Index = std::size_t;

// The work of one shape cut into blocks of voxels; a block is one task of one thread.
struct Blocks {
  explicit Blocks(const NormActShape& s) : shape(s), per_item((s.voxels + kBlock - 1) / kBlock) {}
  std::int64_t count() const { return shape.batch * per_item; }
  std::int64_t patch(std::int64_t block) const { return block / per_item; }
  std::int64_t begin(std::int64_t block) const { return block % per_item * kBlock; }
  std::int64_t voxels(std::int64_t block) const { return std::min(kBlock, shape.voxels - begin(block)); }
  std::int64_t offset(std::int64_t block) const {
    return (patch(block) * shape.voxels + begin(block)) * shape.channels;
  }
  NormActShape shape;
  std::int64_t per_item;
};

// scale * x + shift is the normalised value times gamma plus beta.
struct Affine {
  Affine(const NormActShape& s, const float* gamma, const float* beta, const float* mean, const float* rstd)
      : scale(static_cast<Index>(s.batch * s.channels)), shift(scale.size()) {
    for (Index i = 0; i < scale.size(); ++i) {
      const Index c = i % static_cast<Index>(s.channels);
      scale[i] = gamma[c] * rstd[i];
      shift[i] = beta[c] - mean[i] * scale[i];
    }
  }
  std::vector<float> scale, shift;  // [batch][channels]
};

// Joins the blocks' moments of one item and channel (Chan, Golub, LeVeque 1979).
void JoinMoments(const Blocks& blocks, const std::vector<float>& means, const std::vector<float>& m2s, float* mean,
                 float* rstd) {
  const std::int64_t channels = blocks.shape.channels;
  for (std::int64_t n = 0; n < blocks.shape.batch; ++n) {
    for (std::int64_t c = 0; c < channels; ++c) {
      double count = 0, m = 0, m2 = 0;
      for (std::int64_t b = n * blocks.per_item; b < (n + 1) * blocks.per_item; ++b) {
        const auto at = static_cast<Index>(b * channels + c);
        const auto k = static_cast<double>(blocks.voxels(b));
        const double delta = means[at] - m;
        m += delta * k / (count + k);
        m2 += m2s[at] + delta * delta * count * k / (count + k);
        count += k;
      }
      mean[n * channels + c] = static_cast<float>(m);
      rstd[n * channels + c] = static_cast<float>(1.0 / std::sqrt(m2 / count + static_cast<double>(kEps)));
    }
  }
}

template <class T>
void Forward(const NormActShape& s, const T* x, const float* gamma, const float* beta, T* y, float* mean, float* rstd) {
  const Blocks blocks(s);
  const std::int64_t count = blocks.count(), channels = s.channels;
  std::vector<float> means(static_cast<Index>(count * channels)), m2s(means.size());
#pragma omp parallel for schedule(static)
  for (std::int64_t b = 0; b < count; ++b) {
    Moments(blocks.voxels(b), channels, x + blocks.offset(b), means.data() + b * channels, m2s.data() + b * channels);
  }
  JoinMoments(blocks, means, m2s, mean, rstd);
  const Affine affine(s, gamma, beta, mean, rstd);
#pragma omp parallel for schedule(static)
  for (std::int64_t b = 0; b < count; ++b) {
    const std::int64_t row = blocks.patch(b) * channels;
    Apply(blocks.voxels(b), channels, x + blocks.offset(b), affine.scale.data() + row, affine.shift.data() + row,
          s.slope, y + blocks.offset(b));
  }
}

// dx = scale * (g - mean(g) - xhat * mean(g * xhat)), written as scale * g + p * x + q.
struct GradientTerms {
  std::vector<float> p, q;  // [batch][channels]
};

GradientTerms JoinGradientSums(const Blocks& blocks, const std::vector<float>& sum_g, const std::vector<float>& sum_gx,
                               const Affine& affine, const float* mean, const float* rstd, float* dgamma,
                               float* dbeta) {
  const std::int64_t channels = blocks.shape.channels;
  const auto voxels = static_cast<double>(blocks.shape.voxels);
  GradientTerms terms{std::vector<float>(affine.scale.size()), std::vector<float>(affine.scale.size())};
  for (std::int64_t c = 0; c < channels; ++c) {
    double gamma_total = 0, beta_total = 0;
    for (std::int64_t n = 0; n < blocks.shape.batch; ++n) {
      double g = 0, gx = 0;
      for (std::int64_t b = n * blocks.per_item; b < (n + 1) * blocks.per_item; ++b) {
        g += sum_g[static_cast<Index>(b * channels + c)];
        gx += sum_gx[static_cast<Index>(b * channels + c)];
      }
      const auto at = static_cast<Index>(n * channels + c);
      const double r = rstd[at], scale = affine.scale[at];
      const double slope = -scale * r * r * gx / voxels;  // of x - mean
      terms.p[at] = static_cast<float>(slope);
      terms.q[at] = static_cast<float>(-scale * g / voxels - slope * mean[at]);
      gamma_total += gx * r;
      beta_total += g;
    }
    dgamma[c] = static_cast<float>(gamma_total);
    dbeta[c] = static_cast<float>(beta_total);
  }
  return terms;
}

template <class T>
void Backward(const NormActShape& s, const T* x, const T* dy, const float* gamma, const float* beta, const float* mean,
              const float* rstd, T* dx, float* dgamma, float* dbeta) {
  const Blocks blocks(s);
  const Affine affine(s, gamma, beta, mean, rstd);
  const std::int64_t count = blocks.count(), channels = s.channels;
  std::vector<float> sum_g(static_cast<Index>(count * channels)), sum_gx(sum_g.size());
#pragma omp parallel for schedule(static)
  for (std::int64_t b = 0; b < count; ++b) {
    const std::int64_t row = blocks.patch(b) * channels;
    GradientSums(blocks.voxels(b), channels, x + blocks.offset(b), dy + blocks.offset(b), affine.scale.data() + row,
                 affine.shift.data() + row, s.slope, mean + row, sum_g.data() + b * channels,
                 sum_gx.data() + b * channels);
  }
  const GradientTerms terms = JoinGradientSums(blocks, sum_g, sum_gx, affine, mean, rstd, dgamma, dbeta);
#pragma omp parallel for schedule(static)
  for (std::int64_t b = 0; b < count; ++b) {
    const std::int64_t row = blocks.patch(b) * channels;
    Gradient(blocks.voxels(b), channels, x + blocks.offset(b), dy + blocks.offset(b), affine.scale.data() + row,
             affine.shift.data() + row, s.slope, terms.p.data() + row, terms.q.data() + row, dx + blocks.offset(b));
  }
}

}  // namespace

void NormActForward(const NormActShape& shape, const float* x, const float* gamma, const float* beta, float* y,
                    float* mean, float* rstd) {
  Forward(shape, x, gamma, beta, y, mean, rstd);
}
void NormActForward(const NormActShape& shape, const Bf16* x, const float* gamma, const float* beta, Bf16* y,
                    float* mean, float* rstd) {
  Forward(shape, x, gamma, beta, y, mean, rstd);
}
void NormActBackward(const NormActShape& shape, const float* x, const float* dy, const float* gamma, const float* beta,
                     const float* mean, const float* rstd, float* dx, float* dgamma, float* dbeta) {
  Backward(shape, x, dy, gamma, beta, mean, rstd, dx, dgamma, dbeta);
}
void NormActBackward(const NormActShape& shape, const Bf16* x, const Bf16* dy, const float* gamma, const float* beta,
                     const float* mean, const float* rstd, Bf16* dx, float* dgamma, float* dbeta) {
  Backward(shape, x, dy, gamma, beta, mean, rstd, dx, dgamma, dbeta);
}

}  // namespace consilium
