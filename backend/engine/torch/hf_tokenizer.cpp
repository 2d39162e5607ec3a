// SPDX-License-Identifier: GPL-3.0-or-later
#include "backend/engine/torch/hf_tokenizer.h"

#include <array>
#include <string_view>
#include <system_error>

#include "backend/core/error.h"
#include "backend/formats/atomic_file.h"
#include "backend/formats/tokenizer.h"
#include "backend/formats/tokenizer_gguf.h"

namespace interleave {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr std::array<std::string_view, 14> kCopied{"tokenizer.json",
                                                   "tokenizer_config.json",
                                                   "special_tokens_map.json",
                                                   "added_tokens.json",
                                                   "tokenizer.model",
                                                   "vocab.json",
                                                   "merges.txt",
                                                   "chat_template.jinja",
                                                   "chat_template.json",
                                                   "generation_config.json",
                                                   "LICENSE",
                                                   "LICENSE.txt",
                                                   "LICENSE.md",
                                                   "NOTICE"};

std::vector<std::string> copyFiles(const fs::path& from, const fs::path& to) {
  std::vector<std::string> names;
  for (const std::string_view name : kCopied) {
    if (!fs::is_regular_file(from / name)) continue;
    std::error_code problem;
    fs::copy_file(from / name, to / name, problem);
    if (problem) throw failure((from / name).string(), "cannot be copied: " + problem.message());
    names.emplace_back(name);
  }
  return names;
}

/// The keys that our reader does without and Python's `tokenizers` insists on.
void complete(json& tokenizer) {
  tokenizer["version"] = "1.0";
  for (const char* key : {"truncation", "padding", "normalizer"}) tokenizer.emplace(key, nullptr);
  for (json& token : tokenizer["added_tokens"]) {
    for (const char* key : {"single_word", "lstrip", "rstrip"}) token.emplace(key, false);
  }
  json& post = tokenizer["post_processor"];
  post.emplace("pair", post["single"]);
  for (auto& [content, special] : post["special_tokens"].items()) {
    special.emplace("id", content);
    special.emplace("tokens", json::array({content}));
  }
  const auto completeByteLevel = [](json& step) {
    if (!step.is_object() || step.value("type", "") != "ByteLevel") return;
    for (const char* key : {"add_prefix_space", "trim_offsets", "use_regex"}) step.emplace(key, false);
  };
  completeByteLevel(tokenizer["decoder"]);
  if (tokenizer["pre_tokenizer"].contains("pretokenizers")) {
    for (json& step : tokenizer["pre_tokenizer"]["pretokenizers"]) completeByteLevel(step);
  }
}

}  // namespace

HfTokenizerFiles writeHfTokenizer(const ModelFiles& model, const fs::path& folder) {
  HfTokenizerFiles files;
  if (model.format() != "gguf") {
    files.names = copyFiles(model.path(), folder);
    if (model.tokenizerJson().is_null()) files.missing = "the model's folder has no tokenizer.json";
    return files;
  }
  const auto put = [&](const char* name, const json& document) {
    writeFileAtomically(folder / name, document.dump(1) + "\n");
    files.names.emplace_back(name);
  };
  try {
    TokenizerDocuments documents = tokenizerFromGguf(model.ggufMetadata(), model.path().string());
    complete(documents.tokenizer);
    documents.config.update({{"tokenizer_class", "PreTrainedTokenizerFast"},
                             {"model_max_length", model.config().context},
                             {"clean_up_tokenization_spaces", false}});
    const Tokenizer tokenizer = Tokenizer::fromGguf(model.ggufMetadata(), model.path().string());
    json generation{{"eos_token_id", tokenizer.endIds()}};
    if (tokenizer.bos()) generation["bos_token_id"] = *tokenizer.bos();
    put("tokenizer.json", documents.tokenizer);
    put("tokenizer_config.json", documents.config);
    put("generation_config.json", generation);
  } catch (const Error& problem) {
    if (problem.kind() != ErrorKind::BadInput) throw;
    files.missing = problem.reason();
  }
  return files;
}

}  // namespace interleave
