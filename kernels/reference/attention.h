// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "kernels/attention.h"

namespace interleave::kernels::reference {

/// softmax(scale · Q Kᵀ + mask) V with the band's mask written out densely, in ATen operations: differentiable, any
/// device and dtype. Arguments and result as those of kernels::attention.
at::Tensor denseAttention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, const Band& band = {},
                          const AttentionOptions& options = {});

}  // namespace interleave::kernels::reference
