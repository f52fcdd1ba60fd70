// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "learning/norm_act.h"

#include "learning/norm_act_cpu.h"

namespace consilium {
namespace {

constexpr auto kChannelsLast = at::MemoryFormat::ChannelsLast3d;

NormActShape ShapeOf(const at::Tensor& x, double slope) {
  return {x.size(0), x.size(2) * x.size(3) * x.size(4), x.size(1), static_cast<float>(slope)};
}

// Calls f with typed pointers: float or Bf16.
template <class F>
void WithType(const at::Tensor& x, const F& f) {
  if (x.scalar_type() == at::kBFloat16) {
    f([](const at::Tensor& t) { return static_cast<Bf16*>(t.data_ptr()); });
  } else {
    TORCH_CHECK(x.scalar_type() == at::kFloat, "norm: float32 or bfloat16 only, not ", x.scalar_type());
    f([](const at::Tensor& t) { return static_cast<float*>(t.data_ptr()); });
  }
}

float* Floats(const at::Tensor& t) { return static_cast<float*>(t.data_ptr()); }

struct CpuNormAct : torch::autograd::Function<CpuNormAct> {
  static at::Tensor forward(torch::autograd::AutogradContext* context, const at::Tensor& input, const at::Tensor& gamma,
                            const at::Tensor& beta, double slope) {
    const at::Tensor x = input.contiguous(kChannelsLast);
    const at::Tensor y = at::empty_like(x, kChannelsLast);
    const at::Tensor mean = at::empty({x.size(0), x.size(1)}, gamma.options()), rstd = at::empty_like(mean);
    WithType(x, [&](auto data) {
      NormActForward(ShapeOf(x, slope), data(x), Floats(gamma), Floats(beta), data(y), Floats(mean), Floats(rstd));
    });
    context->saved_data["slope"] = slope;
    context->save_for_backward({x, gamma, beta, mean, rstd});
    return y;
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context,
                                                 const torch::autograd::variable_list& gradients) {
    const auto saved = context->get_saved_variables();
    const double slope = context->saved_data["slope"].toDouble();
    const at::Tensor &x = saved[0], &gamma = saved[1], &beta = saved[2], &mean = saved[3], &rstd = saved[4];
    const at::Tensor dy = gradients[0].contiguous(kChannelsLast), dx = at::empty_like(x, kChannelsLast);
    const at::Tensor dgamma = at::empty_like(gamma), dbeta = at::empty_like(beta);
    WithType(x, [&](auto data) {
      NormActBackward(ShapeOf(x, slope), data(x), data(dy), Floats(gamma), Floats(beta), Floats(mean), Floats(rstd),
                      data(dx), Floats(dgamma), Floats(dbeta));
    });
    return {dx, dgamma, dbeta, {}};
  }
};

}  // namespace

at::Tensor NormAct(const at::Tensor& x, const at::Tensor& gamma, const at::Tensor& beta, double slope) {
  if (x.is_cpu()) return CpuNormAct::apply(x, gamma, beta, slope);
  const at::Tensor normed = at::instance_norm(x, gamma, beta, {}, {}, true, 0.1, 1e-5, true);
  return slope == 1 ? normed : at::leaky_relu(normed, slope);
}

}  // namespace consilium
