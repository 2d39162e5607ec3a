// SPDX-License-Identifier: GPL-3.0-or-later
#include "backend/formats/tokenizer_gguf.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <optional>
#include <set>
#include <span>
#include <string_view>
#include <vector>

#include "backend/core/error.h"
#include "backend/formats/checked.h"
#include "backend/formats/pretokenizer.h"
#include "backend/formats/tokenizer_bpe.h"
#include "backend/formats/tokenizer_json.h"
#include "backend/formats/unicode.h"

namespace interleave {
namespace {

using nlohmann::json;

constexpr std::size_t kMostTokens = 1 << 22;
constexpr std::size_t kMostTokenBytes = 1024;
// Of the merges that a vocabulary implies; Gemma's 256k tokens imply 0.6 million, for which 20 MB are looked through.
constexpr std::size_t kMostMerges = 1 << 22, kMostSearchedBytes = std::size_t{256} << 20;
constexpr std::string_view kSpaceMark = "\xE2\x96\x81";  // U+2581, SentencePiece's space.

/// tokenizer.ggml.token_type.
enum class TokenType { Normal = 1, Unknown = 2, Control = 3, UserDefined = 4, Unused = 5, Byte = 6 };

constexpr std::string_view kLlama3 =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
constexpr std::string_view kQwen2 =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
constexpr std::string_view kTekken = R"([^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+)"
                                     R"(|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*)"
                                     R"(|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
constexpr std::string_view kPunctuation = R"([\p{P}\$\+<=>\^~\|]+)";
constexpr std::string_view kDigit = R"(\p{N})", kDigits = R"(\p{N}+)", kThreeDigits = "[0-9][0-9][0-9]";

constexpr std::array kSmolLmSplits = {kDigit, kGpt2Pattern};
constexpr std::array kDefaultSplits = {kPunctuation, kGpt2Pattern, kDigits, kThreeDigits};

/// What a name in tokenizer.ggml.pre stands for: the texts are split by each pattern in turn.
struct PreTokenizer {
  std::string_view name;
  std::span<const std::string_view> splits;
  bool ignore_merges = false, adds_bos = false;  // llama.cpp's, where the file does not say.
};
constexpr std::array kPreTokenizers = {
    PreTokenizer{"default", kDefaultSplits},
    PreTokenizer{"gpt-2", {&kGpt2Pattern, 1}},
    PreTokenizer{"phi-2", {&kGpt2Pattern, 1}},
    PreTokenizer{"smollm", kSmolLmSplits},
    PreTokenizer{"starcoder", kSmolLmSplits},
    PreTokenizer{"refact", kSmolLmSplits},
    PreTokenizer{"command-r", kSmolLmSplits},
    PreTokenizer{"llama3", {&kLlama3, 1}, true, true},
    PreTokenizer{"llama-v3", {&kLlama3, 1}, true, true},
    PreTokenizer{"llama-bpe", {&kLlama3, 1}, true, true},
    PreTokenizer{"dbrx", {&kLlama3, 1}},
    PreTokenizer{"smaug-bpe", {&kLlama3, 1}},
    PreTokenizer{"qwen2", {&kQwen2, 1}},
    PreTokenizer{"deepseek-r1-qwen", {&kQwen2, 1}},
    PreTokenizer{"megrez", {&kQwen2, 1}},
    PreTokenizer{"stablelm2", {&kQwen2, 1}},
    PreTokenizer{"tekken", {&kTekken, 1}, true, true},
};

json splitBy(std::string_view pattern) {
  return {{"type", "Split"}, {"pattern", {{"Regex", pattern}}}, {"behavior", "Isolated"}, {"invert", false}};
}

/// The keys of a GGUF that concern the tokenizer, checked.
class Metadata {
 public:
  Metadata(const json& metadata, const std::string& file) : fields_(metadata, file, "") {}

  bool has(const std::string& key) const { return fields_.has("tokenizer." + key); }
  JsonField at(const std::string& key) const { return fields_.at("tokenizer." + key); }
  bool flag(const std::string& key, bool fallback) const { return has(key) ? at(key).flag() : fallback; }
  std::string architecture() const { return fields_.text("general.architecture", ""); }

  std::vector<std::string> tokens() const;
  std::vector<TokenType> types(std::size_t count) const;  ///< Normal where the file does not say.
  std::vector<double> scores(std::size_t count) const;
  std::vector<std::size_t> idsAt(const std::string& key, std::size_t count) const;  ///< A number, or a list.

