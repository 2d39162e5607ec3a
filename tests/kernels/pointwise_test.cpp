// SPDX-License-Identifier: GPL-3.0-or-later
#include "kernels/pointwise.h"

#include "kernels/reference/pointwise.h"
#include "tests/kernels/compare.h"

namespace interleave::kernels {
namespace {

using Function = std::function<at::Tensor(const Tensors&)>;

/// Values and gradients of `fused` under every instruction set, against `plain` and against `plain` in fp64.
void expectFusedAsExactAsPlain(const Function& fused, const Function& plain, const Function& exact,
                               const Tensors& inputs, const std::vector<std::string>& names) {
  const Tensors weights{at::randn_like(plain(inputs))};
  const auto as = [](const Function& function) {
    return [function](const Tensors& x) { return Tensors{function(x)}; };
  };
  eachVectorTarget([&](const std::string& target) {
    for (const at::ScalarType type : {at::kFloat, at::kBFloat16}) {
      std::ostringstream what;
      what << target << ", " << type << ' ' << inputs[0].sizes();
      expectAsExactAsPlain(outputsAndGradients(as(fused), leaves(inputs, type, type), weights),
                           outputsAndGradients(as(plain), leaves(inputs, type, type), weights),
                           outputsAndGradients(as(exact), leaves(inputs, type, at::kDouble), weights), names,
                           what.str());
    }
  });
}

TEST(Pointwise, FusedRmsNormIsAsExactAsPlainATen) {
  at::manual_seed(2);
  for (const std::int64_t width : {1, 7, 64, 577}) {
    for (const bool plus_one : {false, true}) {
      const at::Tensor weight = at::randn({width});
      const auto norm = [&](at::ScalarType result) {
        return RmsNormOptions{.epsilon = 1e-5, .plus_one = plus_one, .result = result};
      };
      for (const at::ScalarType result : {at::kFloat, at::kBFloat16}) {
        expectFusedAsExactAsPlain([&](const Tensors& x) { return rmsNorm(x[0], weight, norm(result)); },
                                  [&](const Tensors& x) { return reference::rmsNorm(x[0], weight, norm(result)); },
                                  [&](const Tensors& x) { return reference::rmsNorm(x[0], weight, norm(at::kDouble)); },
                                  {3 * at::randn({2, 19, width}, at::kDouble)}, {"y", "dx"});
      }
    }
  }
}

TEST(Pointwise, FusedRotationIsAsExactAsPlainATen) {
  at::manual_seed(3);
  for (const std::int64_t half : {1, 5, 16, 32}) {
    const at::Tensor angles = 10 * at::randn({23, half}), cos = 1.1 * angles.cos(), sin = 1.1 * angles.sin();
    const auto plain = [&](const Tensors& x) { return reference::rotate(x[0], cos, sin); };
    expectFusedAsExactAsPlain([&](const Tensors& x) { return rotate(x[0], cos, sin); }, plain, plain,
                              {at::randn({2, 23, 3, 2 * half}, at::kDouble)}, {"y", "dx"});
  }
}

TEST(Pointwise, FusedGatedProductIsAsExactAsPlainATen) {
  at::manual_seed(4);
  for (const Activation activation : {Activation::Silu, Activation::GeluTanh}) {
    for (const std::int64_t width : {9, 64, 200}) {
      const auto plain = [&](const Tensors& x) { return reference::gatedProduct(x[0], x[1], activation); };
      expectFusedAsExactAsPlain([&](const Tensors& x) { return gatedProduct(x[0], x[1], activation); }, plain, plain,
                                {4 * at::randn({2, 11, width}, at::kDouble), at::randn({2, 11, width}, at::kDouble)},
                                {"y", "d_gate", "d_up"});
    }
  }
}

TEST(Pointwise, GatesFarOutSaturate) {
  const at::Tensor gate = at::tensor({-1e4f, -100.0f, 0.0f, 100.0f, 1e4f}), up = at::ones({5});
  for (const Activation activation : {Activation::Silu, Activation::GeluTanh}) {
    const at::Tensor leaf = gate.clone().requires_grad_();
    const at::Tensor y = gatedProduct(leaf, up, activation);
    y.sum().backward();
    EXPECT_TRUE(at::allclose(y, gate.clamp_min(0)));
    EXPECT_TRUE(at::allclose(leaf.grad(), at::tensor({0.0f, 0.0f, 0.5f, 1.0f, 1.0f})));
  }
}

TEST(Pointwise, StridesDoNotMatter) {
  const at::Tensor x = at::randn({2, 13, 96}), weight = at::randn({16});
  const at::Tensor angles = at::randn({13, 8}), cos = angles.cos(), sin = angles.sin();
  // Heads inside wider rows, heads before tokens, and elements apart.
  const at::Tensor heads = x.unflatten(2, {6, 16});
  for (const at::Tensor& view : {heads.narrow(2, 1, 3), heads.transpose(1, 2).contiguous().transpose(1, 2),
                                 heads.transpose(2, 3).contiguous().transpose(2, 3)}) {
    const at::Tensor copy = view.contiguous();
    EXPECT_TRUE(at::equal(rotate(view, cos, sin), rotate(copy, cos, sin)));
    EXPECT_TRUE(at::equal(rmsNorm(view, weight, {}), rmsNorm(copy, weight, {})));
    EXPECT_TRUE(at::equal(gatedProduct(view, copy, Activation::Silu), gatedProduct(copy, copy, Activation::Silu)));
  }
  const at::Tensor left = x.narrow(2, 0, 48), right = x.narrow(2, 48, 48);
  EXPECT_TRUE(at::equal(gatedProduct(left, right, Activation::GeluTanh),
                        gatedProduct(left.contiguous(), right.contiguous(), Activation::GeluTanh)));
}

TEST(Pointwise, RefusesShapesThatDoNotFit) {
  const at::Tensor x = at::randn({1, 4, 2, 8});
  EXPECT_THROW(rmsNorm(x, at::ones({7}), {}), c10::Error);
  EXPECT_THROW(rotate(x, at::ones({3, 4}), at::ones({3, 4})), c10::Error);
  EXPECT_THROW(rotate(x, at::ones({4, 3}), at::ones({4, 3})), c10::Error);
  EXPECT_THROW(gatedProduct(x, at::randn({1, 4, 2, 7}), Activation::Silu), c10::Error);
}

}  // namespace
}  // namespace interleave::kernels
