// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "backend/formats/tokenizer.h"

namespace interleave::test {

/// A byte-level tokenizer.json: ids 0 to 255 are the bytes, then come the merges in order ("h e" makes "he").
nlohmann::json byteLevelDocument(const std::vector<std::string>& merges);

/// A SentencePiece-like one: <unk> 0, <s> 1, </s> 2, 256 byte tokens, then `characters`, then what `merges` make.
nlohmann::json sentencePieceDocument(const std::vector<std::string>& characters,
                                     const std::vector<std::string>& merges);

/// GGUF metadata of a byte-level vocabulary, with the last three tokens <|im_start|>, <|im_end|> (control) and <extra>
/// (user defined).
nlohmann::json ggufMetadata(const std::string& pre, const std::vector<std::string>& merges);

nlohmann::json addedToken(int id, const std::string& content, bool special);
Tokenizer tokenizerOf(const nlohmann::json& document, const nlohmann::json& config = nullptr);

}  // namespace interleave::test