 private:
  const json& array(const std::string& key, std::size_t count) const;
  JsonField fields_;
};

std::vector<std::string> Metadata::tokens() const {
  const JsonField field = at("ggml.tokens");
  if (!field.value().is_array() || field.value().empty()) throw field.error("is not a list of tokens");
  if (field.value().size() > kMostTokens) throw field.error("is too long");
  std::vector<std::string> tokens;
  tokens.reserve(field.value().size());
  for (const json& token : field.value()) {
    if (!token.is_string() || !unicode::isValidUtf8(token.get_ref<const std::string&>())) {
      throw field.error("entry " + std::to_string(tokens.size()) + " is not valid UTF-8 text");
    }
    tokens.push_back(token.get<std::string>());
    if (tokens.back().size() > kMostTokenBytes) {
      throw field.error("entry " + std::to_string(tokens.size() - 1) + " is too long for a token");
    }
    if (tokens.back().empty()) tokens.back() = "[EMPTY_" + std::to_string(tokens.size() - 1) + "]";  // As llama.cpp.
  }
  return tokens;
}

const json& Metadata::array(const std::string& key, std::size_t count) const {
  const JsonField field = at(key);
  if (!field.value().is_array()) throw field.error("is not an array");
  if (field.value().size() != count) {
    throw field.error("has " + std::to_string(field.value().size()) + " entries for " + std::to_string(count) +
                      " tokens");
  }
  return field.value();
}

std::vector<TokenType> Metadata::types(std::size_t count) const {
  std::vector<TokenType> types(count, TokenType::Normal);
  if (!has("ggml.token_type")) return types;
  const json& numbers = array("ggml.token_type", count);
  for (std::size_t i = 0; i < count; ++i) {
    if (!numbers[i].is_number_integer()) throw at("ggml.token_type").error("is not a list of integers");
    const auto type = numbers[i].get<std::int64_t>();
    if (type >= 1 && type <= 6) types[i] = static_cast<TokenType>(type);
  }
  return types;
}

std::vector<double> Metadata::scores(std::size_t count) const {
  const json& numbers = array("ggml.scores", count);
  std::vector<double> scores;
  scores.reserve(count);
  for (const json& number : numbers) {
    if (!number.is_number() || !std::isfinite(number.get<double>()))
      throw at("ggml.scores").error("is not a list of finite numbers");
    scores.push_back(number.get<double>());
  }
  return scores;
}

std::vector<std::size_t> Metadata::idsAt(const std::string& key, std::size_t count) const {
  if (!has(key)) return {};
  const JsonField field = at(key);
  const auto idOf = [&](const JsonField& one) {
    return static_cast<std::size_t>(one.integer(0, static_cast<std::int64_t>(count) - 1));
  };
  if (!field.value().is_array()) return {idOf(field)};
  if (field.value().size() > count) throw field.error("is too long");
  std::vector<std::size_t> ids;
  for (const JsonField& one : field.elements()) ids.push_back(idOf(one));
  return ids;
}

/// The template as tokenizer_config.json would hold it: text, or a list where there are several, each under a key of
/// its own.
json chatTemplates(const json& all, const Metadata& metadata) {
  constexpr std::string_view kOthers = "tokenizer.chat_template.";
  json list = json::array();
  for (const auto& [key, text] : all.items()) {
    if (!key.starts_with(kOthers) || text.is_null()) continue;
    const std::string name = key.substr(kOthers.size());
    list.push_back({{"name", name}, {"template", metadata.at("chat_template." + name).text()}});
  }
  json own = metadata.has("chat_template") ? json(metadata.at("chat_template").text()) : json();
  if (list.empty()) return own;
  if (!own.is_null()) list.push_back({{"name", "default"}, {"template", std::move(own)}});
  return list;
}

/// The model's "vocab". Of a token that is listed several times the last id counts, as in `transformers`.
json vocabularyOf(const std::vector<std::string>& tokens) {
  json vocabulary = json::object();
  for (std::size_t id = 0; id < tokens.size(); ++id) vocabulary[tokens[id]] = id;
  return vocabulary;
}

/// The merges that a vocabulary implies: every way to put a token together from two others, the best score first, then
/// the longest halves (`transformers`' generate_merges).
json impliedMerges(const Metadata& metadata, const std::vector<std::string>& tokens,
                   const std::vector<double>& scores) {
  const auto tooMany = [&] { return metadata.at("ggml.tokens").error("implies too many merges, and none are given"); };
  TextMap<std::size_t> ids;
  std::size_t searched = 0;  // Each cut of a token looks at all of it: this bounds the time, and the text of the rules.
  for (std::size_t id = 0; id < tokens.size(); ++id) {
    ids.insert_or_assign(tokens[id], id);
    searched += tokens[id].size() * (unicode::length(tokens[id]) - 1);
    if (searched > kMostSearchedBytes) throw tooMany();
  }
  struct Rule {
    double score;
    std::size_t left_length, right_length;  // In characters.
    std::size_t left, right;
  };
  std::vector<Rule> rules;
  std::set<std::string_view> listed_again;  // Tokens whose last id is still to come: they had their turn.
  for (std::size_t id = 0; id < tokens.size(); ++id) {
    const std::string_view token = tokens[id];
    const std::size_t last = ids.find(token)->second;
    const bool had_its_turn = listed_again.contains(token);
    if (last != id) listed_again.insert(token);
    if (had_its_turn) continue;
    const std::size_t length = unicode::length(token);
    const auto first_own = static_cast<std::ptrdiff_t>(rules.size());
    std::size_t at = 0;
    for (std::size_t left_length = 1; left_length < length; ++left_length) {
      at += unicode::first(token.substr(at)).bytes;
      const auto left = ids.find(token.substr(0, at));
      if (left == ids.end()) continue;
      const auto right = ids.find(token.substr(at));
      if (right == ids.end()) continue;
      if (rules.size() == kMostMerges) throw tooMany();
      rules.push_back({scores[last], left_length, length - left_length, left->second, right->second});
    }
    std::sort(rules.begin() + first_own, rules.end(),
              [](const Rule& a, const Rule& b) { return a.left != b.left ? a.left < b.left : a.right < b.right; });
  }
  std::stable_sort(rules.begin(), rules.end(), [](const Rule& a, const Rule& b) {
    if (a.score != b.score) return a.score > b.score;
    if (a.left_length != b.left_length) return a.left_length > b.left_length;
    return a.right_length > b.right_length;
  });
  json merges = json::array();
  for (const Rule& rule : rules) merges.push_back({tokens[rule.left], tokens[rule.right]});
  return merges;
}

/// A byte-level vocabulary, "gpt2".
json byteLevelTokenizer(const Metadata& metadata, const std::vector<std::string>& tokens, bool& adds_bos) {
  const std::string name = metadata.has("ggml.pre") ? metadata.at("ggml.pre").text() : "default";
  const auto* const pre = std::find_if(kPreTokenizers.begin(), kPreTokenizers.end(),
                                       [&](const PreTokenizer& known) { return known.name == name; });
  if (pre == kPreTokenizers.end()) {
    throw metadata.at("ggml.pre").error("pre-tokenizer \"" + name + "\" is not supported");
  }
  adds_bos = pre->adds_bos;
  json steps = json::array();
  for (const std::string_view pattern : pre->splits) steps.push_back(splitBy(pattern));
  const bool prefix = metadata.flag("ggml.add_space_prefix", false);
  steps.push_back({{"type", "ByteLevel"}, {"add_prefix_space", prefix}, {"use_regex", false}});
  return {{"model",
           {{"type", "BPE"},
            {"ignore_merges", pre->ignore_merges},
            {"vocab", vocabularyOf(tokens)},
            {"merges", metadata.at("ggml.merges").value()}}},
          {"pre_tokenizer", {{"type", "Sequence"}, {"pretokenizers", std::move(steps)}}},
          {"decoder", {{"type", "ByteLevel"}}}};
}

/// A SentencePiece vocabulary, "llama".
json sentencePieceTokenizer(const Metadata& metadata, std::vector<std::string>& tokens, std::vector<TokenType>& types) {
  const bool gemma = metadata.architecture().starts_with("gemma");
  std::vector<double> ranks;
  if (gemma) {
    // Gemma's order of merges is that of the file, not that of its scores; and its runs of spaces are written plain.
    for (std::size_t id = 0; id < tokens.size(); ++id) {
      ranks.push_back(-static_cast<double>(id));
      std::string& token = tokens[id];
      if (token.find_first_not_of(' ') != std::string::npos) continue;
      std::string marks;
      for (std::size_t i = 0; i < token.size(); ++i) marks += kSpaceMark;
      token = marks;
      types[id] = TokenType::Normal;
    }
  }
  json model = {{"type", "BPE"}, {"fuse_unk", true}, {"byte_fallback", true}, {"vocab", vocabularyOf(tokens)}};
  if (metadata.has("ggml.merges")) {
    model["merges"] = metadata.at("ggml.merges").value();
  } else {
    model["merges"] = impliedMerges(metadata, tokens, gemma ? ranks : metadata.scores(tokens.size()));
  }
  json decoders = json::array({{{"type", "Replace"}, {"pattern", {{"String", kSpaceMark}}}, {"content", " "}},
                               {{"type", "ByteFallback"}},
                               {{"type", "Fuse"}}});
  const bool prefix = metadata.flag("ggml.add_space_prefix", !gemma);
  if (prefix) decoders.push_back({{"type", "Strip"}, {"content", " "}, {"start", 1}, {"stop", 0}});
  return {{"model", std::move(model)},
          {"pre_tokenizer",
           {{"type", "Metaspace"},
            {"replacement", kSpaceMark},
            {"prepend_scheme", prefix ? "first" : "never"},
            {"split", false}}},
          {"decoder", {{"type", "Sequence"}, {"decoders", std::move(decoders)}}}};
}

}  // namespace

TokenizerDocuments tokenizerFromGguf(const nlohmann::json& metadata_json, const std::string& file) {
  const Metadata metadata(metadata_json, file);
  const std::string kind = metadata.at("ggml.model").text();
  std::vector<std::string> tokens = metadata.tokens();
  std::vector<TokenType> types = metadata.types(tokens.size());

  TokenizerDocuments documents;
  json& tokenizer = documents.tokenizer;
  bool adds_bos = true;
  if (kind == "gpt2") {
    tokenizer = byteLevelTokenizer(metadata, tokens, adds_bos);
  } else if (kind == "llama") {
    tokenizer = sentencePieceTokenizer(metadata, tokens, types);
  } else {
    throw metadata.at("ggml.model")
        .error("tokenizer \"" + kind + "\" is not supported, only \"gpt2\" and \"llama\" are");
  }

  std::vector<bool> special(tokens.size());
  for (std::size_t id = 0; id < tokens.size(); ++id) {
    special[id] = types[id] == TokenType::Control || types[id] == TokenType::Unknown;
  }
  const auto named = [&](const std::string& key) {
    const std::vector<std::size_t> ids = metadata.idsAt("ggml." + key + "_token_id", tokens.size());
    for (const std::size_t id : ids) special[id] = true;
    return ids.empty() ? std::nullopt : std::optional(ids.front());
  };
  // Tokens that a text can do without; -1 is how some converters say that there is none.
  const auto namedIfThere = [&](const std::string& key) {
    try {
      return named(key);
    } catch (const Error& problem) {
      documents.warnings.emplace_back(problem.what() + std::string("; there is none"));
      return std::optional<std::size_t>();
    }
  };
  const auto bos = named("bos"), eos = named("eos"), unknown = namedIfThere("unknown"),
             padding = namedIfThere("padding");
  namedIfThere("eot");
  namedIfThere("eom");
  if (bos) documents.config["bos_token"] = tokens[*bos];
  if (eos) documents.config["eos_token"] = tokens[*eos];
  if (unknown) documents.config["unk_token"] = tokens[*unknown];
  if (padding) documents.config["pad_token"] = tokens[*padding];
  if (unknown && kind == "llama") tokenizer["model"]["unk_token"] = tokens[*unknown];
  const json& vocabulary = tokenizer["model"]["vocab"];
  std::vector<std::size_t> counted(tokens.size());  // The id that counts, of each id's token.
  std::vector<std::string> again;
  for (std::size_t id = 0; id < tokens.size(); ++id) {
    counted[id] = vocabulary.at(tokens[id]).get<std::size_t>();
    if (counted[id] == id) continue;
    documents.spellings[static_cast<std::int32_t>(id)] = tokens[id];
    again.push_back(tokens[id] + " as " + std::to_string(id) + " and " + std::to_string(counted[id]));
    if (special[id]) special[counted[id]] = true;
  }
  if (!again.empty()) {
    documents.warnings.push_back(
        metadata.at("ggml.tokens").error("tokens are there twice; the last counts: " + firstFew(again)).what());
  }
  if (json chat = chatTemplates(metadata_json, metadata); !chat.is_null()) {
    documents.config["chat_template"] = std::move(chat);
  }

  json& added = tokenizer["added_tokens"] = json::array();
  for (std::size_t id = 0; id < tokens.size(); ++id) {
    if (counted[id] != id || (!special[id] && types[id] != TokenType::UserDefined)) continue;
    added.push_back({{"id", id}, {"content", tokens[id]}, {"special", bool(special[id])}, {"normalized", false}});
  }

  json single = json::array(), special_tokens = json::object();
  const auto add = [&](std::optional<std::size_t> id, const std::string& key, bool fallback) {
    if (!metadata.flag("ggml.add_" + key + "_token", fallback)) return;
    if (!id) throw metadata.at("ggml." + key + "_token_id").error("is needed");
    single.push_back({{"SpecialToken", {{"id", tokens[*id]}, {"type_id", 0}}}});
    special_tokens[tokens[*id]] = {{"ids", {*id}}};
  };
  add(bos, "bos", adds_bos && bos.has_value());
  single.push_back({{"Sequence", {{"id", "A"}, {"type_id", 0}}}});
  add(eos, "eos", false);
  tokenizer["post_processor"] = {
      {"type", "TemplateProcessing"}, {"single", std::move(single)}, {"special_tokens", std::move(special_tokens)}};
  return documents;
}

}  // namespace interleave
