// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "learning/norm_act.h"

#include <gtest/gtest.h>

#include "tests/learning/oracle_tensors.h"

namespace consilium {
namespace {

struct Case {
  std::int64_t channels, edge;
  double slope = 0.01;
};

class NormAct3d : public testing::TestWithParam<Case> {
 protected:
  at::Tensor Random(std::vector<std::int64_t> shape) { return at::randn(shape, generator_); }
  at::Generator generator_ = at::detail::createCPUGenerator(11);
};

at::Tensor TorchsOwn(const at::Tensor& x, const at::Tensor& gamma, const at::Tensor& beta, double slope) {
  return at::leaky_relu(at::instance_norm(x, gamma, beta, {}, {}, true, 0.1, 1e-5, false), slope);
}

// Values and all three gradients against Torch's instance_norm and leaky_relu in double.
TEST_P(NormAct3d, EqualsTorchsOwnInDouble) {
  const auto [channels, edge, slope] = GetParam();
  const at::Tensor x = (Random({2, channels, edge, edge, edge + 1}) * 3 + 5).requires_grad_();
  const at::Tensor gamma = (Random({channels}) * 0.3 + 1).requires_grad_(), beta = Random({channels}).requires_grad_();
  const at::Tensor wanted = Random({2, channels, edge, edge, edge + 1});
  const auto copy = [](const at::Tensor& t) { return t.detach().to(at::kDouble).requires_grad_(); };
  const at::Tensor x64 = copy(x), gamma64 = copy(gamma), beta64 = copy(beta);
  const at::Tensor y = NormAct(x, gamma, beta, slope), y64 = TorchsOwn(x64, gamma64, beta64, slope);
  EXPECT_LT(test::LargestDifference(y, y64), 2e-5);
  (y * wanted).sum().backward();
  (y64 * wanted).sum().backward();
  EXPECT_LT(test::LargestDifference(x.grad(), x64.grad()), 2e-5);
  const double scale = gamma64.grad().abs().max().item<double>() + beta64.grad().abs().max().item<double>();
  EXPECT_LT(test::LargestDifference(gamma.grad(), gamma64.grad()), 2e-6 * scale);
  EXPECT_LT(test::LargestDifference(beta.grad(), beta64.grad()), 2e-6 * scale);
}

TEST_P(NormAct3d, Bfloat16IsFloat32Rounded) {
  const auto [channels, edge, slope] = GetParam();
  const at::Tensor x = Random({2, channels, edge, edge, edge + 1}).to(at::kBFloat16);
  const at::Tensor gamma = Random({channels}) * 0.3 + 1, beta = Random({channels});
  const at::Tensor y = NormAct(x, gamma, beta, slope);
  ASSERT_EQ(y.scalar_type(), at::kBFloat16);
  const at::Tensor exact = NormAct(x.to(at::kFloat), gamma, beta, slope);
  EXPECT_EQ(test::LargestDifference(y, exact.to(at::kBFloat16)), 0);
}

TEST_P(NormAct3d, BitsDoNotDependOnThreads) {
  const auto [channels, edge, slope] = GetParam();
  const at::Tensor x = Random({2, channels, edge, edge, edge + 1});
  const at::Tensor gamma = Random({channels}), beta = Random({channels});
  const int threads = at::get_num_threads();
  at::set_num_threads(1);
  const at::Tensor one = NormAct(x, gamma, beta, slope);
  at::set_num_threads(3);
  const at::Tensor three = NormAct(x, gamma, beta, slope);
  at::set_num_threads(threads);
  EXPECT_TRUE(at::equal(one, three));
}

// More than one block of voxels, less than one, and every width of the channel loop.
INSTANTIATE_TEST_SUITE_P(Shapes, NormAct3d,
                         testing::Values(Case{16, 13}, Case{8, 12}, Case{29, 4}, Case{1, 2}, Case{4, 11},
                                         Case{24, 7, 1.0}),
                         [](const auto& param_info) {
                           return "Channels" + std::to_string(param_info.param.channels) + "Edge" +
                                  std::to_string(param_info.param.edge);
                         });

TEST(NormAct, OtherTypesAreRefused) {
  EXPECT_THROW(NormAct(at::zeros({1, 1, 2, 2, 2}, at::kHalf), at::ones({1}), at::zeros({1})), c10::Error);
}

}  // namespace
}  // namespace consilium
