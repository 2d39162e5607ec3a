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
  const at::Tensor x = at::randn({4, 8}).to(at::kBFloat16), weight = at::randn({6, 8}).to(at::kBFloat16);
  EXPECT_FALSE(widenedLinear(x, weight).requires_grad());
  const at::Tensor leaf = x.clone().requires_grad_();
  widenedLinear(leaf, weight).sum().backward();
  EXPECT_TRUE(leaf.grad().defined());
  EXPECT_FALSE(weight.grad().defined());
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
}

TEST(Linear, IsLibTorchsProductWhateverTheForm) {
  at::manual_seed(6);
  const at::Tensor x = at::randn({200, 96}), weight = at::randn({40, 96});
  EXPECT_TRUE(at::equal(kernels::linear(x, weight), at::linear(x, weight)));
  for (const std::int64_t rows : {1, 127, 128, 200}) {  // few rows and many go different ways
    const at::Tensor half = x.narrow(0, 0, rows).to(at::kBFloat16), narrow = weight.to(at::kBFloat16);
    EXPECT_TRUE(at::allclose(kernels::linear(half, narrow).to(at::kFloat), at::linear(half, narrow).to(at::kFloat),
                             1e-2, 1e-2));
  }
}

}  // namespace
}  // namespace interleave::kernels
