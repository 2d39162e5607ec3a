// SPDX-License-Identifier: GPL-3.0-or-later
#include "kernels/reference/gated_delta_rule.h"

#include <ATen/ATen.h>

#include <cmath>
#include <vector>

namespace interleave::kernels::reference {
namespace {

/// The inputs in the dtype of the arithmetic and in the layout [B,H,T,·], q and k normalised if asked, q scaled.
struct Sequence {
  at::Tensor q, k, v, g, beta, state;
};

Sequence prepare(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, const at::Tensor& g,
                 const at::Tensor& beta, const std::optional<at::Tensor>& initial_state,
                 const DeltaRuleOptions& options) {
  const at::ScalarType type = q.scalar_type() == at::kDouble ? at::kDouble : at::kFloat;
  auto ready = [&](const at::Tensor& x) { return x.transpose(1, 2).to(type); };
  auto unit = [&](const at::Tensor& x) {
    return options.l2_normalise ? x * at::rsqrt(x.square().sum(-1, true) + 1e-6) : x;
  };
  const double scale = options.scale.value_or(1.0 / std::sqrt(static_cast<double>(q.size(3))));
  return {unit(ready(q)) * scale,
          unit(ready(k)),
          ready(v),
          ready(g),
          ready(beta),
          initial_state ? initial_state->to(type)
                        : at::zeros({q.size(0), q.size(2), q.size(3), v.size(3)}, q.options().dtype(type))};
}

/// Runs `rule` on each packed sequence by itself and joins what it returns.
template <class Rule>
DeltaRuleResult eachSequence(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, const at::Tensor& g,
                             const at::Tensor& beta, const std::optional<at::Tensor>& initial_state,
                             const DeltaRuleOptions& options, const Rule& rule) {
  if (options.offsets.empty()) return rule(prepare(q, k, v, g, beta, initial_state, options));
  std::vector<at::Tensor> outs, states;
  for (std::size_t i = 0; i + 1 < options.offsets.size(); ++i) {
    auto part = [&](const at::Tensor& x) { return x.slice(1, options.offsets[i], options.offsets[i + 1]); };
    std::optional<at::Tensor> state;
    if (initial_state) state = initial_state->slice(0, static_cast<std::int64_t>(i), static_cast<std::int64_t>(i) + 1);
    DeltaRuleResult result = rule(prepare(part(q), part(k), part(v), part(g), part(beta), state, options));
    outs.push_back(std::move(result.out));
    states.push_back(std::move(result.final_state));
  }
  return {at::cat(outs, 1), at::cat(states, 0)};
}

}  // namespace

DeltaRuleResult recurrentDeltaRule(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, const at::Tensor& g,
                                   const at::Tensor& beta, const std::optional<at::Tensor>& initial_state,
                                   const DeltaRuleOptions& options) {
  return eachSequence(q, k, v, g, beta, initial_state, options, [&](Sequence s) -> DeltaRuleResult {
    std::vector<at::Tensor> outs;
    for (std::int64_t t = 0; t < s.q.size(2); ++t) {
      const at::Tensor q_t = s.q.select(2, t).unsqueeze(-1), k_t = s.k.select(2, t).unsqueeze(-1);
      const at::Tensor v_t = s.v.select(2, t).unsqueeze(-2), b_t = s.beta.select(2, t).unsqueeze(-1).unsqueeze(-1);
      s.state = s.state * s.g.select(2, t).exp().unsqueeze(-1).unsqueeze(-1);
      const at::Tensor u = b_t * (v_t - (s.state * k_t).sum(-2, true));
      s.state = s.state + k_t * u;
      outs.push_back((s.state * q_t).sum(-2));
    }
    return {at::stack(outs, 1).to(v.scalar_type()), s.state};
  });
}

DeltaRuleResult chunkwiseDeltaRule(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, const at::Tensor& g,
                                   const at::Tensor& beta, const std::optional<at::Tensor>& initial_state,
                                   const DeltaRuleOptions& options, std::int64_t chunk) {
  return eachSequence(q, k, v, g, beta, initial_state, options, [&](Sequence s) -> DeltaRuleResult {
    const std::int64_t tokens = s.q.size(2), padding = (chunk - tokens % chunk) % chunk;
    const std::int64_t chunks = (tokens + padding) / chunk;
    auto split = [&](const at::Tensor& x) {  // [B,H,T,d] → [B,H,chunks,chunk,d], padded with zeros: β = 0 does nothing
      return at::constant_pad_nd(x, {0, 0, 0, padding}).unflatten(2, {chunks, chunk});
    };
    const at::Tensor Q = split(s.q), K = split(s.k), V = split(s.v), b = split(s.beta.unsqueeze(-1));
    const at::Tensor gamma = split(s.g.unsqueeze(-1)).cumsum(-2);

    const at::Tensor upper = at::ones({chunk, chunk}, Q.options().dtype(at::kBool)).triu(1);
    const at::Tensor decay =  // masked before the exponential, which overflows above the diagonal
        (gamma - gamma.transpose(-1, -2)).masked_fill(upper, -std::numeric_limits<double>::infinity()).exp();
    const at::Tensor A = (b * at::matmul(K, K.transpose(-1, -2)) * decay).tril(-1);
    const at::Tensor right = at::cat({b * V, b * gamma.exp() * K}, -1);  // U and W in one triangular solve
    const at::Tensor solved = at::linalg_solve_triangular(A, right, /*upper=*/false, /*left=*/true,
                                                          /*unitriangular=*/true);
    const at::Tensor U = solved.narrow(-1, 0, V.size(-1)), W = solved.narrow(-1, V.size(-1), K.size(-1));
    const at::Tensor P = at::matmul(Q, K.transpose(-1, -2)) * decay;
    const at::Tensor Q_decayed = gamma.exp() * Q, last = gamma.narrow(-2, chunk - 1, 1);
    const at::Tensor K_decayed = (last - gamma).exp() * K, last_decay = last.exp();

    std::vector<at::Tensor> outs;
    for (std::int64_t c = 0; c < chunks; ++c) {
      const at::Tensor V_new = U.select(2, c) - at::matmul(W.select(2, c), s.state);
      outs.push_back(at::matmul(Q_decayed.select(2, c), s.state) + at::matmul(P.select(2, c), V_new));
      s.state = last_decay.select(2, c) * s.state + at::matmul(K_decayed.select(2, c).transpose(-1, -2), V_new);
    }
    return {at::cat(outs, 2).slice(2, 0, tokens).transpose(1, 2).to(v.scalar_type()), s.state};
  });
}

}  // namespace interleave::kernels::reference
