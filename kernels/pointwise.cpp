// SPDX-License-Identifier: GPL-3.0-or-later
#include "kernels/pointwise.h"

#include "kernels/reference/pointwise.h"

namespace interleave::kernels {

at::Tensor rmsNorm(const at::Tensor& x, const at::Tensor& weight, const RmsNormOptions& options) {
  return reference::rmsNorm(x, weight, options);
}

at::Tensor rotate(const at::Tensor& x, const at::Tensor& cos, const at::Tensor& sin) {
  return reference::rotate(x, cos, sin);
}

at::Tensor gatedProduct(const at::Tensor& gate, const at::Tensor& up, Activation activation) {
  return reference::gatedProduct(gate, up, activation);
}

}  // namespace interleave::kernels
