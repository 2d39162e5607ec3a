// SPDX-License-Identifier: GPL-3.0-or-later
// The fused kernels beside plain ATen on the same inputs. Arguments: tokens; 9 heads of 64 (SmolLM2-135M), batch 1.
#include <ATen/ATen.h>
#include <benchmark/benchmark.h>
#include <c10/core/GradMode.h>

#include "kernels/attention.h"
#include "kernels/gated_delta_rule.h"
#include "kernels/reference/attention.h"
#include "kernels/reference/gated_delta_rule.h"

namespace interleave::kernels {
namespace {

constexpr std::int64_t kHeads = 9, kKeyHeads = 3, kDim = 64;

void countTokens(benchmark::State& state) {
  state.counters["tokens/s"] =
      benchmark::Counter(static_cast<double>(state.range(0)), benchmark::Counter::kIsIterationInvariantRate);
}

using DeltaRule = DeltaRuleResult (*)(const at::Tensor&, const at::Tensor&, const at::Tensor&, const at::Tensor&,
                                      const at::Tensor&, const std::optional<at::Tensor>&, const DeltaRuleOptions&);

DeltaRuleResult plainDeltaRule(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, const at::Tensor& g,
                               const at::Tensor& beta, const std::optional<at::Tensor>& state,
                               const DeltaRuleOptions& options) {
  return reference::chunkwiseDeltaRule(q, k, v, g, beta, state, options);
}

void deltaRule(benchmark::State& state, DeltaRule rule, bool gradients) {
  const std::int64_t tokens = state.range(0);
  auto leaf = [&](const at::Tensor& x) { return x.requires_grad_(gradients); };
  const at::Tensor q = leaf(at::randn({1, tokens, kHeads, kDim})), k = leaf(at::randn({1, tokens, kHeads, kDim}));
  const at::Tensor v = leaf(at::randn({1, tokens, kHeads, kDim})), g = leaf(-0.1 * at::rand({1, tokens, kHeads}));
  const at::Tensor beta = leaf(at::rand({1, tokens, kHeads})), weight = at::randn(v.sizes());
  for (auto _ : state) {
    const DeltaRuleResult result = rule(q, k, v, g, beta, {}, {.l2_normalise = true});
    if (gradients) result.out.backward(weight);
    benchmark::DoNotOptimize(result.out.data_ptr());
  }
  countTokens(state);
}

using Attention = at::Tensor (*)(const at::Tensor&, const at::Tensor&, const at::Tensor&, const Band&,
                                 const AttentionOptions&);

at::Tensor libTorchAttention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, const Band&,
                             const AttentionOptions&) {
  const std::int64_t groups = q.size(1) / k.size(1);
  return at::scaled_dot_product_attention(q, k.repeat_interleave(groups, 1), v.repeat_interleave(groups, 1), {}, 0.0,
                                          /*is_causal=*/true);
}

void attentionOf(benchmark::State& state, Attention function, at::ScalarType type, Band band, bool gradients) {
  const std::int64_t tokens = state.range(0);
  auto heads = [&](std::int64_t count) {
    return at::randn({1, tokens, count, kDim}).to(type).transpose(1, 2).requires_grad_(gradients);
  };
  const at::Tensor q = heads(kHeads), k = heads(kKeyHeads), v = heads(kKeyHeads), weight = at::randn_like(q);
  for (auto _ : state) {
    const at::Tensor out = function(q, k, v, band, {});
    if (gradients) out.backward(weight);
    benchmark::DoNotOptimize(out.data_ptr());
  }
  countTokens(state);
}

void timed(benchmark::internal::Benchmark* benchmark) {
  benchmark->Arg(512)->Arg(1024)->UseRealTime()->Unit(benchmark::kMillisecond);
}

constexpr Band kCausal{}, kWindow{.window = 64, .sinks = 4};

BENCHMARK_CAPTURE(deltaRule, fused_forward, gatedDeltaRule, false)->Apply(timed);
BENCHMARK_CAPTURE(deltaRule, plain_forward, plainDeltaRule, false)->Apply(timed);
BENCHMARK_CAPTURE(deltaRule, fused_forward_backward, gatedDeltaRule, true)->Apply(timed);
BENCHMARK_CAPTURE(deltaRule, plain_forward_backward, plainDeltaRule, true)->Apply(timed);
BENCHMARK_CAPTURE(attentionOf, fused_causal_fp32, attention, at::kFloat, kCausal, false)->Apply(timed);
BENCHMARK_CAPTURE(attentionOf, libtorch_causal_fp32, libTorchAttention, at::kFloat, kCausal, false)->Apply(timed);
BENCHMARK_CAPTURE(attentionOf, fused_causal_bf16, attention, at::kBFloat16, kCausal, false)->Apply(timed);
BENCHMARK_CAPTURE(attentionOf, libtorch_causal_bf16, libTorchAttention, at::kBFloat16, kCausal, false)->Apply(timed);
BENCHMARK_CAPTURE(attentionOf, fused_causal_forward_backward, attention, at::kFloat, kCausal, true)->Apply(timed);
BENCHMARK_CAPTURE(attentionOf, libtorch_causal_forward_backward, libTorchAttention, at::kFloat, kCausal, true)
    ->Apply(timed);
BENCHMARK_CAPTURE(attentionOf, fused_window_forward, attention, at::kFloat, kWindow, false)->Apply(timed);
BENCHMARK_CAPTURE(attentionOf, dense_window_forward, reference::denseAttention, at::kFloat, kWindow, false)
    ->Apply(timed);
BENCHMARK_CAPTURE(attentionOf, fused_window_forward_backward, attention, at::kFloat, kWindow, true)->Apply(timed);
BENCHMARK_CAPTURE(attentionOf, dense_window_forward_backward, reference::denseAttention, at::kFloat, kWindow, true)
    ->Apply(timed);

}  // namespace
}  // namespace interleave::kernels

BENCHMARK_MAIN();
