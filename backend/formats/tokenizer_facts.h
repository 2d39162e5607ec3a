// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "backend/formats/chat.h"
#include "backend/formats/model_files.h"

namespace interleave {

/// What stands beside a tokenizer in a model's files: how conversations are written, and what ends an answer.
struct TokenizerFacts {
  ChatTemplate chat;
  SpecialTokenTexts special_tokens;     ///< What `transformers` passes to templates.
  std::vector<std::string> end_tokens;  ///< Tokens that end an answer, as the tokenizer's files tell …
  std::vector<std::int32_t> end_ids;    ///< … and as the model's configuration tells.
  std::string config_bos, config_eos;   ///< As tokenizer_config.json alone tells: all that earlier programs read.

  bool endsAreTold() const { return !end_tokens.empty() || !end_ids.empty(); }
};

/// Of a folder: tokenizer_config.json, special_tokens_map.json, the files with chat templates, config.json and
/// generation_config.json. Which file counts where they differ is decided as `transformers` 5 does; a file of one empty
/// template is none. BadInput names file and place.
TokenizerFacts tokenizerFacts(const ModelFiles& files);

/// Of tokenizer_config.json alone, which may be null.
TokenizerFacts tokenizerFacts(const nlohmann::json& config, const std::string& file);

/// Of a GGUF's metadata, and of the tokenizer_config.json that says the same.
TokenizerFacts tokenizerFactsOfGguf(const nlohmann::json& config, const nlohmann::json& metadata,
                                    const std::string& file);

}  // namespace interleave
