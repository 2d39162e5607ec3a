// SPDX-License-Identifier: GPL-3.0-or-later
// The chunkwise gated delta rule as one thread block works on it: one head of one sequence, and kColumns columns of its
// values (the columns of the state are independent of each other). The algorithm is that of
// kernels/cpu/gated_delta_rule.cpp, written as phases: `team.forEach(count, work)` runs work(0) … work(count − 1) in
// any order and waits for all. On the device the team is a thread block; on the host it is a loop, which is how tests
// run this file without a GPU.
#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>

#include "kernels/cuda/abi.h"

#ifdef __CUDACC__
#define INTERLEAVE_HOST_DEVICE __host__ __device__
#else
#define INTERLEAVE_HOST_DEVICE
#endif

namespace interleave::kernels::cuda {

constexpr int kChunkRows = 64, kColumns = 32, kTile = 4, kSolveRows = 16, kStepGroups = 8;

constexpr INTERLEAVE_HOST_DEVICE int paddedWidth(std::int64_t dk) {
  return static_cast<int>((dk + kTile - 1) / kTile) * kTile;
}

/// Floats of shared memory that a block needs.
constexpr std::size_t chunkedFloats(std::int64_t dk) {
  const auto width = static_cast<std::size_t>(paddedWidth(dk));
  return 2 * kChunkRows * (width + 1) + width * kColumns + 2 * kChunkRows * kColumns + 2 * kChunkRows * kChunkRows +
         2 * kChunkRows;
}
constexpr std::size_t stepFloats(std::int64_t dk) {
  return 2 * static_cast<std::size_t>(dk) + kColumns * (kStepGroups + 1);
}

INTERLEAVE_HOST_DEVICE inline float load(const void* data, std::int64_t at, bool bf16) {
  if (!bf16) return static_cast<const float*>(data)[at];
  const std::uint32_t bits = static_cast<std::uint32_t>(static_cast<const std::uint16_t*>(data)[at]) << 16;
  float value;
  memcpy(&value, &bits, sizeof value);
  return value;
}

INTERLEAVE_HOST_DEVICE inline void store(void* data, std::int64_t at, bool bf16, float value) {
  if (!bf16) {
    static_cast<float*>(data)[at] = value;
    return;
  }
  std::uint32_t bits;  // round to nearest even; a NaN keeps its quiet bit
  memcpy(&bits, &value, sizeof bits);
  const std::uint32_t rounded = (bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16;
  static_cast<std::uint16_t*>(data)[at] =
      static_cast<std::uint16_t>((bits & 0x7fffffffu) > 0x7f800000u ? 0x7fc0u : rounded);
}

/// Where one head of one sequence lies.
struct HeadOffsets {
  std::int64_t batch, first, tokens, head;
  INTERLEAVE_HOST_DEVICE HeadOffsets(const InterleaveDeltaRule& p, std::int64_t sequence_head)
      : batch(0), first(0), tokens(p.tokens), head(sequence_head % p.heads) {
    const std::int64_t sequence = sequence_head / p.heads;
    if (p.offsets) {
      first = p.offsets[sequence];
      tokens = p.offsets[sequence + 1] - first;
    } else {
      batch = sequence;
    }
  }
  INTERLEAVE_HOST_DEVICE std::int64_t row(const InterleaveTensor& x, std::int64_t token) const {
    return batch * x.batch_stride + (first + token) * x.token_stride + head * x.head_stride;
  }
  INTERLEAVE_HOST_DEVICE std::int64_t gate(const InterleaveDeltaRule& p, std::int64_t token) const {
    return (batch * p.tokens + first + token) * p.heads + head;
  }
};

/// x / sqrt(|x|² + 1e-6) for a row in shared memory.
INTERLEAVE_HOST_DEVICE inline void normaliseRow(float* x, std::int64_t width) {
  float sum = 0.0f;
  for (std::int64_t c = 0; c < width; ++c) sum += x[c] * x[c];
  const float factor = 1.0f / sqrtf(sum + 1e-6f);
  for (std::int64_t c = 0; c < width; ++c) x[c] *= factor;
}

/// All tokens of head `sequence_head` (sequence · heads + head), value columns from `column` on. `shared`:
/// chunkedFloats(dk).
template <class Team>
INTERLEAVE_HOST_DEVICE void deltaRuleBlock(const Team& team, const InterleaveDeltaRule& p, std::int64_t sequence_head,
                                           std::int64_t column, float* shared) {
  constexpr int C = kChunkRows, E = kColumns;
  const int width = paddedWidth(p.dk), stride = width + 1;  // odd, so that rows lie in different banks
  float *q = shared, *k = q + C * stride, *S = k + C * stride, *n = S + width * E, *o = n + C * E;
  float *a = o + C * E, *weights = a + C * C, *gamma = weights + C * C, *beta = gamma + C;
  const HeadOffsets at(p, sequence_head);
  float* state = p.state + sequence_head * p.dk * p.dv;
  const bool bf16 = p.bf16 != 0;
  auto holds = [&](int row, int e) { return row < p.dk && column + e < p.dv; };

  team.forEach(width * E, [&](int i) { S[i] = holds(i / E, i % E) ? state[i / E * p.dv + column + i % E] : 0.0f; });

  for (std::int64_t first = 0; first < at.tokens; first += C) {
    const int tokens = static_cast<int>(at.tokens - first < C ? at.tokens - first : C);
    team.forEach(C * width, [&](int i) {
      const int t = i / width, c = i % width;
      const bool inside = t < tokens && c < p.dk;
      q[t * stride + c] = inside ? load(p.q.data, at.row(p.q, first + t) + c, bf16) : 0.0f;
      k[t * stride + c] = inside ? load(p.k.data, at.row(p.k, first + t) + c, bf16) : 0.0f;
    });
    team.forEach(2 * C + 1, [&](int i) {
      if (i < 2 * C) {
        if (p.l2_normalise) normaliseRow((i < C ? q : k) + i % C * stride, width);
        return;
      }
      float sum = 0.0f;
      for (int t = 0; t < C; ++t) {
        if (t < tokens) sum += p.g[at.gate(p, first + t)];
        gamma[t] = sum;
        beta[t] = t < tokens ? p.beta[at.gate(p, first + t)] : 0.0f;
      }
    });

    // A = strict(β ⊙ K Kᵀ ⊙ D), and P = scale · Q Kᵀ ⊙ D
    team.forEach((C / kTile) * (C / kTile), [&](int tile) {
      const int row = tile / (C / kTile) * kTile, col = tile % (C / kTile) * kTile;
      if (col > row) return;
      float kk[kTile][kTile] = {}, qk[kTile][kTile] = {};
      for (int c = 0; c < width; ++c) {
        for (int i = 0; i < kTile; ++i) {
          for (int j = 0; j < kTile; ++j) {
            kk[i][j] += k[(row + i) * stride + c] * k[(col + j) * stride + c];
            qk[i][j] += q[(row + i) * stride + c] * k[(col + j) * stride + c];
          }
        }
      }
      for (int i = 0; i < kTile; ++i) {
        for (int j = 0; j < kTile; ++j) {  // masked before the exponential, which overflows above the diagonal
          const float decay = col + j <= row + i ? expf(gamma[row + i] - gamma[col + j]) : 0.0f;
          a[(row + i) * C + col + j] = col + j < row + i ? beta[row + i] * kk[i][j] * decay : 0.0f;
          weights[(row + i) * C + col + j] = p.scale * qk[i][j] * decay;
        }
      }
    });

    // β ⊙ Y = β ⊙ (V − e^Γ ⊙ K S) in n, and scale · e^Γ ⊙ Q S in o
    team.forEach((C / kTile) * (E / kTile), [&](int tile) {
      const int row = tile / (E / kTile) * kTile, col = tile % (E / kTile) * kTile;
      float ks[kTile][kTile] = {}, qs[kTile][kTile] = {};
      for (int c = 0; c < width; ++c) {
        for (int i = 0; i < kTile; ++i) {
          for (int j = 0; j < kTile; ++j) {
            ks[i][j] += k[(row + i) * stride + c] * S[c * E + col + j];
            qs[i][j] += q[(row + i) * stride + c] * S[c * E + col + j];
          }
        }
      }
      for (int i = 0; i < kTile; ++i) {
        const int t = row + i;
        const float grown = expf(gamma[t]);
        for (int j = 0; j < kTile; ++j) {
          const std::int64_t e = column + col + j;
          const float value = t < tokens && e < p.dv ? load(p.v.data, at.row(p.v, first + t) + e, bf16) : 0.0f;
          n[t * E + col + j] = beta[t] * (value - grown * ks[i][j]);
          o[t * E + col + j] = p.scale * grown * qs[i][j];
        }
      }
    });

    // (I + A) N = β ⊙ Y, kSolveRows at a time: what earlier rows contribute, then the rows among themselves
    for (int row = 0; row < C; row += kSolveRows) {
      if (row > 0) {
        team.forEach(kSolveRows * E, [&](int i) {
          const int t = row + i / E, e = i % E;
          float sum = 0.0f;
          for (int j = 0; j < row; ++j) sum += a[t * C + j] * n[j * E + e];
          n[t * E + e] -= sum;
        });
      }
      team.forEach(E, [&](int e) {
        for (int t = row + 1; t < row + kSolveRows; ++t) {
          float sum = 0.0f;
          for (int j = row; j < t; ++j) sum += a[t * C + j] * n[j * E + e];
          n[t * E + e] -= sum;
        }
      });
    }

    // O += P N
    team.forEach((C / kTile) * (E / kTile), [&](int tile) {
      const int row = tile / (E / kTile) * kTile, col = tile % (E / kTile) * kTile;
      float sum[kTile][kTile] = {};
      for (int c = 0; c < row + kTile; ++c) {
        for (int i = 0; i < kTile; ++i) {
          for (int j = 0; j < kTile; ++j) sum[i][j] += weights[(row + i) * C + c] * n[c * E + col + j];
        }
      }
      for (int i = 0; i < kTile && row + i < tokens; ++i) {
        for (int j = 0; j < kTile && column + col + j < p.dv; ++j) {
          store(p.out.data, at.row(p.out, first + row + i) + column + col + j, bf16,
                o[(row + i) * E + col + j] + sum[i][j]);
        }
      }
    });

    // S = e^{Γ_C} S + Kᵀ (e^{Γ_C−Γ} ⊙ N)
    team.forEach((width / kTile) * (E / kTile), [&](int tile) {
      const int row = tile / (E / kTile) * kTile, col = tile % (E / kTile) * kTile;
      float sum[kTile][kTile] = {};
      for (int t = 0; t < tokens; ++t) {
        const float shrunk = expf(gamma[C - 1] - gamma[t]);
        for (int j = 0; j < kTile; ++j) {
          const float value = shrunk * n[t * E + col + j];
          for (int i = 0; i < kTile; ++i) sum[i][j] += k[t * stride + row + i] * value;
        }
      }
      const float total = expf(gamma[C - 1]);
      for (int i = 0; i < kTile; ++i) {
        for (int j = 0; j < kTile; ++j) S[(row + i) * E + col + j] = total * S[(row + i) * E + col + j] + sum[i][j];
      }
    });
  }

  team.forEach(width * E, [&](int i) {
    if (holds(i / E, i % E)) state[i / E * p.dv + column + i % E] = S[i];
  });
}

/// One token of one head, value columns from `column` on, in place on the state. `shared`: stepFloats(dk).
template <class Team>
INTERLEAVE_HOST_DEVICE void deltaStepBlock(const Team& team, const InterleaveDeltaRule& p, std::int64_t sequence_head,
                                           std::int64_t column, float* shared) {
  constexpr int E = kColumns, G = kStepGroups;
  float *q = shared, *k = q + p.dk, *partial = k + p.dk, *u = partial + G * E;
  const HeadOffsets at(p, sequence_head);
  float* state = p.state + sequence_head * p.dk * p.dv + column;
  const bool bf16 = p.bf16 != 0;
  const float decay = expf(p.g[at.gate(p, 0)]), beta = p.beta[at.gate(p, 0)];
  const int columns = static_cast<int>(p.dv - column < E ? p.dv - column : E);

  team.forEach(static_cast<int>(p.dk), [&](int c) {
    q[c] = load(p.q.data, at.row(p.q, 0) + c, bf16);
    k[c] = load(p.k.data, at.row(p.k, 0) + c, bf16);
  });
  if (p.l2_normalise) {
    team.forEach(2, [&](int i) { normaliseRow(i == 0 ? q : k, p.dk); });
  }
  auto sumOf = [&](int e) {
    float sum = 0.0f;
    for (int group = 0; group < G; ++group) sum += partial[group * E + e];
    return sum;
  };
  team.forEach(G * E, [&](int i) {  // a group takes every G-th row of the state
    if (i % E >= columns) return;
    float sum = 0.0f;
    for (std::int64_t row = i / E; row < p.dk; row += G) sum += k[row] * state[row * p.dv + i % E];
    partial[i] = sum;
  });
  team.forEach(columns,
               [&](int e) { u[e] = beta * (load(p.v.data, at.row(p.v, 0) + column + e, bf16) - decay * sumOf(e)); });
  team.forEach(G * E, [&](int i) {
    if (i % E >= columns) return;
    float sum = 0.0f;
    for (std::int64_t row = i / E; row < p.dk; row += G) {
      float& s = state[row * p.dv + i % E];
      s = decay * s + k[row] * u[i % E];
      sum += q[row] * s;
    }
    partial[i] = sum;
  });
  team.forEach(columns, [&](int e) { store(p.out.data, at.row(p.out, 0) + column + e, bf16, p.scale * sumOf(e)); });
}

}  // namespace interleave::kernels::cuda
