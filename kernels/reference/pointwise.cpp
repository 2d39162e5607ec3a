// SPDX-License-Identifier: GPL-3.0-or-later
#include "kernels/reference/pointwise.h"

#include <ATen/ATen.h>

namespace interleave::kernels::reference {
namespace {

at::Tensor widened(const at::Tensor& x) { return x.scalar_type() == at::kDouble ? x : x.to(at::kFloat); }

}  // namespace

at::Tensor rmsNorm(const at::Tensor& x, const at::Tensor& weight, const RmsNormOptions& options) {
  const at::Tensor wide = widened(x), factor = options.plus_one ? weight + 1 : weight;
  const at::Tensor mean_square = wide.square().mean(-1, /*keepdim=*/true);
  return (wide * at::rsqrt(mean_square + options.epsilon) * factor).to(options.result);
}

at::Tensor rotate(const at::Tensor& x, const at::Tensor& cos, const at::Tensor& sin) {
  const at::Tensor wide = widened(x), c = cos.unsqueeze(1), s = sin.unsqueeze(1);
  const std::int64_t half = x.size(-1) / 2;
  const at::Tensor a = wide.narrow(-1, 0, half), b = wide.narrow(-1, half, half);
  return at::cat({a * c - b * s, b * c + a * s}, -1).to(x.scalar_type());
}

at::Tensor gatedProduct(const at::Tensor& gate, const at::Tensor& up, Activation activation) {
  const at::Tensor wide = widened(gate);
  const at::Tensor active = activation == Activation::Silu ? at::silu(wide) : at::gelu(wide, "tanh");
  return (active * up).to(gate.scalar_type());
}

}  // namespace interleave::kernels::reference
