// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <optional>
#include <vector>

#include "kernels/cpu/rows.h"

namespace interleave::kernels {

/// A run of tokens that belong together: `tokens` of them from `first` on, in batch row `batch`.
struct Span {
  std::int64_t batch, first, tokens;
};

/// The sequences of a [batch, tokens] tensor: one a batch row, or those that `offsets` packs into the only row. Throws
/// c10::Error unless the offsets ascend from 0 to `tokens`.
std::vector<Span> sequences(std::int64_t batch, std::int64_t tokens, const std::vector<std::int64_t>& offsets);

/// `x` itself if the elements of its last dimension lie side by side, else a copy for which they do.
at::Tensor rowContiguous(const at::Tensor& x);

/// The rows of one head of `span` in a CPU tensor, fp32 or bf16, whose dimensions of batch, token and head are given.
cpu::Rows headRows(const at::Tensor& x, const Span& span, std::int64_t head, int token_dim, int head_dim);

/// `scale`, or 1/sqrt of q's last dimension.
float readOutScale(const at::Tensor& q, const std::optional<double>& scale);

/// Whether autograd will ask for a gradient of any of `tensors` (undefined ones aside).
bool needsGradient(std::initializer_list<at::Tensor> tensors);

}  // namespace interleave::kernels
