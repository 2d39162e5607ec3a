// SPDX-License-Identifier: GPL-3.0-or-later
// Softmax attention of one head within a band, block by block, with the softmax taken on line (FlashAttention-2, arXiv
// 2307.08691). Logits and weights are held transposed, [keys, queries]: then a block of queries is transposed once for
// all its keys, every other operand is read as it lies, and the softmax runs down columns, one query a lane.
#include "kernels/cpu/attention.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/attention.cpp"
#include <hwy/foreach_target.h>  // before highway.h; includes this file once for each target

#include <hwy/contrib/math/math-inl.h>
#include <hwy/highway.h>

#include <limits>

#include "kernels/cpu/block_math-inl.h"

HWY_BEFORE_NAMESPACE();
namespace interleave::kernels::cpu::HWY_NAMESPACE {

constexpr int B = static_cast<int>(kAttentionBlock);

/// A block of queries, transposed: `block` [rows,width] becomes [width,B].
void loadTransposed(const Rows& source, std::int64_t first, int tokens, std::int64_t columns, float factor,
                    float* block, float* block_t, int width) {
  const int rows = roundUp(tokens, kTileRows);
  loadRows(source, first, tokens, columns, block, width, rows);
  if (factor != 1.0f) scale(block, factor, rows * width);
  transpose(block, width, block_t, B, rows, width);
}

/// The keys that a block of queries can see, as blocks of at most B: `visit(first, count)`.
template <class Visit>
void eachKeyBlock(const AttentionHead& head, std::int64_t first_query, int queries, const Visit& visit) {
  const std::int64_t end = std::min(head.keys, first_query + queries + head.shift);  // behind the last query's own key
  const std::int64_t oldest = first_query + head.shift;                              // the first query's own key
  const std::int64_t begin = head.window > oldest ? 0 : oldest - head.window + 1;
  const std::int64_t sinks_end = std::min(head.sinks, begin);
  for (const auto& [from, to] : {std::pair{std::int64_t{0}, sinks_end}, std::pair{begin, end}}) {
    for (std::int64_t key = from; key < to; key += B) visit(key, static_cast<int>(std::min<std::int64_t>(B, to - key)));
  }
}

/// Where a block of keys lies to a block of queries within the band, and so which parts of their products count.
struct BlockBand {
  int queries, keys, diagonal, reach;  // query i sees key j if 0 <= i − (j + diagonal) < reach
  int sinks;                           // or, for j < sinks, whenever 0 <= i − (j + diagonal)
  Part by_key, by_query;               // of products whose rows are keys, and whose rows are queries

  BlockBand(const AttentionHead& head, std::int64_t first_query, int query_count, std::int64_t first_key, int key_count)
      : queries(query_count), keys(key_count) {
    constexpr std::int64_t far = Part::kAll;
    diagonal = static_cast<int>(std::max(first_key - (first_query + head.shift), -far));
    sinks = static_cast<int>(std::clamp<std::int64_t>(head.sinks - first_key, 0, B));
    reach = static_cast<int>(std::min(head.window, far));
    const int to = sinks > 0 ? Part::kAll : diagonal + reach - 1;
    by_key = {diagonal, to, diagonal, to};
    by_query = {-Part::kAll, Part::kAll, -to, -diagonal};
  }

  /// The tiles of keys that any of the kPadding queries around query i sees, as a range: the logits that products read.
  int firstKey(int i) const { return std::max(0, (i & -kPadding) + by_query.terms_from) & -kTileRows; }
  int lastKey(int i) const {
    return roundUp(std::clamp((i & -kPadding) + kPadding + by_query.terms_to, 0, keys), kTileRows);
  }

