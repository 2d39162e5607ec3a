// SPDX-License-Identifier: GPL-3.0-or-later
#include "backend/formats/model_config.h"

#include <array>
#include <cmath>
#include <nlohmann/json.hpp>

#include "backend/core/error.h"
#include "backend/formats/checked.h"
#include "backend/formats/config_fields.h"
#include "backend/formats/config_limits.h"
#include "backend/formats/hybrid_config.h"
#include "backend/formats/rope_fields.h"

namespace interleave {
namespace {

using nlohmann::json;
using Family = ModelConfig::Family;

constexpr std::string_view kSmolLm3 = "smollm3";
constexpr double kSmolLm3Theta = 2'000'000;

/// What `transformers` assumes where a config.json is silent. 0: derived from other values.
struct Defaults {
  std::string_view model_type;
  Family family;
  int kv_heads, head_dim, context;
};
constexpr std::array<Defaults, 6> kFamilies{{
    {"llama", Family::Llama, 0, 0, 2048},
    {"mistral", Family::Mistral, 8, 0, 131072},
    {"qwen2", Family::Qwen2, 32, 0, 32768},
    {"qwen3", Family::Qwen3, 32, 128, 32768},
    {"gemma3_text", Family::Gemma3, 4, 256, 131072},
    {kSmolLm3, Family::Llama, 4, 0, 32768},  // Llama whose layers may slide.
}};
constexpr int kGemmaHeads = 8, kGemmaVocabulary = 262208, kGemmaPattern = 6, kDefaultWindow = 4096;

const Defaults& defaultsOf(const ConfigFields& fields) {
  const std::string type = fields.text("model_type");
  for (const Defaults& family : kFamilies) {
    if (type == family.model_type) return family;
  }
  if (type == kHybridModelType) {
    fields.refuse("model_type",
                  "this is a hybrid that Interleave exported: open the model that it was made of, and name "
                  "this folder where a placement is asked for, as hybrid:FOLDER");
  }
  fields.refuse("model_type", inQuotes(type) +
                                  " is not supported; llama, mistral, qwen2, qwen3, gemma3, gemma3_text "
                                  "and smollm3 are");
}

/// Options that change what the model computes and that are not supported when they are set.
void refuseUnsupported(const ConfigFields& fields) {
  for (const char* key : {"quantization_config", "attn_logit_softcapping", "final_logit_softcapping"}) {
    if (fields.has(key)) fields.refuse(key, "is not supported");
  }
  if (fields.real("partial_rotary_factor", 0, 1, 1) != 1) {
    fields.refuse("partial_rotary_factor", "other than 1 is not supported");
  }
  if (fields.has("use_bidirectional_attention") && fields.flag("use_bidirectional_attention")) {
    fields.refuse("use_bidirectional_attention", "is not supported");
  }
}

ModelConfig::Activation activationOf(const ConfigFields& fields, Family family) {
  const bool gemma = family == Family::Gemma3;
  const std::string key = gemma ? "hidden_activation" : "hidden_act";
  const std::string activation = fields.text(key, gemma ? "gelu_pytorch_tanh" : "silu");
  if (activation == "silu" || activation == "swish") return ModelConfig::Activation::Silu;
  if (activation == "gelu_pytorch_tanh" || activation == "gelu_new") return ModelConfig::Activation::GeluTanh;
  fields.refuse(key, inQuotes(activation) + " is not supported; silu and gelu_pytorch_tanh are");
}

bool isSmolLm3(const ConfigFields& fields) { return fields.text("model_type") == kSmolLm3; }

/// LongRoPE whose factors are the same at every length, unscaled: a model's own factors, as an export says them.
bool readOwnFactors(const ConfigFields& rope, ModelConfig& config) {
  if (rope.text(rope.has("rope_type") ? "rope_type" : "type", "default") != "longrope") return false;
  const json* const short_factor = rope.find("short_factor");
  const json* const long_factor = rope.find("long_factor");
  if (short_factor == nullptr || long_factor == nullptr || *short_factor != *long_factor ||
      rope.real("attention_factor", 0, kMostFactor, 0) != 1) {
    rope.refuse("rope_type",
                "'longrope' is not supported, unless its factors are equal at all lengths and attention_factor is 1");
  }
  config.rope_factors = rope.factors("long_factor", config.head_dim / 2);
  return true;
}

/// One base and scaling for all layers: in `rope_scaling` (with `rope_theta` beside it) or in `rope_parameters`.
void readRope(const ConfigFields& fields, ModelConfig& config) {
  const ConfigFields older = fields.object("rope_scaling");
  const ConfigFields rope = older.empty() ? fields.object("rope_parameters") : older;
  for (const char* nested : {"full_attention", "sliding_attention"}) {
    if (rope.has(nested)) rope.refuse(nested, "is not supported in this family");
  }
  const double silent = isSmolLm3(fields) ? kSmolLm3Theta : 10000;
  const double beside = fields.real("rope_theta", kLeastTheta, kMostTheta, silent);
  config.rope_theta = rope.real("rope_theta", kLeastTheta, kMostTheta, beside);
  config.local_rope_theta = config.rope_theta;
  if (readOwnFactors(rope, config)) return;
  std::optional<double> original;
  if (fields.has("original_max_position_embeddings")) {
    original = fields.integer("original_max_position_embeddings", 1, kMostContext);
  }
  config.rope_scaling = ropeScalingIn(rope, config.context, original);
}

/// Gemma 3: one base for global layers, which may be scaled, and one for sliding ones; nested by layer type in
/// `rope_parameters`, or in `rope_theta`, `rope_scaling` and `rope_local_base_freq`. An older `rope_scaling` goes over
/// what stands nested, its own `rope_theta` included. Where `transformers` 5 loses what the file says, the file counts:
/// it takes no scaling from a `rope_scaling` that has `type` for `rope_type`, and does not see yarn's `truncate` here.
void readGemmaRope(const ConfigFields& fields, ModelConfig& config) {
  const ConfigFields nested = fields.object("rope_parameters");
  if (!nested.empty() && !nested.has("full_attention") && !nested.has("sliding_attention")) {
    fields.refuse("rope_parameters", "has neither full_attention nor sliding_attention, which this family needs");
  }
  const ConfigFields global = nested.object("full_attention"), local = nested.object("sliding_attention");
  const ConfigFields older = fields.object("rope_scaling");
  const double beside = fields.real("rope_theta", kLeastTheta, kMostTheta, 1'000'000);
  config.rope_theta =
      older.real("rope_theta", kLeastTheta, kMostTheta, global.real("rope_theta", kLeastTheta, kMostTheta, beside));
  config.local_rope_theta = local.real("rope_theta", kLeastTheta, kMostTheta,
                                       fields.real("rope_local_base_freq", kLeastTheta, kMostTheta, 10000));
  config.rope_scaling = ropeScalingIn(older.empty() ? global : older, config.context, {});
  if (ropeScalingIn(local, config.context, {}).kind != RopeScaling::Kind::None) {
    local.refuse("rope_type", "scaling of sliding layers is not supported");
  }
}

/// Explicit `layer_types`; empty when the file has none.
std::vector<bool> slidingByType(const ConfigFields& fields, int layers) {
  const json* const types = fields.find("layer_types");
  if (!types) return {};
  if (!types->is_array() || types->size() != static_cast<std::size_t>(layers)) {
    fields.refuse("layer_types", "is not a list of " + std::to_string(layers) + " entries, one a layer");
  }
  std::vector<bool> sliding;
  for (const json& type : *types) {
    if (type != "sliding_attention" && type != "full_attention") {
      fields.refuse("layer_types", "holds " + (type.is_string() ? inQuotes(type.get<std::string>()) : "a non-string") +
                                       "; full_attention and sliding_attention are supported");
    }
    sliding.push_back(type == "sliding_attention");
  }
  return sliding;
}

void refuseUnslid(const ConfigFields& fields, const std::vector<bool>& sliding, bool used) {
  for (const bool layer : sliding) {
    if (layer && !used) fields.refuse("layer_types", "holds sliding_attention, but use_sliding_window is off");
  }
}

void readWindows(const ConfigFields& fields, ModelConfig& config) {
  const auto layers = static_cast<std::size_t>(config.layers);
  // Read only where it counts: files of families without a window may hold anything, 0 for one.
  const auto windowOf = [&] {
    return fields.isNull("sliding_window") ? 0 : fields.integer("sliding_window", 1, kMostContext, kDefaultWindow);
  };
  std::vector<bool> sliding = slidingByType(fields, config.layers);
  switch (config.family) {
    case Family::Llama:
      if (!isSmolLm3(fields)) return;  // `transformers` gives the others no window, whatever the file says.
      sliding.resize(layers);
      refuseUnslid(fields, sliding, fields.flag("use_sliding_window", false) && windowOf() != 0);
      break;
    case Family::Mistral: {  // All layers or none; other mixtures need another model_type there.
      const bool used = windowOf() != 0;
      for (const bool layer : sliding) {
        if (layer != used) fields.refuse("layer_types", "disagrees with sliding_window");
      }
      sliding.assign(layers, used);
      break;
    }
    case Family::Qwen2:
    case Family::Qwen3: {
      const bool used = fields.flag("use_sliding_window", false) && windowOf() != 0;
      const int first = fields.integer("max_window_layers", 0, kMostContext, 28);
      for (int layer = 0; sliding.size() < layers; ++layer) sliding.push_back(used && layer >= first);
      refuseUnslid(fields, sliding, used);
      break;
    }
    case Family::Gemma3: {
      const int pattern = fields.integer("sliding_window_pattern", 1, kMostLayers, kGemmaPattern);
      for (int layer = 1; sliding.size() < layers; ++layer) sliding.push_back(layer % pattern != 0);
      break;
    }
  }
  for (const bool layer : sliding) {
    if (!layer) continue;
    config.window = windowOf();
    if (config.window == 0) fields.refuse("sliding_window", "is null, but layers slide");
    config.native_sliding = std::move(sliding);
    return;
  }
}

/// SmolLM3 leaves every fourth layer without a rotary embedding where the file does not say otherwise.
void refuseUnrotated(const ConfigFields& fields, int layers) {
  const json* const rotated = fields.find("no_rope_layers");
  const json all = std::vector<int>(static_cast<std::size_t>(layers), 1);
  if (rotated == nullptr || *rotated != all) {
    fields.refuse("no_rope_layers", "layers without a rotary embedding are not supported");
  }
}

void checkHeads(const ConfigFields& fields, const ModelConfig& config) {
  if (config.heads % config.kv_heads != 0) {
    fields.refuse("num_key_value_heads", std::to_string(config.kv_heads) + " does not divide the " +
                                             std::to_string(config.heads) + " attention heads");
  }
  if (config.head_dim % 2 != 0) {
    fields.refuse("head_dim", std::to_string(config.head_dim) + " is odd, which rotary embeddings cannot be");
  }
}

void readSizes(const ConfigFields& fields, const Defaults& defaults, ModelConfig& config) {
  const bool gemma = config.family == Family::Gemma3;
  const auto gemmaOnly = [gemma](int value) { return gemma ? std::optional(value) : std::nullopt; };
  config.layers = fields.integer("num_hidden_layers", 1, kMostLayers);
  config.hidden = fields.integer("hidden_size", 1, kMostWidth);
  config.intermediate = fields.integer("intermediate_size", 1, kMostWidth);
  config.heads = fields.integer("num_attention_heads", 1, kMostHeads, gemmaOnly(kGemmaHeads));
  const int kv_heads =
      fields.isNull("num_key_value_heads") || defaults.kv_heads == 0 ? config.heads : defaults.kv_heads;
  config.kv_heads = fields.integer("num_key_value_heads", 1, kMostHeads, kv_heads);
  const bool derived = !fields.has("head_dim") && defaults.head_dim == 0;
  if (derived && config.hidden % config.heads != 0) {
    fields.refuse("hidden_size", std::to_string(config.hidden) + " is no multiple of the " +
                                     std::to_string(config.heads) + " attention heads");
  }
  config.head_dim =
      fields.integer("head_dim", 1, kMostWidth, derived ? config.hidden / config.heads : defaults.head_dim);
  config.vocabulary = fields.integer("vocab_size", 1, kMostVocabulary, gemmaOnly(kGemmaVocabulary));
  config.context = fields.integer("max_position_embeddings", 1, kMostContext, defaults.context);
  config.norm_epsilon = fields.real("rms_norm_eps", 0, 1, 1e-6);
  checkHeads(fields, config);
}

ModelConfig read(const ConfigFields& fields) {
  refuseUnsupported(fields);
  const Defaults& defaults = defaultsOf(fields);
  ModelConfig config;
  config.family = defaults.family;
  config.name = fields.text("_name_or_path", "");
  readSizes(fields, defaults, config);
  config.activation = activationOf(fields, config.family);
  config.attention_scale = 1 / std::sqrt(static_cast<double>(config.head_dim));
  config.tied_head = fields.flag("tie_word_embeddings", config.family == Family::Gemma3 || isSmolLm3(fields));
  if (isSmolLm3(fields)) refuseUnrotated(fields, config.layers);
  switch (config.family) {
    case Family::Llama:
      config.attention_bias = config.output_bias = fields.flag("attention_bias", false);
      config.mlp_bias = fields.flag("mlp_bias", false);
      break;
    case Family::Mistral:
      break;
    case Family::Qwen2:
      config.attention_bias = true;
      break;
    case Family::Qwen3:
      config.attention_bias = config.output_bias = fields.flag("attention_bias", false);
      config.qk_norm = true;
      break;
    case Family::Gemma3:
      config.attention_bias = config.output_bias = fields.flag("attention_bias", false);
      config.qk_norm = config.sandwich_norms = true;
      config.attention_scale = 1 / std::sqrt(fields.real("query_pre_attn_scalar", 1e-6, 1e9, 256));
      break;
  }
  if (config.family == Family::Gemma3) {
    readGemmaRope(fields, config);
  } else {
    readRope(fields, config);
  }
  readWindows(fields, config);
  return config;
}

}  // namespace

std::string familyName(Family family) {
  const std::string_view type = kFamilies[static_cast<std::size_t>(family)].model_type;
  return std::string(type.substr(0, type.find('_')));
}

ModelConfig configFromHuggingFace(const json& config, const std::string& file) {
  if (!config.is_object()) throw badInput(file, "", "is not a JSON object");
  const ConfigFields fields(config, file);
  if (fields.text("model_type") != "gemma3") return read(fields);
  // The multimodal model: its decoder is described apart, but for what the whole says about the head.
  json text = config.value("text_config", json());
  if (!text.is_object()) fields.refuse("text_config", "is missing, or is not an object");
  text.emplace("model_type", "gemma3_text");
  if (const json* tied = fields.find("tie_word_embeddings")) text["tie_word_embeddings"] = *tied;
  if (const json* quantised = fields.find("quantization_config")) text["quantization_config"] = *quantised;
  return read(ConfigFields(text, file, "text_config."));
}

std::vector<TensorShape> expectedTensors(const ModelConfig& config) {
  const std::int64_t hidden = config.hidden, intermediate = config.intermediate;
  const std::int64_t queries = std::int64_t{config.heads} * config.head_dim;
  const std::int64_t keys = std::int64_t{config.kv_heads} * config.head_dim;
  std::vector<TensorShape> tensors;
  const auto vector = [&](const std::string& name, std::int64_t size) {
    tensors.push_back({name + ".weight", {size}});
  };
  const auto linear = [&](const std::string& name, std::int64_t out, std::int64_t in, bool bias) {
    tensors.push_back({name + ".weight", {out, in}});
    if (bias) tensors.push_back({name + ".bias", {out}});
  };
  linear("model.embed_tokens", config.vocabulary, hidden, false);
  for (int layer = 0; layer < config.layers; ++layer) {
    const std::string prefix = "model.layers." + std::to_string(layer) + ".";
    vector(prefix + "input_layernorm", hidden);
    linear(prefix + "self_attn.q_proj", queries, hidden, config.attention_bias);
    linear(prefix + "self_attn.k_proj", keys, hidden, config.attention_bias);
    linear(prefix + "self_attn.v_proj", keys, hidden, config.attention_bias);
    linear(prefix + "self_attn.o_proj", hidden, queries, config.output_bias);
    if (config.qk_norm) {
      vector(prefix + "self_attn.q_norm", config.head_dim);
      vector(prefix + "self_attn.k_norm", config.head_dim);
    }
    vector(prefix + "post_attention_layernorm", hidden);
    if (config.sandwich_norms) {
      vector(prefix + "pre_feedforward_layernorm", hidden);
      vector(prefix + "post_feedforward_layernorm", hidden);
    }
    linear(prefix + "mlp.gate_proj", intermediate, hidden, config.mlp_bias);
    linear(prefix + "mlp.up_proj", intermediate, hidden, config.mlp_bias);
    linear(prefix + "mlp.down_proj", hidden, intermediate, config.mlp_bias);
  }
  vector("model.norm", hidden);
  if (!config.tied_head) linear("lm_head", config.vocabulary, hidden, false);
  return tensors;
}

}  // namespace interleave
