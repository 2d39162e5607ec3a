// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <vector>

namespace interleave::kernels {

/// Which keys a query may see: key j is visible to query i if and only if j ≤ i and (i − j < window or j < sinks), both
/// counted from the start of their sequence. The default is plain causal attention; {W, S} is a sliding window of W
/// tokens (the query's own included) with S sink tokens.
struct Band {
  std::int64_t window = std::numeric_limits<std::int64_t>::max();
  std::int64_t sinks = 0;
};

/// What attention is computed with, besides its tensors and its band.
struct AttentionOptions {
  std::optional<double> scale = {};  ///< Of the logits; 1/sqrt(d) when absent.
  std::vector<std::int64_t> offsets =
      {};  ///< Packed sequences: token offsets 0, n1, n1+n2, …, T with B = 1 and Tq = Tk; no
           ///< token sees another sequence. Empty: every batch row is one sequence.
};

/// Softmax attention within a band; on the CPU in O(T·(window + sinks)) time and without a T×T matrix. q: [B,H,Tq,d];
/// k, v: [B,Hkv,Tk,d] with H a multiple of Hkv (query head h reads key head h·Hkv/H). Where Tq < Tk the last query
/// stands at the last key (prefill onto a cache, decoding). One dtype (fp32, bf16, fp64) for all three, fp32 arithmetic
/// inside (fp64 for fp64). Any strides. Returns [B,H,Tq,d], laid out in memory as [B,Tq,H,d], so that
/// `.transpose(1, 2).flatten(2)` is a view. Differentiable once. Throws c10::Error on shapes that do not fit.
/// CPU fp32 and bf16 run fused, the rest as the reference.
at::Tensor attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, const Band& band = {},
                     const AttentionOptions& options = {});

/// Where the keys and values of one sequence lie while it is decoded, [Hkv,capacity,d] each with d's elements side by
/// side. Their order does not matter, so a window may go round.
struct KeyValueCache {
  at::Tensor keys, values;
  std::int64_t slot = 0;  ///< Where the new token's are written.
  std::int64_t held = 0;  ///< The first so many are attended to, the new one among them.
};

/// One token of each of N sequences, for decoding; not differentiable. q: [N,H,d]; k, v: [N,Hkv,d], written into
/// `caches` (N of them, of the same dtype) before the sequence's token attends to all that its own cache holds. Returns
/// [N,H,d]. `scale` as in AttentionOptions. Long caches are cut at fixed lengths, so results do not depend on the
/// number of threads.
at::Tensor attentionStep(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                         std::span<const KeyValueCache> caches, const std::optional<double>& scale = {});

}  // namespace interleave::kernels
