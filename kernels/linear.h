// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <ATen/core/Tensor.h>

namespace interleave::kernels {

/// x Wᵀ + b in x's type. x: [..., n], weight: [m, n], bias: [m] or undefined. Differentiable in all of them.
///
/// bf16 on a CPU whose bf16 products are slower than those in fp32 (see bf16ProductsPay) and enough rows to pay for it:
/// x is widened, the weight block by block, the product is made in fp32 and rounded once, as LibTorch's own bf16
/// product does. Everything else is at::linear. c10::Error where shapes or types do not fit.
at::Tensor linear(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias = {});

/// The widened form whatever the machine and the number of rows; for bf16. Differentiable once.
at::Tensor widenedLinear(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias = {});

/// Whether this CPU multiplies bf16 faster than fp32: it has AMX, or is an AMD one with AVX-512 BF16 (whose dot
/// products run at twice the rate of fp32's; on Intel's they have half the ports). Other architectures are taken to.
bool bf16ProductsPay();

}  // namespace interleave::kernels
