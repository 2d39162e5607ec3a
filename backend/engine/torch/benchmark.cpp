// SPDX-License-Identifier: GPL-3.0-or-later
#include <torch/csrc/autograd/autograd.h>

#include <algorithm>
#include <chrono>
#include <fstream>
#include <string>

#include "backend/core/error.h"
#include "backend/core/random.h"
#include "backend/engine/torch/loaded_model.h"
#include "backend/model/decoder.h"
#include "backend/search/objective.h"
#include "kernels/gated_delta_rule.h"
#include "kernels/reference/gated_delta_rule.h"

namespace interleave {
namespace {

/// Highest resident memory since the last reset, bytes; 0 where the system does not tell.
double peakResidentBytes() {
  std::ifstream status("/proc/self/status");
  for (std::string word; status >> word;) {
    if (word == "VmHWM:") {
      double kilobytes = 0;
      status >> kilobytes;
      return kilobytes * 1024;
    }
  }
  return 0;
}

void resetPeak() { std::ofstream("/proc/self/clear_refs") << "5"; }

struct Timing {
  double median = 0, peak_bytes = 0;
};

template <class Work>
Timing timed(int repeats, Progress& progress, Work work) {
  work();  // warms caches, allocator and code paths
  resetPeak();
  std::vector<double> seconds;
  for (int i = 0; i < repeats; ++i) {
    progress.throwIfStopped();
    const auto began = std::chrono::steady_clock::now();
    work();
    seconds.push_back(std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count());
  }
  std::ranges::nth_element(seconds, seconds.begin() + repeats / 2);
  return {seconds[static_cast<std::size_t>(repeats / 2)], peakResidentBytes()};
}

nlohmann::json result(const std::string& name, const Timing& timing, std::int64_t tokens, double flops) {
  return {{"name", name},
          {"seconds", timing.median},
          {"tokens_per_second", static_cast<double>(tokens) / timing.median},
          {"gflops", flops / timing.median / 1e9},
          {"peak_bytes", timing.peak_bytes}};
}

/// FLOPs of a forward pass over `tokens`: matrices at two a weight, operators at the mean over the context's growth.
double forwardFlops(const ModelConfig& config, const Placement& placement, const OperatorWindows& windows,
                    std::int64_t tokens, bool with_head) {
  double total = 0;
  for (int layer = 0; layer < config.layers; ++layer) {
    const auto cost = [&](std::int64_t at) {
      return static_cast<double>(mixerCost(placement[layer], config, layer, windows, at).flops);
    };
    total += 0.5 * (cost(1) + cost(tokens)) * static_cast<double>(tokens);
    total += 6.0 * config.hidden * config.intermediate * static_cast<double>(tokens);
  }
  if (with_head) total += 2.0 * config.hidden * config.vocabulary * static_cast<double>(tokens);
  return total;
}

/// Forward and backward of the gated delta rule at the model's shape.
template <class Rule>
Timing timedRule(const ModelConfig& config, std::int64_t tokens, int repeats, Progress& progress, Rule rule) {
  at::manual_seed(1);
  const auto make = [&](std::int64_t size) {
    return at::randn({1, tokens, config.heads, size}).set_requires_grad(true);
  };
  const at::Tensor q = make(config.head_dim), k = make(config.head_dim), v = make(config.head_dim);
  const at::Tensor g = (-at::rand({1, tokens, config.heads})).set_requires_grad(true);
  const at::Tensor beta = at::rand({1, tokens, config.heads}).set_requires_grad(true);
  const at::Tensor slope = at::randn({1, tokens, config.heads, config.head_dim});
  return timed(repeats, progress, [&] {
    const at::AutoGradMode with_grad(true);
    torch::autograd::grad({rule(q, k, v, g, beta)}, {q, k, v, g, beta}, {slope});
  });
}

}  // namespace

nlohmann::json runBenchmark(const BenchRequest& request, Progress& progress) {
  if (request.tokens < 8 || request.repeats < 1) throw usageError("bench", "at least 8 tokens and 1 repeat");
  const LoadedModel loaded = loadModel(request.model, request.execution, progress);
  const Model& model = *loaded.model;
  const ModelConfig& config = model.config();
  const auto bank = request.bank.empty() ? CandidateBank::untrained(loaded.model, {})
                                         : CandidateBank::load(request.bank, loaded.model);
  const MixerKind other = bank->has(MixerKind::GdnWindow) ? MixerKind::GdnWindow
                          : bank->has(MixerKind::Gdn)     ? MixerKind::Gdn
                                                          : MixerKind::SlidingWindow;
  Random random(1);
  std::vector<std::int32_t> ids;
  for (std::int64_t i = 0; i < request.tokens; ++i) {
    ids.push_back(static_cast<std::int32_t>(random.below(static_cast<std::uint64_t>(config.vocabulary))));
  }
  const at::Tensor batch = tokenBatch(ids, model.device());
  nlohmann::json results = nlohmann::json::array();

  for (const MixerKind kind : {MixerKind::Full, other}) {
    const Placement placement(config.layers, kind);
    const MixerRow row = bank->row(placement);
    const Timing timing = timed(request.repeats, progress, [&] {
      const at::NoGradGuard no_grad;
      logits(model, row, batch);
    });
    results.push_back(result("forward, " + std::string(name(kind)), timing, request.tokens,
                             forwardFlops(config, placement, bank->windows(), request.tokens, true)));
    progress.report("Benchmark", kind == MixerKind::Full ? 0.2 : 0.4);
  }

  const double rule_flops =
      3.0 * 7.0 * config.heads * config.head_dim * config.head_dim * static_cast<double>(request.tokens);
  const Timing fused = timedRule(config, request.tokens, request.repeats, progress, [](const auto&... tensors) {
    return kernels::gatedDeltaRule(tensors..., {}, {.l2_normalise = true}).out;
  });
  const Timing plain = timedRule(config, request.tokens, request.repeats, progress, [](const auto&... tensors) {
    return kernels::reference::chunkwiseDeltaRule(tensors..., {}, {.l2_normalise = true}).out;
  });
  results.push_back(result("gated delta rule, forward and backward, fused", fused, request.tokens, rule_flops));
  results.push_back(
      result("gated delta rule, forward and backward, ATen chunk loop", plain, request.tokens, rule_flops));
  progress.report("Benchmark", 0.7);

  const std::vector<MixerKind> operators{MixerKind::Full, other};
  SearchBatch search;
  search.ids = ids;
  for (std::int64_t i = 0; i + 1 < request.tokens; ++i) search.positions.push_back(i);
  const std::vector<double> half(static_cast<std::size_t>(config.layers) * 2, 0.5);
  const double once =
      forwardFlops(config, Placement(config.layers, MixerKind::Full), bank->windows(), request.tokens, true);
  const double mixed = once +
                       forwardFlops(config, Placement(config.layers, other), bank->windows(), request.tokens, false) -
                       6.0 * config.hidden * config.intermediate * static_cast<double>(config.layers * request.tokens);
  for (const bool recompute : {true, false}) {  // the smaller first, for the process keeps what it once took
    const Objective objective(bank, operators, recompute);
    const Timing step =
        timed(request.repeats, progress, [&] { objective.soft(search, objective.target(search), half); });
    results.push_back(result("search step, full and " + std::string(name(other)) + ", KL at every position" +
                                 (recompute ? ", recomputing" : ""),
                             step, request.tokens, once + (recompute ? 3 : 2) * mixed));
  }

  const DeviceReport report = deviceReport(request.execution.device);
  return {{"environment",
           {{"device", report.device},
            {"kernel", report.kernel},
            {"library", report.library},
            {"threads", report.threads},
            {"precision", request.execution.precision},
            {"model", config.name},
            {"tokens", request.tokens},
            {"repeats", request.repeats},
            {"weights_bytes", model.parameterBytes()}}},
          {"results", results}};
}

}  // namespace interleave
