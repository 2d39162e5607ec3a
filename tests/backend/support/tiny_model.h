// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "backend/formats/tensor_view.h"

namespace interleave::testing {

/// The config.json of a model with 3 layers, width 24, 4 heads of 8 and 2 KV heads, vocabulary 61, of a Hugging Face
/// model type; `changes` are merged into it.
nlohmann::json tinyConfig(const std::string& model_type, const nlohmann::json& changes = nlohmann::json::object());

/// Writes a Hugging Face folder with random weights, large enough that each part of the model shows in the logits;
/// `attention_strength[l]` scales layer l's output projection. The same arguments give the same bytes. `type` is F32 or
/// BF16. Returns `folder`.
std::filesystem::path writeTinyModel(const std::filesystem::path& folder, const nlohmann::json& config,
                                     std::uint64_t seed = 0, DType type = DType::F32,
                                     const std::vector<double>& attention_strength = {});

/// Writes a byte-level tokenizer.json into a model's folder: 256 tokens, one a byte.
void writeByteTokenizer(const std::filesystem::path& folder);

/// A Llama of six layers with a byte tokenizer in which the attention of `needed` layers is strong and far-sighted and
/// that of the others nearly silent, so that the best placement beside a narrow window is known: exactly `needed`.
std::filesystem::path writePlantedModel(const std::filesystem::path& folder, const std::vector<int>& needed,
                                        std::uint64_t seed = 0);

}  // namespace interleave::testing
