// SPDX-License-Identifier: GPL-3.0-or-later
#include "backend/engine/torch/hf_config.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <vector>

#include "backend/formats/bounded_json.h"
#include "backend/formats/placement_io.h"
#include "resources/resources.h"

namespace interleave {
namespace {

using nlohmann::json;
using Family = ModelConfig::Family;

constexpr double kRounding = 1e-6;
constexpr const char* kTransformersVersion = kTriedVersions[1];  ///< In whose manner the configuration is written.
constexpr const char* kLeastOfOurCode = "4.51";
constexpr const char* kLeastOfStock = "4.53";  ///< From it on classes let layers slide by `layer_types`.

json ropeScaling(const RopeScaling& scaling) {
  switch (scaling.kind) {
    case RopeScaling::Kind::None:
      break;
    case RopeScaling::Kind::Linear:
      return {{"rope_type", "linear"}, {"factor", scaling.factor}};
    case RopeScaling::Kind::Llama3:
      return {{"rope_type", "llama3"},
              {"factor", scaling.factor},
              {"low_freq_factor", scaling.low_freq_factor},
              {"high_freq_factor", scaling.high_freq_factor},
              {"original_max_position_embeddings", static_cast<std::int64_t>(scaling.original_context)}};
    case RopeScaling::Kind::Yarn: {
      json yarn{{"rope_type", "yarn"},
                {"factor", scaling.factor},
                {"original_max_position_embeddings", static_cast<std::int64_t>(scaling.original_context)},
                {"beta_fast", scaling.beta_fast},
                {"beta_slow", scaling.beta_slow},
                {"truncate", scaling.truncate}};
      if (scaling.attention_factor != 0) yarn["attention_factor"] = scaling.attention_factor;
      if (scaling.mscale != 0) yarn["mscale"] = scaling.mscale;
      if (scaling.mscale_all_dim != 0) yarn["mscale_all_dim"] = scaling.mscale_all_dim;
      return yarn;
    }
  }
  return nullptr;
}

/// The same for a stock class, in which a file's own factors can be said as LongRoPE's.
json stockRopeScaling(const ModelConfig& config) {
  if (config.rope_factors.empty()) return ropeScaling(config.rope_scaling);
  std::vector<double> factors;
  for (const float factor : config.rope_factors) factors.push_back(config.rope_scaling.factor * double{factor});
  return {{"rope_type", "longrope"}, {"factor", 1.0},
          {"attention_factor", 1.0}, {"original_max_position_embeddings", config.context},
          {"short_factor", factors}, {"long_factor", factors}};
}

/// BOS, EOS and padding, from config.json or from what the tokenizer's metadata says.
json specialTokens(const ModelFiles& model) {
  json tokens{{"bos_token_id", nullptr}, {"eos_token_id", nullptr}, {"pad_token_id", nullptr}};
  if (model.format() == "gguf") {
    const json& metadata = model.ggufMetadata();
    for (const auto& [key, word] :
         {std::pair{"bos_token_id", "bos"}, {"eos_token_id", "eos"}, {"pad_token_id", "padding"}}) {
      const auto found = metadata.find(std::string("tokenizer.ggml.") + word + "_token_id");
      if (found != metadata.end() && found->is_number_integer()) tokens[key] = *found;
    }
    return tokens;
  }
  const json source = readJson(model.path() / "config.json");
  for (auto& [key, value] : tokens.items()) {
    for (const json* object : {&source, source.contains("text_config") ? &source.at("text_config") : nullptr}) {
      if (value.is_null() && object != nullptr && object->is_object()) value = object->value(key, json());
    }
  }
  return tokens;
}

bool hasLocalRope(const ModelConfig& config, int layer) {
  return config.family == Family::Gemma3 && config.isSliding(layer);
}

/// Why the model alone, whatever its windows, fits none of the stock classes that can slide layer by layer.
std::string oddModel(const ModelConfig& config) {
  const bool gemma = config.sandwich_norms;
  const double inverse_square = 1 / (config.attention_scale * config.attention_scale);
  if (gemma && !config.qk_norm) return "its norms are Gemma's, but q and k have none";
  if ((gemma || config.qk_norm) && config.mlp_bias) return "its MLP has biases beside norms of q and k";
  if (gemma && std::abs(inverse_square - std::round(inverse_square)) > kRounding * inverse_square) {
    return "query_pre_attn_scalar is not whole";
  }
  if (gemma && config.hidden % config.heads != 0) return "its width is no multiple of its heads";
  if (!gemma && std::abs(inverse_square - config.head_dim) > kRounding * inverse_square) {
    return "its attention is not scaled by 1/√head_dim";
  }
  const bool scaled =
      config.rope_scaling.kind == RopeScaling::Kind::Llama3 || config.rope_scaling.kind == RopeScaling::Kind::Yarn;
  if (!config.rope_factors.empty() && (gemma || scaled)) return "its rotary embedding has factors of its own";
  return {};
}

std::string whyNotStock(const Hybrid& hybrid) {
  const ModelConfig& config = hybrid.model.config();
  std::optional<std::int64_t> width;
  for (int layer = 0; layer < config.layers; ++layer) {
    const std::string which = "layer " + std::to_string(layer);
    const MixerKind kind = hybrid.placement[layer];
    if (kind == MixerKind::Gdn || kind == MixerKind::GdnWindow) return which + " holds Gated DeltaNet";
    const std::optional<Window> window = windowOfLayer(hybrid, layer);
    if (window && window->sinks > 0) {
      return "the sliding window of " + which + " keeps the first " + std::to_string(window->sinks) + " tokens (sinks)";
    }
    if (window && width.value_or(window->tokens) != window->tokens) {
      return "windows of " + std::to_string(*width) + " and " + std::to_string(window->tokens) +
             " tokens stand together";
    }
    if (window) width = window->tokens;
    if (config.family == Family::Gemma3 && window.has_value() != hasLocalRope(config, layer)) {
      return "Gemma ties a rotary base of its own to sliding layers, and " + which + " was none";
    }
  }
  return oddModel(config);
}

json sharedFields(const Hybrid& hybrid) {
  const ModelConfig& config = hybrid.model.config();
  json document = specialTokens(hybrid.model);
  document.update({{"transformers_version", kTransformersVersion},
                   {"vocab_size", config.vocabulary},
                   {"hidden_size", config.hidden},
                   {"intermediate_size", config.intermediate},
                   {"num_hidden_layers", config.layers},
                   {"num_attention_heads", config.heads},
                   {"num_key_value_heads", config.kv_heads},
                   {"head_dim", config.head_dim},
                   {"max_position_embeddings", config.context},
                   {"rms_norm_eps", config.norm_epsilon},
                   {"tie_word_embeddings", config.tied_head},
                   {"provenance", provenanceWith(hybrid.provenance, hybrid.placement, &config)}});
  return document;
}

std::string activation(const ModelConfig& config) {
  return config.activation == ModelConfig::Activation::Silu ? "silu" : "gelu_pytorch_tanh";
}

HfConfig customConfig(const Hybrid& hybrid) {
  const ModelConfig& config = hybrid.model.config();
  json operators = json::array(), windows = json::array(), local = json::array();
  for (int layer = 0; layer < config.layers; ++layer) {
    const std::optional<Window> window = windowOfLayer(hybrid, layer);
    operators.push_back(name(hybrid.placement[layer]));
    windows.push_back(window ? json::array({window->tokens, window->sinks}) : json());
    local.push_back(hasLocalRope(config, layer));
  }
  HfConfig result{.document = sharedFields(hybrid),
                  .needs_code = {},
                  .least_version = kLeastOfOurCode,
                  .qkv_bias = config.attention_bias,
                  .output_bias = config.output_bias};
  result.document.update(
      {{"model_type", "interleave_hybrid"},
       {"architectures", {"InterleaveForCausalLM"}},
       {"auto_map",
        {{"AutoConfig", "configuration_interleave.InterleaveConfig"},
         {"AutoModel", "modeling_interleave.InterleaveModel"},
         {"AutoModelForCausalLM", "modeling_interleave.InterleaveForCausalLM"},
         {"AutoModelForSequenceClassification", "modeling_interleave.InterleaveForSequenceClassification"}}},
       {"hidden_act", activation(config)},
       {"attention_scale", config.attention_scale},
       {"attention_bias", config.attention_bias},
       {"output_bias", config.output_bias},
       {"mlp_bias", config.mlp_bias},
       {"qk_norm", config.qk_norm},
       {"sandwich_norms", config.sandwich_norms},
       {"rope",
        {{"theta", config.rope_theta},
         {"local_theta", config.local_rope_theta},
         {"scaling", ropeScaling(config.rope_scaling)},
         {"factors", config.rope_factors.empty() ? json() : json(config.rope_factors)}}},
       {"layer_operators", std::move(operators)},
       {"layer_windows", std::move(windows)},
       {"layer_local_rope", std::move(local)}});
  return result;
}

/// The stock class with the model's parts: Gemma 3 and Qwen 3 as they are; Qwen2 has biases on q, k and v alone;
/// SmolLM3 is Llama whose layers may slide, and has biases on all four projections or on none. A Qwen2 out of a GGUF is
/// a SmolLM3 as well: for folders of type qwen2 `transformers` 5 builds a tokenizer of its own, which is not the
/// file's.
HfConfig stockConfig(const Hybrid& hybrid) {
  const ModelConfig& config = hybrid.model.config();
  HfConfig result{.document = sharedFields(hybrid),
                  .needs_code = {},
                  .least_version = kLeastOfStock,
                  .qkv_bias = config.attention_bias || config.output_bias};
  result.output_bias = result.qkv_bias;
  json types = json::array(), window;
  int first_sliding = config.layers;
  for (int layer = 0; layer < config.layers; ++layer) {
    const std::optional<Window> here = windowOfLayer(hybrid, layer);
    types.push_back(here ? "sliding_attention" : "full_attention");
    if (!here) continue;
    window = here->tokens;
    first_sliding = std::min(first_sliding, layer);
  }
  const bool slides = !window.is_null();
  json& document = result.document;
  document.update({{"layer_types", std::move(types)},
                   {"sliding_window", std::move(window)},
                   {"attention_bias", result.qkv_bias},
                   {"rope_theta", config.rope_theta},
                   {"rope_scaling", stockRopeScaling(config)}});
  const auto be = [&](const std::string& model_type, const std::string& architecture) {
    document["model_type"] = model_type;
    document["architectures"] = {architecture};
  };
  if (config.sandwich_norms) {
    be("gemma3_text", "Gemma3ForCausalLM");
    document["rope_local_base_freq"] = config.local_rope_theta;
    document["query_pre_attn_scalar"] = std::llround(1 / (config.attention_scale * config.attention_scale));
    document["hidden_activation"] = activation(config);
    return result;
  }
  document["hidden_act"] = activation(config);
  document["use_sliding_window"] = slides;
  const bool qwen2 = config.attention_bias && !config.output_bias && !config.mlp_bias;
  if (config.qk_norm || (qwen2 && hybrid.model.format() != "gguf")) {
    document["max_window_layers"] = first_sliding;
    if (!slides) result.least_version = kLeastOfOurCode;  // none is wrong there
  }
  if (config.qk_norm) {
    be("qwen3", "Qwen3ForCausalLM");
  } else if (qwen2 && hybrid.model.format() != "gguf") {
    be("qwen2", "Qwen2ForCausalLM");
    result.output_bias = false;
  } else {
    be("smollm3", "SmolLM3ForCausalLM");
    document["mlp_bias"] = config.mlp_bias;
    document["no_rope_layers"] = std::vector<int>(static_cast<std::size_t>(config.layers), 1);
  }
  return result;
}

}  // namespace

std::optional<Window> windowOfLayer(const Hybrid& hybrid, int layer) {
  const ModelConfig& config = hybrid.model.config();
  switch (hybrid.placement[layer]) {
    case MixerKind::Full:
      if (config.isSliding(layer)) return Window{config.window, 0};
      break;
    case MixerKind::SlidingWindow:
      return windowIn(config, layer, hybrid.windows.sliding);
    case MixerKind::GdnWindow:
      return windowIn(config, layer, hybrid.windows.gdn);
    case MixerKind::Gdn:
      break;
  }
  return std::nullopt;
}

std::vector<ConfigFile> configFiles(const HfConfig& config) {
  const std::string least = config.least_version + ".0", full = "config." + least + ".json";
  if (!config.needs_code.empty() || config.least_version == kLeastOfOurCode) return {{"config.json", config.document}};
  const std::string older = "config.4.0.0.json";
  json document = config.document;
  document["configuration_files"] = {older, full};
  const std::string type = config.document.at("model_type").get<std::string>();
  return {{"config.json", std::move(document)},
          {full, config.document},
          {older, {{"model_type", type + ", which needs transformers " + config.least_version + " or newer"}}}};
}

HfConfig hfConfig(const Hybrid& hybrid) {
  std::string reason = whyNotStock(hybrid);
  if (reason.empty()) return stockConfig(hybrid);
  HfConfig result = customConfig(hybrid);
  result.needs_code = std::move(reason);
  return result;
}

}  // namespace interleave
