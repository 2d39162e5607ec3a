// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstdint>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace interleave {

/// The tokenizer.json and tokenizer_config.json that say the same as a GGUF's metadata.
struct TokenizerDocuments {
  nlohmann::json tokenizer, config;
  /// Ids of tokens that the file lists again further on: they decode alike, and no text becomes them.
  std::map<std::int32_t, std::string> spellings;
  std::vector<std::string> warnings;
};

/// The pre-tokenizer is the one that `tokenizer.ggml.pre` names, as llama.cpp defines it; flags left unsaid are
/// llama.cpp's. A SentencePiece vocabulary ("llama") gets the merges that its scores imply, and the prefix space, as
/// `transformers` reads such a file. BadInput names the key that is missing, malformed or not supported.
TokenizerDocuments tokenizerFromGguf(const nlohmann::json& metadata, const std::string& file);

}  // namespace interleave
