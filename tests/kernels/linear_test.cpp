// SPDX-License-Identifier: GPL-3.0-or-later
#include "kernels/linear.h"

#include "tests/kernels/compare.h"

namespace interleave::kernels {
namespace {

Tensors product(const Tensors& x) { return {at::linear(x[0], x[1], x[2])}; }

TEST(WidenedLinear, IsAsExactAsLibTorchsProduct) {
  at::manual_seed(5);
  struct Shape {
    std::int64_t rows, in, out;
  };
  // The last one's weight takes two blocks, the second of 29 rows.
  for (const Shape& shape : {Shape{1, 1, 1}, Shape{7, 33, 5}, Shape{130, 64, 192}, Shape{3, 2048, 1024 + 29}}) {
    const Tensors inputs{at::randn({2, shape.rows, shape.in}, at::kDouble),
                         at::randn({shape.out, shape.in}, at::kDouble), at::randn({shape.out}, at::kDouble)};
    const Tensors weights{at::randn({2, shape.rows, shape.out}, at::kDouble)};
    const auto widened = [](const Tensors& x) { return Tensors{widenedLinear(x[0], x[1], x[2])}; };
    std::ostringstream what;
    what << shape.rows << 'x' << shape.in << 'x' << shape.out;
    expectAsExactAsPlain(outputsAndGradients(widened, leaves(inputs, at::kBFloat16, at::kBFloat16), weights),
                         outputsAndGradients(product, leaves(inputs, at::kBFloat16, at::kBFloat16), weights),
                         outputsAndGradients(product, leaves(inputs, at::kBFloat16, at::kDouble), weights),
                         {"y", "dx", "d_weight", "d_bias"}, what.str());
  }
}

TEST(WidenedLinear, GivesOnlyTheGradientsAskedFor) {
  at::manual_seed(7);
  const Tensors inputs{at::randn({4, 8}).to(at::kBFloat16), at::randn({6, 8}).to(at::kBFloat16),
                       at::randn({6}).to(at::kBFloat16)};
  EXPECT_FALSE(widenedLinear(inputs[0], inputs[1], inputs[2]).requires_grad());
  const Tensors all = leaves(inputs, at::kBFloat16, at::kBFloat16);
  widenedLinear(all[0], all[1], all[2]).sum().backward();
  for (std::size_t wanted = 1; wanted < 7; ++wanted) {  // every subset but none and all
    Tensors some;
    for (std::size_t i = 0; i < 3; ++i) some.push_back(inputs[i].clone().requires_grad_((wanted >> i & 1) != 0));
    widenedLinear(some[0], some[1], some[2]).sum().backward();
    for (std::size_t i = 0; i < 3; ++i) {
      ASSERT_EQ(some[i].grad().defined(), some[i].requires_grad()) << wanted << ' ' << i;
      EXPECT_TRUE(!some[i].requires_grad() || at::equal(some[i].grad(), all[i].grad())) << wanted << ' ' << i;
    }
  }
}

TEST(WidenedLinear, StridesDoNotMatter) {
  const at::Tensor wide = at::randn({2, 9, 16}).to(at::kBFloat16), weight = at::randn({5, 8}).to(at::kBFloat16);
  const at::Tensor part = wide.narrow(2, 3, 8);
  EXPECT_TRUE(at::equal(widenedLinear(part, weight), widenedLinear(part.contiguous(), weight)));
  const at::Tensor turned = wide.transpose(0, 1).narrow(2, 0, 8);
  EXPECT_TRUE(at::equal(widenedLinear(turned, weight), widenedLinear(turned.contiguous(), weight)));
}

TEST(WidenedLinear, RefusesShapesThatDoNotFit) {
  EXPECT_THROW(widenedLinear(at::zeros({2, 3}), at::zeros({4, 5})), c10::Error);
  EXPECT_THROW(widenedLinear(at::zeros({2, 5}), at::zeros({4, 5}), at::zeros({3})), c10::Error);
  EXPECT_THROW(widenedLinear(at::zeros({2, 5}).to(at::kBFloat16), at::zeros({4, 5})), c10::Error);
}

TEST(Linear, IsLibTorchsProductWhateverTheForm) {
  at::manual_seed(6);
  const at::Tensor x = at::randn({200, 96}), weight = at::randn({40, 96});
  EXPECT_TRUE(at::equal(kernels::linear(x, weight), at::linear(x, weight)));
  for (const std::int64_t rows : {1, 63, 64, 200}) {  // few rows and many go different ways
    const at::Tensor half = x.narrow(0, 0, rows).to(at::kBFloat16), narrow = weight.to(at::kBFloat16);
    EXPECT_TRUE(at::allclose(kernels::linear(half, narrow).to(at::kFloat), at::linear(half, narrow).to(at::kFloat),
                             1e-2, 1e-2));
  }
}

}  // namespace
}  // namespace interleave::kernels
