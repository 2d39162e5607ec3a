// SPDX-License-Identifier: GPL-3.0-or-later
#include "kernels/attention.h"

#include "kernels/reference/attention.h"

namespace interleave::kernels {

at::Tensor attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, const Band& band,
                     const AttentionOptions& options) {
  return reference::denseAttention(q, k, v, band, options);
}

}  // namespace interleave::kernels
