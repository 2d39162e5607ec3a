// SPDX-License-Identifier: GPL-3.0-or-later
// The chunkwise gated delta rule of one head, forward and backward, in blocks that stay in cache. Names follow the
// equations (S the state before a chunk, Γ_i = Σ_{j≤i} g_j within it, D_ij = e^{Γ_i−Γ_j} for j ≤ i, else 0):
//
//     A = strict(β ⊙ K Kᵀ ⊙ D)          P = scale · Q Kᵀ ⊙ D
//     Y = V − e^Γ ⊙ K S                 (I + A) N = β ⊙ Y             N: the new values u
//     O = scale · e^Γ ⊙ Q S + P N       S' = e^{Γ_C} S + Kᵀ (e^{Γ_C−Γ} ⊙ N)
//
// which is the WY form with W never formed: S is known when a chunk is reached, so one solve with dv columns does.
#include "kernels/cpu/gated_delta_rule.h"

#include <cstdlib>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/gated_delta_rule.cpp"
#include <hwy/foreach_target.h>  // before highway.h; includes this file once for each target

#include <hwy/contrib/math/math-inl.h>
#include <hwy/highway.h>

#include "kernels/cpu/block_math-inl.h"

HWY_BEFORE_NAMESPACE();
namespace interleave::kernels::cpu::HWY_NAMESPACE {

constexpr int C = static_cast<int>(kChunk);

/// Replaces each row x by x · r with r = 1/sqrt(|x|² + 1e-6), and keeps r.
void normaliseRows(float* x, int width, int rows, float* factors) {
  for (int i = 0; i < rows; ++i, x += width) {
    factors[i] = static_cast<float>(1.0 / std::sqrt(dot(x, x, width) + 1e-6));
    scale(x, factors[i], width);
  }
}

/// Turns gradients of normalised rows into those of the rows before: dx = r (dx̂ − x̂ (x̂·dx̂)).
void normaliseRowsBackward(float* gradient, const float* unit, int width, int rows, const float* factors) {
  for (int i = 0; i < rows; ++i, gradient += width, unit += width) {
    addScaled(gradient, unit, static_cast<float>(-dot(unit, gradient, width)), width);
    scale(gradient, factors[i], width);
  }
}

/// What both passes compute of a chunk from its inputs and the state before it.
struct Chunk {
  const DeltaRuleHead& head;
  const int dk, dv;          // padded
  int tokens = 0, rows = 0;  // of this chunk; rows: padded
  float *q, *k, *k_t, *y, *n;
  float *decay, *kk, *a, *p;                                   // D, strict(K Kᵀ ⊙ D), A, P: [C,C]
  float *gamma, *beta, *grown, *shrunk, *q_factor, *k_factor;  // Γ, β, e^Γ, e^{Γ_C−Γ}, 1/|q|, 1/|k|: [C]

  static std::size_t floats(std::int64_t dk, std::int64_t dv) {
    return static_cast<std::size_t>(C * (3 * roundUp(dk, kPadding) + 2 * roundUp(dv, kPadding) + 4 * C + 6));
  }
  Chunk(const DeltaRuleHead& of, Arena& arena) : head(of), dk(roundUp(of.dk, kPadding)), dv(roundUp(of.dv, kPadding)) {
    for (float** block : {&q, &k, &k_t}) *block = arena.take(C * dk);
    for (float** block : {&y, &n}) *block = arena.take(C * dv);
    for (float** block : {&decay, &kk, &a, &p}) *block = arena.take(C * C);
    for (float** block : {&gamma, &beta, &grown, &shrunk, &q_factor, &k_factor}) *block = arena.take(C);
  }

  /// Γ and the columns of transposed blocks are read in whole vectors past the last row: they must hold numbers.
  void clearPadding() {
    clear(gamma, C);
    clear(k_t, C * dk);
  }

  float total() const { return grown[rows - 1]; }  // e^{Γ_C}; padding decays by nothing

