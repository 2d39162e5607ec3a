// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <ATen/core/Tensor.h>

namespace interleave::kernels {

/// The small operators between a decoder's products. Arithmetic inside is fp32 (fp64 for fp64 inputs) whatever the
/// inputs' type. Differentiable once in the activations. Any strides.

struct RmsNormOptions {
  double epsilon = 1e-6;
  bool plus_one = false;               ///< Gemma's form: the factor is 1 + w.
  at::ScalarType result = at::kFloat;  ///< Type returned.
};

/// RMS norm over the last dimension: x / sqrt(mean(x²) + ε) · w. x: [..., n], weight: [n]. Differentiable in the weight
/// as well, where it asks for a gradient: then as the reference.
at::Tensor rmsNorm(const at::Tensor& x, const at::Tensor& weight, const RmsNormOptions& options);

/// Rotary embedding in GPT-NeoX form: with x = (a, b) halves of the last dimension, (a·cos − b·sin, b·cos + a·sin).
/// x: [B,T,H,d]; cos, sin: [T,d/2]. In x's type.
at::Tensor rotate(const at::Tensor& x, const at::Tensor& cos, const at::Tensor& sin);

enum class Activation { Silu, GeluTanh };

/// activation(gate) · up, elementwise, in the inputs' type.
at::Tensor gatedProduct(const at::Tensor& gate, const at::Tensor& up, Activation activation);

}  // namespace interleave::kernels
