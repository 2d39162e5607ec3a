// SPDX-License-Identifier: GPL-3.0-or-later
#include "kernels/reference/attention.h"

#include <ATen/ATen.h>

#include <cmath>

namespace interleave::kernels::reference {

at::Tensor denseAttention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, const Band& band,
                          const AttentionOptions& options) {
  const at::ScalarType type = q.scalar_type() == at::kDouble ? at::kDouble : at::kFloat;
  const std::int64_t groups = q.size(1) / k.size(1), shift = k.size(2) - q.size(2);
  const double scale = options.scale.value_or(1.0 / std::sqrt(static_cast<double>(q.size(3))));
  const at::Tensor Q = q.to(type), K = k.to(type).repeat_interleave(groups, 1),
                   V = v.to(type).repeat_interleave(groups, 1);

  const auto long_options = q.options().dtype(at::kLong);
  at::Tensor i = at::arange(shift, k.size(2), long_options).unsqueeze(1), j = at::arange(k.size(2), long_options);
  at::Tensor start = at::zeros_like(j);  // of the sequence that key j belongs to
  for (const std::int64_t offset : options.offsets) start.slice(0, offset).fill_(offset);
  const at::Tensor visible =
      (j <= i) & (((i - j) < band.window) | ((j - start) < band.sinks)) & (start == start.slice(0, shift).unsqueeze(1));

  const at::Tensor logits = at::matmul(Q * scale, K.transpose(-1, -2));
  const at::Tensor weights = logits.masked_fill(~visible, -std::numeric_limits<double>::infinity()).softmax(-1);
  return at::matmul(weights, V).to(q.scalar_type()).transpose(1, 2).contiguous().transpose(1, 2);
}

}  // namespace interleave::kernels::reference