  void load(std::int64_t first) {
    tokens = static_cast<int>(std::min<std::int64_t>(C, head.tokens - first));
    rows = roundUp(tokens, kTileRows);
    loadRows(head.q, first, tokens, head.dk, q, dk, rows);
    loadRows(head.k, first, tokens, head.dk, k, dk, rows);
    loadRows(head.v, first, tokens, head.dv, y, dv, rows);
    if (head.l2_normalise) {
      normaliseRows(q, dk, rows, q_factor);
      normaliseRows(k, dk, rows, k_factor);
    }
    float sum = 0.0f;
    for (int i = 0; i < rows; ++i) {
      const std::int64_t at = (first + i) * head.gate_stride;
      if (i < tokens) sum += head.g[at];
      gamma[i] = sum;
      beta[i] = i < tokens ? head.beta[at] : 0.0f;
    }
    for (int i = 0; i < rows; ++i) {
      grown[i] = std::exp(gamma[i]);
      shrunk[i] = std::exp(sum - gamma[i]);
    }
  }

  /// D, and from K Kᵀ and Q Kᵀ the lower triangles A and P.
  void weigh() {
    const Lanes d;
    const int lanes = static_cast<int>(hn::Lanes(d));
    transpose(k, dk, k_t, C, rows, dk);
    multiply(plain(k, dk), k_t, C, kk, C, rows, C, dk, kLowerResult);
    multiply(plain(q, dk), k_t, C, p, C, rows, C, dk, kLowerResult);
    for (int i = 0; i < rows; ++i) {
      const int last = roundUp(i / kTileRows * kTileRows + kTileRows, lanes);  // products read whole tiles
      const auto row = hn::Set(d, static_cast<float>(i));
      for (int j = 0; j < last; j += lanes) {
        const int at = i * C + j;
        const auto column = hn::Iota(d, static_cast<float>(j));
        const auto difference = hn::Sub(hn::Set(d, gamma[i]), hn::Load(d, gamma + j));
        const auto weight = hn::IfThenElseZero(  // masked before the exponential, which overflows above the diagonal
            hn::Le(column, row), hn::Exp(d, hn::IfThenElseZero(hn::Le(column, row), difference)));
        const auto strict = hn::IfThenElseZero(hn::Lt(column, row), hn::Mul(weight, hn::Load(d, kk + at)));
        hn::Store(weight, d, decay + at);
        hn::Store(strict, d, kk + at);
        hn::Store(hn::Mul(strict, hn::Set(d, beta[i])), d, a + at);
        hn::Store(hn::Mul(hn::Mul(weight, hn::Load(d, p + at)), hn::Set(d, head.scale)), d, p + at);
      }
    }
  }

  /// Y and N from V (in y) and the state; `scratch` [C,dv].
  void solve(const float* state, float* scratch) {
    multiply(plain(k, dk), state, dv, scratch, dv, rows, dv, dk);
    for (int i = 0; i < rows; ++i) {
      addScaled(y + i * dv, scratch + i * dv, -grown[i], dv);
      for (int j = 0; j < dv; ++j) n[i * dv + j] = beta[i] * y[i * dv + j];
    }
    solveUnitLower<false>(a, C, n, dv, rows, dv);
  }

