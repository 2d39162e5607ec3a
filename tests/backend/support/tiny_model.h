// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>

#include "backend/formats/tensor_view.h"

namespace interleave::testing {

/// The config.json of a model with 3 layers, width 24, 4 heads of 8 and 2 KV heads, vocabulary 61, of a Hugging Face
/// model type; `changes` are merged into it.
nlohmann::json tinyConfig(const std::string& model_type, const nlohmann::json& changes = nlohmann::json::object());

/// Writes a Hugging Face folder with random weights, large enough that each part of the model shows in the logits. The
/// same arguments give the same bytes. `type` is F32 or BF16. Returns `folder`.
std::filesystem::path writeTinyModel(const std::filesystem::path& folder, const nlohmann::json& config,
                                     std::uint64_t seed = 0, DType type = DType::F32);

}  // namespace interleave::testing
