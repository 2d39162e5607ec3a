// SPDX-License-Identifier: GPL-3.0-or-later
#include "backend/engine/torch/hf_tokenizer.h"

#include <algorithm>
#include <array>
#include <optional>
#include <string_view>
#include <system_error>

#include "backend/core/error.h"
#include "backend/formats/atomic_file.h"
#include "backend/formats/bounded_json.h"
#include "backend/formats/tokenizer.h"
#include "backend/formats/tokenizer_gguf.h"

namespace interleave {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr const char* kTokenizer = "tokenizer.json";
constexpr const char* kTokenizerConfig = "tokenizer_config.json";
constexpr const char* kGenerationConfig = "generation_config.json";
constexpr const char* kNamedTemplates = "additional_chat_templates";
constexpr const char* kInputNames = "model_input_names";
const json kInputs = {"input_ids",
                      "attention_mask"};  ///< The plain class adds token_type_ids, which no model here takes.
constexpr std::array<std::string_view, 7> kCopied{
    "special_tokens_map.json", "added_tokens.json", "tokenizer.model", "vocab.json", "merges.txt",
    "chat_template.jinja",     "chat_template.json"};

/// Reads tokenizer.json as it stands, whatever the folder's model_type, in every `transformers`.
constexpr const char* kPlainClass = "PreTrainedTokenizerFast";

/// Classes that have tokens of their own where tokenizer_config.json names none, and pad on the left.
struct LlamaLike {
  std::string_view name, bos, eos, unk;
};
constexpr std::array<LlamaLike, 3> kLlamaLike{{{"LlamaTokenizer", "<s>", "</s>", "<unk>"},
                                               {"CodeLlamaTokenizer", "<s>", "</s>", "<unk>"},
                                               {"GemmaTokenizer", "<bos>", "<eos>", "<unk>"}}};

std::string withoutFast(std::string name) {
  constexpr std::string_view kFast = "Fast";
  if (name.ends_with(kFast) && name != kPlainClass) name.resize(name.size() - kFast.size());
  return name;
}

std::string textAt(const json& object, const char* key) {
  return object.is_object() && object.contains(key) && object.at(key).is_string() ? object.at(key).get<std::string>()
                                                                                  : std::string();
}

/// A folder's files that say how it tokenises.
struct SourceTokenizer {
  std::string model_type;  ///< Of its config.json; Gemma 3's text model whichever way it is wrapped.
  std::string own_class;   ///< The class that its files name, without "Fast"; "": none.
  json config;             ///< tokenizer_config.json; an empty object where there is none.
  bool has_code = false;   ///< It comes with a class of its own.
};

SourceTokenizer sourceOf(const ModelFiles& model) {
  SourceTokenizer source;
  const json config = readJson(model.path() / "config.json");
  source.model_type = textAt(config, "model_type");
  if (source.model_type == "gemma3") source.model_type = "gemma3_text";
  const json& written = model.tokenizerConfigJson();
  source.config = written.is_object() ? written : json::object();
  const std::string named = textAt(source.config, "tokenizer_class");
  source.own_class = withoutFast(named.empty() ? textAt(config, "tokenizer_class") : named);
  source.has_code = source.config.contains("auto_map");
  return source;
}

/// The class that AutoTokenizer uses for the source while it reads all that the class leaves open from tokenizer.json
/// (`transformers` 4), and the one whose tokenizer the source gets from `transformers` 5, are one here.
std::string classFor(const SourceTokenizer& source) {
  constexpr std::array<std::string_view, 3> kPlain{"TokenizersBackend", "PythonBackend", "MistralCommonBackend"};
  const std::string& own = source.own_class;
  const bool plain = source.has_code || std::ranges::find(kPlain, own) != kPlain.end();
  const auto orElse = [&](const char* fallback) { return own.empty() ? std::string(fallback) : own; };
  if (plain || source.model_type == "mistral") return kPlainClass;  // version 5 overrules any class of Mistral's
  if (source.model_type == "qwen2") return "Qwen2Tokenizer";        // as it overrules any of Qwen 2's
  if (source.model_type == "qwen3") return orElse("Qwen2Tokenizer");
  if (source.model_type == "gemma3_text") return orElse("GemmaTokenizer");
  return orElse(kPlainClass);
}

bool hasToken(const json& tokenizer, std::string_view token) {
  for (const json& entry : tokenizer.value("added_tokens", json::array())) {
    if (textAt(entry, "content") == token) return true;
  }
  return tokenizer.at("model").at("vocab").contains(std::string(token));
}

class Writer {
 public:
  Writer(const ModelFiles& model, const HfConfig& config, const fs::path& folder, HfTokenizerFiles& files)
      : model_(model), config_(config), folder_(folder), files_(files) {}

  void ofFolder() {
    for (const std::string_view name : kCopied) copy(name);
    copyNamedTemplates();
    const SourceTokenizer source = sourceOf(model_);
    if (model_.tokenizerJson().is_null()) {
      files_.missing = "the model's folder has no tokenizer.json";
      copy(kTokenizerConfig);
    } else if (source.model_type == config_.document.at("model_type")) {
      copy(kTokenizer);  // what decides is as it was
      json config = source.config;
      if (source.own_class == kPlainClass && !config.contains(kInputNames)) {
        config[kInputNames] = kInputs;
        put(kTokenizerConfig, config);
      } else {
        copy(kTokenizerConfig);
      }
    } else {
      ofAnotherType(source);
    }
    json generation = json::object();
    if (fs::is_regular_file(model_.path() / kGenerationConfig))
      generation = readJson(model_.path() / kGenerationConfig);
    putGeneration(generation);
  }

