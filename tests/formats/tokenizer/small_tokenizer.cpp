// SPDX-License-Identifier: GPL-3.0-or-later
#include "tests/formats/tokenizer/small_tokenizer.h"

#include <cstdio>

#include "backend/formats/pretokenizer.h"

namespace interleave::test {
namespace {

using nlohmann::json;

/// Appends what each merge makes, where it is new.
void addMerged(std::vector<std::string>& tokens, const std::vector<std::string>& merges) {
  for (const std::string& merge : merges) {
    const std::size_t space = merge.find(' ');
    const std::string merged = merge.substr(0, space) + merge.substr(space + 1);
    if (std::find(tokens.begin(), tokens.end(), merged) == tokens.end()) tokens.push_back(merged);
  }
}

json vocabularyOf(const std::vector<std::string>& tokens) {
  json vocabulary = json::object();
  for (std::size_t id = 0; id < tokens.size(); ++id) vocabulary[tokens[id]] = id;
  return vocabulary;
}

std::vector<std::string> byteTokens() {
  std::vector<std::string> tokens;
  for (int b = 0; b < 256; ++b) tokens.emplace_back(byteLevelSpelling(static_cast<unsigned char>(b)));
  return tokens;
}

}  // namespace

json byteLevelDocument(const std::vector<std::string>& merges) {
  std::vector<std::string> tokens = byteTokens();
  addMerged(tokens, merges);
  return {{"version", "1.0"},
          {"added_tokens", json::array()},
          {"normalizer", nullptr},
          {"pre_tokenizer", {{"type", "ByteLevel"}, {"add_prefix_space", false}, {"use_regex", true}}},
          {"decoder", {{"type", "ByteLevel"}}},
          {"model", {{"type", "BPE"}, {"vocab", vocabularyOf(tokens)}, {"merges", merges}}}};
}

json sentencePieceDocument(const std::vector<std::string>& characters, const std::vector<std::string>& merges) {
  std::vector<std::string> tokens = {"<unk>", "<s>", "</s>"};
  for (unsigned b = 0; b < 256; ++b) {
    char token[7];
    std::snprintf(token, sizeof token, "<0x%02X>", b);
    tokens.emplace_back(token);
  }
  tokens.insert(tokens.end(), characters.begin(), characters.end());
  addMerged(tokens, merges);
  const json replace = {{"type", "Replace"}, {"pattern", {{"String", "▁"}}}, {"content", " "}};
  const json strip = {{"type", "Strip"}, {"content", " "}, {"start", 1}, {"stop", 0}};
  const json parts = json::array({json{{"type", "ByteFallback"}}, json{{"type", "Fuse"}}});
  return {{"version", "1.0"},
          {"added_tokens", {addedToken(0, "<unk>", true), addedToken(1, "<s>", true), addedToken(2, "</s>", true)}},
          {"normalizer",
           {{"type", "Sequence"},
            {"normalizers",
             {{{"type", "Prepend"}, {"prepend", "▁"}},
              {{"type", "Replace"}, {"pattern", {{"String", " "}}}, {"content", "▁"}}}}}},
          {"pre_tokenizer", nullptr},
          {"decoder", {{"type", "Sequence"}, {"decoders", {replace, parts[0], parts[1], strip}}}},
          {"post_processor",
           {{"type", "TemplateProcessing"},
            {"single",
             {{{"SpecialToken", {{"id", "<s>"}, {"type_id", 0}}}}, {{"Sequence", {{"id", "A"}, {"type_id", 0}}}}}},
            {"special_tokens", {{"<s>", {{"id", "<s>"}, {"ids", {1}}, {"tokens", {"<s>"}}}}}}}},
          {"model",
           {{"type", "BPE"},
            {"vocab", vocabularyOf(tokens)},
            {"merges", merges},
            {"byte_fallback", true},
            {"fuse_unk", true},
            {"unk_token", "<unk>"}}}};
}

json ggufMetadata(const std::string& pre, const std::vector<std::string>& merges) {
  std::vector<std::string> tokens = byteTokens();
  addMerged(tokens, merges);
  std::vector<int> types(tokens.size(), 1);
  tokens.insert(tokens.end(), {"<|im_start|>", "<|im_end|>", "<extra>"});
  types.insert(types.end(), {3, 3, 4});
  return {{"general.architecture", "llama"},
          {"tokenizer.ggml.model", "gpt2"},
          {"tokenizer.ggml.pre", pre},
          {"tokenizer.ggml.tokens", tokens},
          {"tokenizer.ggml.token_type", types},
          {"tokenizer.ggml.merges", merges},
          {"tokenizer.ggml.bos_token_id", tokens.size() - 3},
          {"tokenizer.ggml.eos_token_id", tokens.size() - 2}};
}

json addedToken(int id, const std::string& content, bool special) {
  return {{"id", id},        {"content", content}, {"special", special}, {"single_word", false},
          {"lstrip", false}, {"rstrip", false},    {"normalized", false}};
}

Tokenizer tokenizerOf(const json& document, const json& config) {
  return Tokenizer::fromJson(document, config, "small/tokenizer.json");
}

}  // namespace interleave::test