  /// Back through weigh(): `dA`, holding dN Nᵀ (the gradient of A, negated), and `dP` become the gradients of K Kᵀ and
  /// Q Kᵀ. Γ's through D is written, in a part by rows and one by columns; β's is added.
  void weighBackward(float* dA, float* dP, double* dgamma_rows, float* dgamma_columns, float* dbeta) const {
    const Lanes d;
    const int lanes = static_cast<int>(hn::Lanes(d));
    clear(dgamma_columns, C);
    for (int i = 0; i < rows; ++i) {
      const auto strength = hn::Set(d, beta[i]), read_out = hn::Set(d, head.scale);
      const auto row = hn::Set(d, static_cast<float>(i));
      Vector row_sum = hn::Zero(d), beta_sum = hn::Zero(d);
      for (int j = 0; j < roundUp(i / kTileRows * kTileRows + kTileRows, lanes); j += lanes) {
        const int at = i * C + j;
        const auto weight = hn::Load(d, decay + at);
        const auto da = hn::Neg(hn::Load(d, dA + at)), dp = hn::Load(d, dP + at);
        const auto through_kk = hn::Mul(da, hn::Load(d, kk + at));
        const auto through_decay = hn::MulAdd(through_kk, strength, hn::Mul(dp, hn::Load(d, p + at)));
        beta_sum = hn::Add(beta_sum, through_kk);
        row_sum = hn::Add(row_sum, through_decay);
        hn::Store(hn::Sub(hn::Load(d, dgamma_columns + j), through_decay), d, dgamma_columns + j);
        const auto strict = hn::Lt(hn::Iota(d, static_cast<float>(j)), row);
        hn::Store(hn::IfThenElseZero(strict, hn::Mul(hn::Mul(da, strength), weight)), d, dA + at);
        hn::Store(hn::Mul(hn::Mul(dp, read_out), weight), d, dP + at);
      }
      dbeta[i] += static_cast<float>(hn::GetLane(hn::SumOfLanes(d, beta_sum)));
      dgamma_rows[i] = hn::GetLane(hn::SumOfLanes(d, row_sum));
    }
  }
};

Rows stateRows(const float* state, std::int64_t dv) { return {const_cast<float*>(state), dv, false}; }

const char* vectorTarget() {
  switch (HWY_TARGET) {
    case HWY_AVX3:
      return "AVX-512";
    case HWY_EMU128:
    case HWY_SCALAR:
      return "plain";
    default:
      return hwy::TargetName(HWY_TARGET);
  }
}

void deltaRuleForward(const DeltaRuleHead& head, const Rows& out, float* state, float* chunk_states) {
  const int dk = roundUp(head.dk, kPadding), dv = roundUp(head.dv, kPadding);
  Arena arena(Chunk::floats(head.dk, head.dv) + static_cast<std::size_t>(dk * dv + 2 * C * dv));
  Chunk chunk(head, arena);
  float *S = arena.take(dk * dv), *o = arena.take(C * dv), *scratch = arena.take(C * dv);
  chunk.clearPadding();
  loadRows(stateRows(state, head.dv), 0, static_cast<int>(head.dk), head.dv, S, dv, dk);

  for (std::int64_t first = 0; first < head.tokens; first += C) {
    if (chunk_states) {
      const std::int64_t size = head.dk * head.dv;
      storeRows(S, dv, stateRows(chunk_states + first / C * size, head.dv), 0, static_cast<int>(head.dk), head.dv);
    }
    chunk.load(first);
    chunk.weigh();
    chunk.solve(S, scratch);
    const int rows = chunk.rows;
    multiply(plain(chunk.q, dk), S, dv, o, dv, rows, dv, dk);
    for (int i = 0; i < rows; ++i) scale(o + i * dv, head.scale * chunk.grown[i], dv);
    multiply<Into::Add>(plain(chunk.p, C), chunk.n, dv, o, dv, rows, dv, rows, kLowerLeft);
    storeRows(o, dv, out, first, chunk.tokens, head.dv);

    for (int i = 0; i < rows; ++i) scale(chunk.n + i * dv, chunk.shrunk[i], dv);
    scale(S, chunk.total(), dk * dv);
    multiply<Into::Add>(transposed(chunk.k, dk), chunk.n, dv, S, dv, dk, dv, rows);
  }
  storeRows(S, dv, stateRows(state, head.dv), 0, static_cast<int>(head.dk), head.dv);
}

// The chain rule through the equations above, a chunk at a time from the last; dX is the gradient of X.
void deltaRuleBackward(const DeltaRuleHead& head, const Rows& out_gradient, const float* chunk_states,
                       const DeltaRuleGradients& gradients, float* state_gradient) {
  const int dk = roundUp(head.dk, kPadding), dv = roundUp(head.dv, kPadding);
  const int widest = std::max(dk, dv);
  Arena arena(Chunk::floats(head.dk, head.dv) +
              static_cast<std::size_t>(4 * dk * dv + C * (3 * dv + 2 * dk + widest) + 2 * C * C + 2 * C));
  Chunk chunk(head, arena);
  float *S = arena.take(dk * dv), *dS = arena.take(dk * dv), *S_t = arena.take(dk * dv), *dS_t = arena.take(dk * dv);
  float *dO = arena.take(C * dv), *dN = arena.take(C * dv), *n_t = arena.take(C * dv);
  float *dQ = arena.take(C * dk), *dK = arena.take(C * dk), *scratch = arena.take(C * widest);
  float *dA = arena.take(C * C), *dP = arena.take(C * C), *dgamma_columns = arena.take(C), *dbeta = arena.take(C);
  chunk.clearPadding();
  clear(n_t, C * dv);
  double dgamma[C];
  const int state_rows = static_cast<int>(head.dk);
  loadRows(stateRows(state_gradient, head.dv), 0, state_rows, head.dv, dS, dv, dk);

  for (std::int64_t first = (head.tokens - 1) / C * C; first >= 0; first -= C) {
    const std::int64_t size = head.dk * head.dv;
    loadRows(stateRows(chunk_states + first / C * size, head.dv), 0, state_rows, head.dv, S, dv, dk);
    chunk.load(first);
    chunk.weigh();
    chunk.solve(S, scratch);
    const int rows = chunk.rows;
    const float *q = chunk.q, *k = chunk.k, *n = chunk.n, *grown = chunk.grown, *shrunk = chunk.shrunk;
    loadRows(out_gradient, first, chunk.tokens, head.dv, dO, dv, rows);
    transpose(S, dv, S_t, dk, dk, dv);
    transpose(dS, dv, dS_t, dk, dk, dv);
    transpose(n, dv, n_t, C, rows, dv);

    // O and S' → N;  (I + A) N = β ⊙ Y → Y (in dN) and β
    multiply(plain(k, dk), dS, dv, dN, dv, rows, dv, dk);
    for (int i = 0; i < rows; ++i) scale(dN + i * dv, shrunk[i], dv);
    multiply<Into::Add>(transposed(chunk.p, C), dO, dv, dN, dv, rows, dv, rows, kUpperLeft);
    solveUnitLower<true>(chunk.a, C, dN, dv, rows, dv);
    multiply(plain(dN, dv), n_t, C, dA, C, rows, C, dv, kLowerResult);
    multiply(plain(dO, dv), n_t, C, dP, C, rows, C, dv, kLowerResult);
    for (int i = 0; i < rows; ++i) {
      dbeta[i] = static_cast<float>(dot(dN + i * dv, chunk.y + i * dv, dv));
      scale(dN + i * dv, chunk.beta[i], dv);
    }
    storeRows(dN, dv, gradients.v, first, chunk.tokens, head.dv);

    chunk.weighBackward(dA, dP, dgamma, dgamma_columns, dbeta);

    // dQ = scale · e^Γ ⊙ dO Sᵀ + dP K
    multiply(plain(dO, dv), S_t, dk, dQ, dk, rows, dk, dv);
    for (int i = 0; i < rows; ++i) {
      scale(dQ + i * dk, head.scale * grown[i], dk);
      dgamma[i] += dot(dQ + i * dk, q + i * dk, dk);
    }
    multiply<Into::Add>(plain(dP, C), k, dk, dQ, dk, rows, dk, rows, kLowerLeft);

    // dK = −e^Γ ⊙ dY Sᵀ + e^{Γ_C−Γ} ⊙ N dS'ᵀ + dPᵀ Q + (dA + dAᵀ) K
    multiply(plain(dN, dv), S_t, dk, dK, dk, rows, dk, dv);
    multiply(plain(n, dv), dS_t, dk, scratch, dk, rows, dk, dv);
    double last_gamma = chunk.total() * dot(dS, S, dk * dv);
    for (int i = 0; i < rows; ++i) {
      scale(dK + i * dk, -grown[i], dk);
      scale(scratch + i * dk, shrunk[i], dk);
      const double carried = dot(scratch + i * dk, k + i * dk, dk);
      dgamma[i] += dot(dK + i * dk, k + i * dk, dk) - carried;
      last_gamma += carried;
      addScaled(dK + i * dk, scratch + i * dk, 1.0f, dk);
    }
    dgamma[rows - 1] += last_gamma;
    multiply<Into::Add>(transposed(dP, C), q, dk, dK, dk, rows, dk, rows, kUpperLeft);
    multiply<Into::Add>(plain(dA, C), k, dk, dK, dk, rows, dk, rows, kLowerLeft);
    multiply<Into::Add>(transposed(dA, C), k, dk, dK, dk, rows, dk, rows, kUpperLeft);

    // dS = e^{Γ_C} dS' + Qᵀ (scale · e^Γ ⊙ dO) − Kᵀ (e^Γ ⊙ dY)
    for (int i = 0; i < rows; ++i) {
      scale(dO + i * dv, head.scale * grown[i], dv);
      scale(dN + i * dv, grown[i], dv);
    }
    scale(dS, chunk.total(), dk * dv);
    multiply<Into::Add>(transposed(q, dk), dO, dv, dS, dv, dk, dv, rows);
    multiply<Into::Subtract>(transposed(k, dk), dN, dv, dS, dv, dk, dv, rows);

    if (head.l2_normalise) {
      normaliseRowsBackward(dQ, q, dk, rows, chunk.q_factor);
      normaliseRowsBackward(dK, k, dk, rows, chunk.k_factor);
    }
    storeRows(dQ, dk, gradients.q, first, chunk.tokens, head.dk);
    storeRows(dK, dk, gradients.k, first, chunk.tokens, head.dk);
    double sum = 0.0;  // Γ → g
    for (int i = rows - 1; i >= 0; --i) {
      sum += dgamma[i] + dgamma_columns[i];
      if (i >= chunk.tokens) continue;
      gradients.g[(first + i) * head.gate_stride] = static_cast<float>(sum);
      gradients.beta[(first + i) * head.gate_stride] = dbeta[i];
    }
  }
  storeRows(dS, dv, stateRows(state_gradient, head.dv), 0, state_rows, head.dv);
}

void deltaRuleStep(const DeltaRuleHead& head, const Rows& out, float* state) {
  const int dk = roundUp(head.dk, kPadding), dv = roundUp(head.dv, kPadding), width = static_cast<int>(head.dv);
  Arena arena(static_cast<std::size_t>(2 * dk + 3 * dv));
  float *q = arena.take(dk), *k = arena.take(dk), *u = arena.take(dv), *o = arena.take(dv), *seen = arena.take(dv);
  loadRows(head.q, 0, 1, head.dk, q, dk, 1);
  loadRows(head.k, 0, 1, head.dk, k, dk, 1);
  loadRows(head.v, 0, 1, head.dv, u, dv, 1);
  if (head.l2_normalise) {
    float unused;
    normaliseRows(q, dk, 1, &unused);
    normaliseRows(k, dk, 1, &unused);
  }
  clear(seen, dv);
  clear(o, dv);
  const float decay = std::exp(*head.g);
  for (std::int64_t i = 0; i < head.dk; ++i) addScaled(seen, state + i * head.dv, decay * k[i], width);
  for (int j = 0; j < width; ++j) u[j] = *head.beta * (u[j] - seen[j]);
  for (std::int64_t i = 0; i < head.dk; ++i) {
    float* HWY_RESTRICT row = state + i * head.dv;
    for (int j = 0; j < width; ++j) row[j] = decay * row[j] + k[i] * u[j];
    addScaled(o, row, head.scale * q[i], width);
  }
  storeRows(o, dv, out, 0, 1, head.dv);
}

}  // namespace interleave::kernels::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace interleave::kernels::cpu {

