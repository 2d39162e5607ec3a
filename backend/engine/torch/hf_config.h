// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "backend/engine/torch/hf_export.h"

namespace interleave {

/// What a layer's softmax attention sees: all tokens where there is no window. Of layers without one, nothing.
std::optional<Window> windowOfLayer(const Hybrid& hybrid, int layer);

/// The configuration of a hybrid, and the model class that it is for.
struct HfConfig {
  nlohmann::json document;  ///< config.json.
  std::string needs_code;   ///< Why no class of `transformers` can express it; empty: one can.
  bool qkv_bias = false;    ///< The class has biases there, zero where the model has none.
  bool output_bias = false;
};
HfConfig hfConfig(const Hybrid& hybrid);

}  // namespace interleave
