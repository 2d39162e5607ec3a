// SPDX-License-Identifier: GPL-3.0-or-later
#include "backend/formats/tokenizer_facts.h"

#include <algorithm>
#include <array>
#include <limits>
#include <optional>
#include <string_view>
#include <utility>

#include "backend/formats/bounded_json.h"
#include "backend/formats/tokenizer_json.h"

namespace interleave {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr std::array<std::string_view, 7> kNamedTokens{"bos_token", "eos_token", "unk_token", "sep_token",
                                                       "pad_token", "cls_token", "mask_token"};
constexpr const char* kNamesOfOthers[] = {"model_specific_special_tokens", "extra_special_tokens"};
constexpr std::size_t kMostTokens = 4096;     // Of those named, and of those that end an answer.
constexpr std::size_t kMostTemplates = 1024;  // Of a folder.

/// What classes of `transformers` 5 name where a file does not.
struct ClassTokens {
  std::string_view name;
  std::array<std::string_view, kNamedTokens.size()> tokens;  ///< In the order of kNamedTokens.
};
constexpr std::array kClasses{
    ClassTokens{"Gemma", {"<bos>", "<eos>", "<unk>", "", "<pad>", "", "<mask>"}},
    ClassTokens{"Qwen2", {"", "<|endoftext|>", "<|endoftext|>", "", "<|endoftext|>", "", ""}},
    ClassTokens{"GPT2", {"<|endoftext|>", "<|endoftext|>", "<|endoftext|>", "", "", "", ""}},
};

/// A token: text, or an object with "content".
std::optional<std::string> tokenText(const JsonField& field) {
  if (field.value().is_null()) return std::nullopt;
  return field.value().is_object() ? field.at("content").text() : field.text();
}

/// The same where several may stand in a list: the first.
std::optional<std::string> firstToken(const JsonField& field) {
  if (!field.value().is_array()) return tokenText(field);
  const std::vector<JsonField> all = field.elements();
  return all.empty() ? std::nullopt : tokenText(all.front());
}

void addEnd(std::vector<std::string>& ends, const JsonField& field) {
  if (field.value().is_array()) {
    if (field.value().size() > kMostTokens) throw field.error("is too long");
    for (const JsonField& each : field.elements()) addEnd(ends, each);
  } else if (const auto token = tokenText(field); token && !token->empty()) {
    ends.push_back(*token);
  }
}

/// "eos_token_id": a number or a list of them. Those that no vocabulary has end nothing.
void addEnd(std::vector<std::int32_t>& ends, const JsonField& field) {
  if (field.value().is_null()) return;
  if (field.value().is_array()) {
    if (field.value().size() > kMostTokens) throw field.error("is too long");
    for (const JsonField& each : field.elements()) addEnd(ends, each);
    return;
  }
  const std::int64_t id =
      field.integer(std::numeric_limits<std::int64_t>::min(), std::numeric_limits<std::int64_t>::max());
  if (id >= 0 && id <= std::numeric_limits<std::int32_t>::max()) ends.push_back(static_cast<std::int32_t>(id));
}

void setToken(SpecialTokenTexts& tokens, const std::string& name, const std::optional<std::string>& text) {
  if (!text) {
    tokens.erase(name);
  } else if (tokens.size() < kMostTokens) {
    tokens[name] = *text;
  }
}

/// What one file names. Other tokens than the usual ones go by names that end in "_token", or stand under a name of
/// their own.
void takeTokens(SpecialTokenTexts& tokens, const JsonField& file, bool objects_are_tokens) {
  if (!file.value().is_object()) return;
  for (const auto& [key, value] : file.value().items()) {
    const JsonField field(value, file.file(), file.place().empty() ? key : file.place() + "." + key);
    if (std::ranges::find(kNamedTokens, key) != kNamedTokens.end()) {
      setToken(tokens, key, firstToken(field));
    } else if (std::ranges::find(kNamesOfOthers, key) != std::end(kNamesOfOthers)) {
      if (!value.is_object()) continue;
      for (const auto& [name, text] : value.items()) {
        setToken(tokens, name, tokenText(JsonField(text, field.file(), field.place() + "." + name)));
      }
    } else if (key.ends_with("_token")) {
      const bool token = value.is_object() && (objects_are_tokens || value.value("__type", json()) == "AddedToken");
      if (value.is_string() || token) setToken(tokens, key, tokenText(field));
    }
  }
}

SpecialTokenTexts tokensOfClass(const json& tokenizer_config, const json& config) {
  const auto word = [](const json& object, const char* key) {
    const json value = object.is_object() ? object.value(key, json()) : json();
    return value.is_string() ? value.get<std::string>() : std::string();
  };
  const std::string type = word(config, "model_type");
  std::string name = word(tokenizer_config, "tokenizer_class");
  if (const std::size_t fast = name.rfind("Fast"); fast != std::string::npos) name.resize(fast);
  if (name.empty()) name = type.starts_with("gemma") ? "GemmaTokenizer" : type == "qwen3" ? "Qwen2Tokenizer" : "";
  if (type == "qwen2") name = "Qwen2Tokenizer";
  if (type == "mistral") name.clear();
  SpecialTokenTexts tokens;
  for (const ClassTokens& one : kClasses) {
    if (name != std::string(one.name) + "Tokenizer") continue;
    for (std::size_t i = 0; i < kNamedTokens.size(); ++i) {
      if (!one.tokens[i].empty()) tokens.emplace(kNamedTokens[i], one.tokens[i]);
    }
  }
  return tokens;
}

/// The one that is used without tools; of several of one name the last.
class NamedTemplates {
 public:
  void add(const std::string& name, ChatTemplate one) {
    if (!names_.empty()) names_ += ", ";
    names_ += name;
    if (name == "default") default_ = std::move(one);
  }
  bool empty() const { return names_.empty(); }
  ChatTemplate chosen(const std::string& file, const std::string& source) const {
    if (default_ || names_.empty()) return default_.value_or(ChatTemplate{});
    return {.file = file, .source = source, .problem = "none of its templates (" + names_ + ") is named \"default\""};
  }

