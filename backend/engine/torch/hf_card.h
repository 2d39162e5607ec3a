// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "backend/engine/torch/hf_config.h"
#include "backend/engine/torch/hf_weights.h"

namespace interleave {

/// Writes the folder's model card, README.md, and copies the source's licence files beside it; returns the names. The
/// card says what stands in the layers, scores (where the provenance has them), bytes of the KV cache, the
/// `transformers` that it needs and was tried with, an example, and whose licence holds: a Hugging Face folder's
/// README.md, or a GGUF's metadata, tells the source's. `name` is what the folder will be called; `no_tokenizer` why it
/// has none, or "".
std::vector<std::string> writeHfCard(const Hybrid& hybrid, const HfConfig& config, const HfType& type,
                                     const std::string& no_tokenizer, const std::string& name,
                                     const std::filesystem::path& folder);

}  // namespace interleave
