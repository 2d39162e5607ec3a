// SPDX-License-Identifier: GPL-3.0-or-later
#include "backend/mixers/cost.h"

#include <algorithm>

#include "backend/formats/window.h"

namespace interleave {
namespace {

constexpr std::int64_t kCacheElementBytes = 2;  // bf16
constexpr std::int64_t kStateElementBytes = 4;  // fp32

/// Scores and read-out of one query over `visible` keys, and the keys and values kept.
MixerCost softmaxOver(const ModelConfig& config, std::int64_t visible) {
  const std::int64_t head_dim = config.head_dim;
  return {.parameters = 0,
          .flops = 4 * config.heads * head_dim * visible,
          .cache_bytes = 2 * config.kv_heads * head_dim * visible * kCacheElementBytes};
}

}  // namespace

Window windowIn(const ModelConfig& config, int layer, const Window& window) {
  const LayerWindow narrow = narrowest(config, layer, {window.tokens, window.sinks});
  return {narrow.tokens, narrow.sinks};
}

MixerCost mixerCost(MixerKind kind, const ModelConfig& config, int layer, const OperatorWindows& windows,
                    std::int64_t context_tokens) {
  const std::int64_t hidden = config.hidden, width = std::int64_t{config.heads} * config.head_dim,
                     kv_width = std::int64_t{config.kv_heads} * config.head_dim;
  const std::int64_t reach =
      config.isSliding(layer) ? std::min<std::int64_t>(context_tokens, config.window) : context_tokens;
  const Window& window = kind == MixerKind::SlidingWindow ? windows.sliding : windows.gdn;
  const std::int64_t in_window = std::min(reach, window.tokens + window.sinks);
  const std::int64_t teacher_projections = hidden * (width + 2 * kv_width), out_projection = width * hidden;
  const std::int64_t teacher_qkv = teacher_projections + (config.attention_bias ? width + 2 * kv_width : 0) +
                                   (config.qk_norm ? 2 * config.head_dim : 0);
  const std::int64_t output = out_projection + (config.output_bias ? hidden : 0);

  MixerCost cost;
  if (kind == MixerKind::Full || kind == MixerKind::SlidingWindow) {
    cost = softmaxOver(config, kind == MixerKind::Full ? reach : in_window);
    cost.parameters = teacher_qkv + output;
    cost.flops += 2 * (teacher_projections + out_projection);
    return cost;
  }
  const std::int64_t heads = config.heads;
  if (kind == MixerKind::GdnWindow) {  // the window reads the teacher's own projections, and has a gate per head
    cost = softmaxOver(config, in_window);
    cost.parameters = teacher_qkv + hidden * heads + heads;
    cost.flops += 2 * (teacher_projections + hidden * heads);
  }
  const std::int64_t state = heads * config.head_dim * config.head_dim;
  const std::int64_t gdn_projections = hidden * (4 * width + 2 * heads);
  cost.parameters += gdn_projections + output + 4 * heads + (config.attention_bias ? 3 * width : 0);
  cost.flops += 2 * (gdn_projections + out_projection) + 7 * state;  // decay, Sᵀk, k uᵀ, Sᵀq
  cost.cache_bytes += state * kStateElementBytes;
  return cost;
}

double forwardFlops(const ModelConfig& config, const Placement& placement, const OperatorWindows& windows,
                    std::int64_t tokens, std::int64_t head_tokens) {
  double total = 2.0 * config.hidden * config.vocabulary * static_cast<double>(head_tokens);
  for (int layer = 0; layer < config.layers; ++layer) {
    total += 6.0 * config.hidden * config.intermediate * static_cast<double>(tokens);
    for (std::int64_t at = 1; at <= tokens; ++at) {
      total += static_cast<double>(mixerCost(placement[layer], config, layer, windows, at).flops);
    }
  }
  return total;
}

double decodeParameters(const ModelConfig& config, const Placement& placement, const OperatorWindows& windows) {
  double total = 1.0 * config.hidden * config.vocabulary;
  for (int layer = 0; layer < config.layers; ++layer) {
    total += 3.0 * config.hidden * config.intermediate;
    total += static_cast<double>(mixerCost(placement[layer], config, layer, windows, 1).parameters);
  }
  return total;
}

CostTable costTable(const ModelConfig& config, const OperatorWindows& windows, std::int64_t context_tokens) {
  CostTable table{.context_tokens = context_tokens, .rows = {}};
  for (int layer = 0; layer < config.layers; ++layer) {
    std::vector<MixerCost>& row = table.rows.emplace_back();
    for (int kind = 0; kind < kMixerKinds; ++kind) {
      row.push_back(mixerCost(static_cast<MixerKind>(kind), config, layer, windows, context_tokens));
    }
  }
  return table;
}

}  // namespace interleave