  void ofGguf() {
    json generation = json::object();
    try {
      const json& metadata = model_.ggufMetadata();
      TokenizerDocuments documents = tokenizerFromGguf(metadata, model_.path().string());
      const Tokenizer tokenizer = Tokenizer::fromGguf(metadata, model_.path().string());
      complete(documents.tokenizer);
      json& config = documents.config;
      for (const auto& [key, word] : {std::pair{"pad_token", "padding"}, {"unk_token", "unknown"}}) {
        const json id = metadata.value(std::string("tokenizer.ggml.") + word + "_token_id", json());
        if (!id.is_number_integer() || id < 0 || id >= tokenizer.size()) continue;
        config.emplace(key, tokenizer.tokenOf(id.get<std::int32_t>()));
      }
      addNamedTemplates(config);
      config["tokenizer_class"] = kPlainClass;
      config["model_max_length"] = model_.config().context;
      fillPlain(config);
      generation["eos_token_id"] = tokenizer.endIds();
      put(kTokenizer, documents.tokenizer);
      put(kTokenizerConfig, config);
    } catch (const Error& problem) {
      if (problem.kind() != ErrorKind::BadInput) throw;
      files_.missing = problem.reason();
    }
    putGeneration(generation);
  }

 private:
  void put(const char* name, const json& document) {
    writeFileAtomically(folder_ / name, document.dump(1) + "\n");
    files_.names.emplace_back(name);
  }

  void copy(const fs::path& name) {
    if (!fs::is_regular_file(model_.path() / name)) return;
    std::error_code problem;
    fs::copy_file(model_.path() / name, folder_ / name, problem);
    if (problem) throw failure((model_.path() / name).string(), "cannot be copied: " + problem.message());
    files_.names.push_back(name.generic_string());
  }

  void copyNamedTemplates() {
    std::error_code none;
    std::vector<fs::path> names;
    for (const auto& entry : fs::directory_iterator(model_.path() / kNamedTemplates, none)) {
      if (entry.path().extension() == ".jinja") names.push_back(fs::path(kNamedTemplates) / entry.path().filename());
    }
    if (names.empty()) return;
    fs::create_directory(folder_ / kNamedTemplates);
    std::ranges::sort(names);
    for (const fs::path& name : names) copy(name);
  }

  /// The source's files for a folder of another model_type.
  void ofAnotherType(const SourceTokenizer& source) {
    json config = source.config;
    const std::string chosen = classFor(source);
    config.erase("auto_map");
    config["tokenizer_class"] = chosen;
    // Version 5 writes as a list what version 4 reads under its older name only.
    if (const json extra = config.value("extra_special_tokens", json()); extra.is_array()) {
      config.erase("extra_special_tokens");
      if (!extra.empty()) config.emplace("additional_special_tokens", extra);
    }
    const bool was_llama = source.own_class.empty() && source.model_type == "mistral";  // what version 4 takes for it
    const std::string_view was = was_llama ? "LlamaTokenizer" : source.own_class;
    const auto* const like = std::ranges::find(kLlamaLike, was, &LlamaLike::name);
    if (like != kLlamaLike.end() && chosen != like->name) {
      for (const auto& [key, token] :
           {std::pair{"bos_token", like->bos}, {"eos_token", like->eos}, {"unk_token", like->unk}}) {
        if (hasToken(model_.tokenizerJson(), token)) config.emplace(key, token);
      }
      config.emplace("padding_side", "left");
    }
    if (chosen == kPlainClass) fillPlain(config);
    copy(kTokenizer);
    put(kTokenizerConfig, config);
  }

  /// What other classes have of themselves.
  static void fillPlain(json& config) {
    config.emplace(kInputNames, kInputs);
    config.emplace("clean_up_tokenization_spaces", false);
  }

  /// A GGUF's templates beside its default one.
  void addNamedTemplates(json& config) const {
    constexpr std::string_view kPrefix = "tokenizer.chat_template.";
    json all = json::array();
    if (config.contains("chat_template")) {
      all.push_back({{"name", "default"}, {"template", config.at("chat_template")}});
    }
    for (const auto& [key, value] : model_.ggufMetadata().items()) {
      if (!key.starts_with(kPrefix) || !value.is_string()) continue;
      all.push_back({{"name", key.substr(kPrefix.size())}, {"template", value}});
    }
    if (all.size() > 1 || !config.contains("chat_template")) {
      if (!all.empty()) config["chat_template"] = std::move(all);
    }
  }

  /// Where generation ends: what the source's generation settings leave open its configuration says.
  void putGeneration(json generation) {
    if (!generation.is_object()) throw badInput(model_.path() / kGenerationConfig, {}, "is not a JSON object");
    for (const char* key : {"bos_token_id", "eos_token_id", "pad_token_id"}) {
      const json value = config_.document.value(key, json());
      if (generation.value(key, json()).is_null() && !value.is_null()) generation[key] = value;
    }
    if (!generation.empty()) put(kGenerationConfig, generation);
  }

  /// The keys that our reader does without and Python's `tokenizers` insists on.
  static void complete(json& tokenizer) {
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

  const ModelFiles& model_;
  const HfConfig& config_;
  const fs::path& folder_;
  HfTokenizerFiles& files_;
};

}  // namespace

HfTokenizerFiles writeHfTokenizer(const ModelFiles& model, const HfConfig& config, const fs::path& folder) {
  HfTokenizerFiles files;
  Writer writer(model, config, folder, files);
  if (model.format() == "gguf") {
    writer.ofGguf();
  } else {
    writer.ofFolder();
  }
  return files;
}

}  // namespace interleave