HWY_EXPORT(deltaRuleForward);
HWY_EXPORT(deltaRuleBackward);
HWY_EXPORT(deltaRuleStep);
HWY_EXPORT(vectorTarget);

void deltaRuleForward(const DeltaRuleHead& head, const Rows& out, float* state, float* chunk_states) {
  HWY_DYNAMIC_DISPATCH(deltaRuleForward)(head, out, state, chunk_states);
}

void deltaRuleBackward(const DeltaRuleHead& head, const Rows& out_gradient, const float* chunk_states,
                       const DeltaRuleGradients& gradients, float* state_gradient) {
  HWY_DYNAMIC_DISPATCH(deltaRuleBackward)(head, out_gradient, chunk_states, gradients, state_gradient);
}

void deltaRuleStep(const DeltaRuleHead& head, const Rows& out, float* state) {
  HWY_DYNAMIC_DISPATCH(deltaRuleStep)(head, out, state);
}

std::string vectorTarget() { return HWY_DYNAMIC_DISPATCH(vectorTarget)(); }

namespace {

/// Before the first kernel runs, since Highway chooses then, for all of them.
[[maybe_unused]] const bool kPlainAskedFor = [] {
  const char* const asked = std::getenv("INTERLEAVE_PLAIN_KERNELS");
  const bool plain = asked != nullptr && *asked != '\0';
  if (plain) hwy::DisableTargets(~static_cast<std::int64_t>(HWY_EMU128 | HWY_SCALAR));
  return plain;
}();

}  // namespace

}  // namespace interleave::kernels::cpu
#endif  // HWY_ONCE
