// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstdint>

#include "backend/core/budget.h"
#include "backend/formats/model_config.h"

namespace interleave {

/// The last `tokens` and the first `sinks` tokens that a window lets a query see.
struct Window {
  std::int64_t tokens = 0, sinks = 0;
  bool operator==(const Window&) const = default;
};

/// Windows of the operators that have one.
struct OperatorWindows {
  Window sliding{64, 4};  ///< MixerKind::SlidingWindow.
  Window gdn{32, 4};      ///< MixerKind::GdnWindow.
};

/// What a window comes to in a layer: one that slides natively keeps its own wherever that is the narrower.
Window windowIn(const ModelConfig& config, int layer, const Window& window);

/// What an operator costs in a layer, from the configuration alone. Keys and values are counted in bf16, the recurrent
/// state of Gated DeltaNet in fp32. Where the teacher's layer slides natively no operator sees more tokens than it
/// does.
MixerCost mixerCost(MixerKind kind, const ModelConfig& config, int layer, const OperatorWindows& windows,
                    std::int64_t context_tokens);

/// FLOPs of a forward pass over a context of so many tokens: matrices at two a weight, each token's operators at its
/// own place in the context; the head at `head_tokens` of them.
double forwardFlops(const ModelConfig& config, const Placement& placement, const OperatorWindows& windows,
                    std::int64_t tokens, std::int64_t head_tokens);

/// Weights that one token reads on its way: all of the layers' and the head's.
double decodeParameters(const ModelConfig& config, const Placement& placement, const OperatorWindows& windows);

CostTable costTable(const ModelConfig& config, const OperatorWindows& windows, std::int64_t context_tokens);

}  // namespace interleave