  /// Sets the logits of invisible pairs, padding of the keys included, to −∞. s: [roundUp(keys),B].
  void mask(float* s) const {
    const bool all_seen = keys - 1 + diagonal <= 0 && (queries - diagonal <= reach || keys <= sinks);
    if (all_seen && keys % kTileRows == 0) return;
    constexpr float hidden = -std::numeric_limits<float>::infinity();
    for (int j = 0; j < roundUp(keys, kTileRows); ++j, s += B) {  // a key is seen by an interval of queries
      const int from = j < keys ? std::clamp(j + diagonal, 0, B) : B;
      const int to = j < sinks ? B : std::clamp(j + diagonal + reach, from, B);
      std::fill(s, s + from, hidden);
      std::fill(s + to, s + B, hidden);
    }
  }
};

void attentionForward(const AttentionHead& head, std::int64_t first, const Rows& out, float* log_sums) {
  const Lanes d;
  const int lanes = static_cast<int>(hn::Lanes(d));
  const int width = roundUp(head.d, kPadding), v_width = roundUp(head.dv, kPadding);
  Arena arena(static_cast<std::size_t>(B * (3 * width + 2 * v_width + B + 3)));
  float *q = arena.take(B * width), *q_t = arena.take(B * width), *k = arena.take(B * width);
  float *v = arena.take(B * v_width), *o = arena.take(B * v_width), *p_t = arena.take(B * B);
  float *largest = arena.take(B), *sums = arena.take(B), *shrink = arena.take(B);

  const int queries = static_cast<int>(std::min<std::int64_t>(B, head.queries - first));
  const int rows = roundUp(queries, kTileRows), columns = roundUp(queries, kPadding);
  clear(q_t, B * width);
  clear(o, rows * v_width);
  clear(sums, B);
  std::fill(largest, largest + B, -1e30f);  // finite: a query may see none of its first keys
  loadTransposed(head.q, first, queries, head.d, head.scale, q, q_t, width);

  eachKeyBlock(head, first, queries, [&](std::int64_t first_key, int keys) HWY_ATTR {
    const int key_rows = roundUp(keys, kTileRows);
    const BlockBand band(head, first, queries, first_key, keys);
    loadRows(head.k, first_key, keys, head.d, k, width, key_rows);
    loadRows(head.v, first_key, keys, head.dv, v, v_width, key_rows);
    multiply(plain(k, width), q_t, B, p_t, B, key_rows, columns, width,
             {band.by_key.result_from, band.by_key.result_to});
    band.mask(p_t);
    for (int i = 0; i < columns; i += lanes) {
      const int from = band.firstKey(i), to = band.lastKey(i);
      const Vector before = hn::Load(d, largest + i);
      Vector most = before;
      for (int j = from; j < to; ++j) most = hn::Max(most, hn::Load(d, p_t + j * B + i));
      const Vector factor = hn::Exp(d, hn::Sub(before, most));
      Vector sum = hn::Mul(hn::Load(d, sums + i), factor);
      for (int j = from; j < to; ++j) {
        const Vector weight = hn::Exp(d, hn::Sub(hn::Load(d, p_t + j * B + i), most));
        hn::Store(weight, d, p_t + j * B + i);
        sum = hn::Add(sum, weight);
      }
      hn::Store(most, d, largest + i);
      hn::Store(sum, d, sums + i);
      hn::Store(factor, d, shrink + i);
    }
    for (int i = 0; i < rows; ++i) scale(o + i * v_width, shrink[i], v_width);
    multiply<Into::Add>(transposed(p_t, B), v, v_width, o, v_width, rows, v_width, key_rows, band.by_query);
  });

  for (int i = 0; i < queries; ++i) {
    scale(o + i * v_width, 1.0f / sums[i], v_width);
    log_sums[first + i] = largest[i] + std::log(sums[i]);
  }
  storeRows(o, v_width, out, first, queries, head.dv);
}

// With P = exp(S − log_sum):  dV = Pᵀ dO,  dP = dO Vᵀ,  dS = P ⊙ (dP − dO·O),  dQ = scale · dS K,  dK = scale · dSᵀ Q.
void attentionBackward(const AttentionHead& head, const Rows& out, const Rows& out_gradient, const float* log_sums,
                       const AttentionGradients& gradients) {
  const Lanes d;
  const int lanes = static_cast<int>(hn::Lanes(d));
  const int width = roundUp(head.d, kPadding), v_width = roundUp(head.dv, kPadding);
  const std::int64_t padded_keys = roundUp(head.keys, kTileRows) + kTileRows;  // the last tile may stick out
  const bool wants_logits = gradients.q.data || gradients.k.data;
  Arena arena(static_cast<std::size_t>(B * (4 * width + 5 * v_width + 2 * B + 2) + padded_keys * (width + v_width)));
  float *q = arena.take(B * width), *q_t = arena.take(B * width), *k = arena.take(B * width);
  float *o = arena.take(B * v_width), *v = arena.take(B * v_width), *dO = arena.take(B * v_width);
  float *dO_t = arena.take(B * v_width), *o_t = arena.take(B * v_width), *dQ = arena.take(B * width),
        *p_t = arena.take(B * B);
  float *dS_t = arena.take(B * B), *log_sum = arena.take(B), *dO_o = arena.take(B);
  float *dK = arena.take(padded_keys * width), *dV = arena.take(padded_keys * v_width);
  clear(q_t, B * width);
  clear(dO_t, B * v_width);
  clear(o_t, B * v_width);
  clear(dK, padded_keys * width);
  clear(dV, padded_keys * v_width);

  for (std::int64_t first = 0; first < head.queries; first += B) {
    const int queries = static_cast<int>(std::min<std::int64_t>(B, head.queries - first));
    const int rows = roundUp(queries, kTileRows), columns = roundUp(queries, kPadding);
    loadTransposed(head.q, first, queries, head.d, head.scale, q, q_t, width);
    loadTransposed(out_gradient, first, queries, head.dv, 1.0f, dO, dO_t, v_width);
    loadTransposed(out, first, queries, head.dv, 1.0f, o, o_t, v_width);
    std::copy(log_sums + first, log_sums + first + queries, log_sum);
    std::fill(log_sum + queries, log_sum + B, 0.0f);  // Padded queries have logit 0: another block's sums may be −1000.
    for (int i = 0; i < columns; i += lanes) {        // summed in the order of dP, so that their errors cancel
      Vector sum = hn::Zero(d);
      for (int c = 0; c < v_width; ++c)
        sum = hn::MulAdd(hn::Load(d, o_t + c * B + i), hn::Load(d, dO_t + c * B + i), sum);
      hn::Store(sum, d, dO_o + i);
    }
    clear(dQ, rows * width);

    eachKeyBlock(head, first, queries, [&](std::int64_t first_key, int keys) HWY_ATTR {
      const int key_rows = roundUp(keys, kTileRows);
      const BlockBand band(head, first, queries, first_key, keys);
      const Part pairs{band.by_key.result_from, band.by_key.result_to};
      const Part terms{.terms_from = band.by_key.terms_from, .terms_to = band.by_key.terms_to};
      loadRows(head.k, first_key, keys, head.d, k, width, key_rows);
      multiply(plain(k, width), q_t, B, p_t, B, key_rows, columns, width, pairs);
      band.mask(p_t);
      if (wants_logits) {
        loadRows(head.v, first_key, keys, head.dv, v, v_width, key_rows);
        multiply(plain(v, v_width), dO_t, B, dS_t, B, key_rows, columns, v_width, pairs);
      }
      for (int i = 0; i < columns; i += lanes) {
        const Vector shift = hn::Load(d, log_sum + i), mean = hn::Load(d, dO_o + i);
        for (int j = band.firstKey(i); j < band.lastKey(i); ++j) {
          const Vector weight = hn::Exp(d, hn::Sub(hn::Load(d, p_t + j * B + i), shift));
          hn::Store(weight, d, p_t + j * B + i);
          if (wants_logits) {
            hn::Store(hn::Mul(weight, hn::Sub(hn::Load(d, dS_t + j * B + i), mean)), d, dS_t + j * B + i);
          }
        }
      }
      if (gradients.v.data) {
        multiply<Into::Add>(plain(p_t, B), dO, v_width, dV + first_key * v_width, v_width, key_rows, v_width, rows,
                            terms);
      }
      if (gradients.k.data) {
        multiply<Into::Add>(plain(dS_t, B), q, width, dK + first_key * width, width, key_rows, width, rows, terms);
      }
      if (gradients.q.data) {
        multiply<Into::Add>(transposed(dS_t, B), k, width, dQ, width, rows, width, key_rows, band.by_query);
      }
    });
    scale(dQ, head.scale, rows * width);
    if (gradients.q.data) storeRows(dQ, width, gradients.q, first, queries, head.d);
  }
  const int keys = static_cast<int>(head.keys);
  if (gradients.k.data) storeRows(dK, width, gradients.k, 0, keys, head.d);
  if (gradients.v.data) storeRows(dV, v_width, gradients.v, 0, keys, head.dv);
}

}  // namespace interleave::kernels::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace interleave::kernels::cpu {

HWY_EXPORT(attentionForward);
HWY_EXPORT(attentionBackward);

void attentionForward(const AttentionHead& head, std::int64_t first, const Rows& out, float* log_sums) {
  HWY_DYNAMIC_DISPATCH(attentionForward)(head, first, out, log_sums);
}

void attentionBackward(const AttentionHead& head, const Rows& out, const Rows& out_gradient, const float* log_sums,
                       const AttentionGradients& gradients) {
  HWY_DYNAMIC_DISPATCH(attentionBackward)(head, out, out_gradient, log_sums, gradients);
}

}  // namespace interleave::kernels::cpu
#endif  // HWY_ONCE