 private:
  std::string names_;
  std::optional<ChatTemplate> default_;
};

/// "chat_template": text, a list of named ones, or an object of them.
ChatTemplate chatTemplate(const JsonField& config, const std::string& source) {
  if (!config.value().is_object() || !config.has("chat_template")) return {};
  const JsonField field = config.at("chat_template");
  const auto made = [&](const JsonField& text) {
    return ChatTemplate{.text = text.text(), .file = field.file(), .source = source};
  };
  NamedTemplates named;
  if (field.value().is_array()) {
    for (const JsonField& each : field.elements()) named.add(each.at("name").text(), made(each.at("template")));
  } else if (field.value().is_object()) {
    for (const auto& [name, text] : field.value().items()) {
      named.add(name, made(JsonField(text, field.file(), field.place() + "." + name)));
    }
  } else {
    return made(field);
  }
  return named.chosen(field.file(), source);
}

/// The files that hold nothing but a template each; nothing where there are none.
std::optional<ChatTemplate> templateFiles(const fs::path& folder) {
  NamedTemplates named;
  std::string file, source;
  const auto add = [&](const std::string& name, const fs::path& path) {
    ChatTemplate found = chatTemplateIn(path);
    if (found.file.empty()) return;
    found.source = path.lexically_relative(folder).string();
    file = found.file;
    source = found.source;
    named.add(name, std::move(found));
  };
  add("default", folder / "chat_template.jinja");
  std::vector<fs::path> others;
  std::error_code unreadable;
  for (const auto& entry : fs::directory_iterator(folder / "additional_chat_templates", unreadable)) {
    if (entry.path().extension() == ".jinja" && others.size() < kMostTemplates) others.push_back(entry.path());
  }
  std::ranges::sort(others);
  for (const fs::path& other : others) add(other.stem().string(), other);
  if (named.empty()) return std::nullopt;
  return named.chosen(file, source);
}

json optionalJson(const fs::path& path, const JsonLimits& limits = {}) {
  std::error_code unreadable;
  return fs::exists(path, unreadable) ? readJson(path, limits) : json();
}

}  // namespace

TokenizerFacts tokenizerFacts(const nlohmann::json& config, const std::string& file) {
  TokenizerFacts facts;
  const JsonField field(config, file, {});
  if (!config.is_object()) return facts;
  facts.chat = chatTemplate(field, "tokenizer_config.json");
  takeTokens(facts.special_tokens, field, false);
  if (field.has("eos_token")) addEnd(facts.end_tokens, field.at("eos_token"));
  if (field.has("bos_token")) facts.config_bos = firstToken(field.at("bos_token")).value_or("");
  if (field.has("eos_token")) facts.config_eos = firstToken(field.at("eos_token")).value_or("");
  return facts;
}

TokenizerFacts tokenizerFactsOfGguf(const nlohmann::json& config, const nlohmann::json& metadata,
                                    const std::string& file) {
  TokenizerFacts facts = tokenizerFacts(config, file);
  facts.chat.source = "tokenizer.chat_template";
  for (const char* end : {"eos", "eot", "eom"}) {
    for (const char* ending : {"_token_id", "_token_ids"}) {
      const std::string key = std::string("tokenizer.ggml.") + end + ending;
      if (metadata.contains(key)) addEnd(facts.end_ids, JsonField(metadata.at(key), file, key));
    }
  }
  return facts;
}

TokenizerFacts tokenizerFacts(const ModelFiles& files) {
  const fs::path& folder = files.path();
  const json& settings = files.tokenizerConfigJson();
  const fs::path map_file = folder / "special_tokens_map.json", legacy_file = folder / "chat_template.json";
  TokenizerFacts facts = tokenizerFacts(settings, (folder / "tokenizer_config.json").string());
  if (auto own = templateFiles(folder)) facts.chat = std::move(*own);
  if (facts.chat.text.empty() && facts.chat.problem.empty()) {  // of processors, for models of more than text
    const json legacy = optionalJson(legacy_file);
    facts.chat = chatTemplate(JsonField(legacy, legacy_file.string(), {}), "chat_template.json");
  }

  const fs::path config_file = folder / "config.json", generation_file = folder / "generation_config.json";
  const json config = optionalJson(config_file), generation = optionalJson(generation_file);
  const json map = optionalJson(map_file, kTokenizerJson);
  const JsonField map_field(map, map_file.string(), {});
  facts.special_tokens = tokensOfClass(settings, config);
  takeTokens(facts.special_tokens, JsonField(settings, (folder / "tokenizer_config.json").string(), {}), false);
  const bool complete = settings.is_object() && settings.contains("added_tokens_decoder");  // says it all by itself
  if (!complete) takeTokens(facts.special_tokens, map_field, true);

  if (map.is_object() && map_field.has("eos_token")) addEnd(facts.end_tokens, map_field.at("eos_token"));
  const auto addIds = [&](const JsonField& field) {
    if (field.value().is_object() && field.has("eos_token_id")) addEnd(facts.end_ids, field.at("eos_token_id"));
  };
  addIds(JsonField(generation, generation_file.string(), {}));
  const JsonField model(config, config_file.string(), {});
  addIds(model);
  if (config.is_object() && model.has("text_config")) addIds(model.at("text_config"));
  return facts;
}

}  // namespace interleave
