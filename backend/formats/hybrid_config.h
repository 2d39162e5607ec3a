// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "backend/core/placement.h"
#include "backend/formats/model_config.h"
#include "backend/formats/window.h"

namespace interleave {

/// The `model_type` of a hybrid that was exported with its own model code.
inline constexpr const char* kHybridModelType = "interleave_hybrid";

/// A hybrid as the config.json of an exported folder says it, also after `transformers` has saved it again.
struct HybridConfig {
  ModelConfig model;                                ///< Its layers slide as `windows` says; `native_sliding` is empty.
  std::vector<std::optional<MixerKind>> operators;  ///< A layer's; none: softmax attention, full or in its window.
  std::vector<std::optional<LayerWindow>> windows;  ///< What a layer's softmax attention sees; none: all.
  std::vector<bool> local_rope;                     ///< Whether a layer has Gemma's base of sliding layers.
};

/// Reads one with its own model code (`interleave_hybrid`), or of a stock class whose layers slide by `layer_types`.
/// BadInput as configFromHuggingFace().
HybridConfig hybridFromHuggingFace(const nlohmann::json& document, const std::string& file);

/// BadInput where a hybrid with this configuration is not one of `source`: names what differs.
void checkHybridOf(const HybridConfig& hybrid, const ModelConfig& source, const std::string& file);

}  // namespace interleave
