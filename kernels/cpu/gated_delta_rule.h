// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstdint>
#include <string>

#include "kernels/cpu/rows.h"

namespace interleave::kernels::cpu {

/// Tokens of a chunk.
constexpr std::int64_t kChunk = 64;

/// One head of one sequence of the gated delta rule.
struct DeltaRuleHead {
  std::int64_t tokens, dk, dv;
  Rows q, k, v;           ///< [tokens,dk], [tokens,dk], [tokens,dv].
  const float *g, *beta;  ///< [tokens], `gate_stride` apart.
  std::int64_t gate_stride;
  float scale;
  bool l2_normalise;
};

/// Writes `out` [tokens,dv], turns `state` [dk,dv] from the initial into the final state and, unless it is null, keeps
/// the state before each chunk in `chunk_states` [ceil(tokens / kChunk),dk,dv] for the backward pass.
void deltaRuleForward(const DeltaRuleHead& head, const Rows& out, float* state, float* chunk_states);

/// Where the gradients of one head go.
struct DeltaRuleGradients {
  Rows q, k, v;
  float *g, *beta;  ///< [tokens], `gate_stride` apart, as in the head.
};

/// From `out_gradient` [tokens,dv] and `state_gradient` [dk,dv], that of the final state, which becomes that of the
/// initial one.
void deltaRuleBackward(const DeltaRuleHead& head, const Rows& out_gradient, const float* chunk_states,
                       const DeltaRuleGradients& gradients, float* state_gradient);

/// One token (head.tokens = 1) in place on `state` [dk,dv].
void deltaRuleStep(const DeltaRuleHead& head, const Rows& out, float* state);

/// The instruction set chosen at run time: "AVX-512", "AVX2", "SSE4", "NEON", …, or "plain"; that is the choice for
/// every kernel where the environment variable INTERLEAVE_PLAIN_KERNELS is set when the program starts.
std::string vectorTarget();

}  // namespace interleave::kernels::cpu
