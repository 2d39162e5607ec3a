// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "kernels/pointwise.h"

namespace interleave::kernels::reference {

/// As their namesakes of kernels/pointwise.h, in plain ATen.
at::Tensor rmsNorm(const at::Tensor& x, const at::Tensor& weight, const RmsNormOptions& options);
at::Tensor rotate(const at::Tensor& x, const at::Tensor& cos, const at::Tensor& sin);
at::Tensor gatedProduct(const at::Tensor& gate, const at::Tensor& up, Activation activation);

}  // namespace interleave::kernels::reference
