// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstdint>

#include "backend/formats/model_config.h"

namespace interleave {

/// What a layer's softmax attention sees, as files say it: the last `tokens` and the first `sinks` tokens.
struct LayerWindow {
  std::int64_t tokens = 0, sinks = 0;
  bool operator==(const LayerWindow&) const = default;
};

/// What a window comes to in a layer: one that slides natively keeps its own wherever that is the narrower.
inline LayerWindow narrowest(const ModelConfig& config, int layer, const LayerWindow& window) {
  const bool native = config.isSliding(layer) && window.tokens > config.window - window.sinks;
  return native ? LayerWindow{config.window, 0} : window;
}

}  // namespace interleave
