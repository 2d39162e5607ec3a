// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstdint>

#include "kernels/cpu/rows.h"

namespace interleave::kernels::cpu {

/// Queries that are worked on together, and keys likewise.
constexpr std::int64_t kAttentionBlock = 64;

/// One query head of one sequence within a band, or several that all stand at the last key.
struct AttentionHead {
  std::int64_t queries, keys, d, dv;
  std::int64_t shift;  ///< Query i sees keys up to i + shift: keys − queries where the last query stands at the last.
  Rows q, k, v;        ///< [queries,d], [keys,d], [keys,dv].
  float scale;
  std::int64_t window, sinks;  ///< As in kernels::Band.
};

/// Writes rows first … first+kAttentionBlock (as far as there are queries) of `out` [queries,dv] and of `log_sums`
/// [queries]: the logarithm of each query's softmax denominator, for the backward pass.
void attentionForward(const AttentionHead& head, std::int64_t first, const Rows& out, float* log_sums);

/// Where the gradients of one query head go; null data where none is wanted.
struct AttentionGradients {
  Rows q, k, v;
};

void attentionBackward(const AttentionHead& head, const Rows& out, const Rows& out_gradient, const float* log_sums,
                       const AttentionGradients& gradients);

}  // namespace interleave::kernels::cpu
