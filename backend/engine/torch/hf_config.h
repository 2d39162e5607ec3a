// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <array>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "backend/engine/torch/hf_export.h"

namespace interleave {

/// What a layer's softmax attention sees: all tokens where there is no window. Of layers without one, nothing.
std::optional<Window> windowOfLayer(const Hybrid& hybrid, int layer);

/// The versions of `transformers` that exports are tested with.
inline constexpr std::array<const char*, 3> kTriedVersions{"4.51.3", "4.57.6", "5.23.0"};

/// The configuration of a hybrid, and the model class that it is for.
struct HfConfig {
  nlohmann::json document;    ///< config.json.
  std::string needs_code;     ///< Why no class of `transformers` can express it; empty: one can.
  std::string least_version;  ///< Of `transformers`, that computes it right.
  bool qkv_bias = false;      ///< The class has biases there, zero where the model has none.
  bool output_bias = false;
};
HfConfig hfConfig(const Hybrid& hybrid);

/// The files that say it, config.json first. Where an older `transformers` would open the folder and compute something
/// else, config.json sends it, by `configuration_files`, to a file that names the version needed.
struct ConfigFile {
  std::string name;
  nlohmann::json document;
};
std::vector<ConfigFile> configFiles(const HfConfig& config);

}  // namespace interleave
