// SPDX-License-Identifier: GPL-3.0-or-later
#include "backend/formats/gguf_model.h"

#include <array>
#include <cmath>
#include <set>
#include <utility>

#include "backend/core/error.h"
#include "backend/formats/checked.h"
#include "backend/formats/config_fields.h"
#include "backend/formats/config_limits.h"

namespace interleave {
namespace {

using nlohmann::json;
using Family = ModelConfig::Family;

constexpr const char* kRopeFactors = "rope_freqs.weight";
constexpr int kGemmaPattern = 6;
constexpr int kGemma27Layers = 62;  // Told by its depth, as llama.cpp does: the file does not say the scale.

constexpr std::array<std::pair<std::string_view, Family>, 4> kArchitectures{
    {{"llama", Family::Llama}, {"qwen2", Family::Qwen2}, {"qwen3", Family::Qwen3}, {"gemma3", Family::Gemma3}}};

Family familyOf(const ConfigFields& fields) {
  const std::string architecture = fields.text("general.architecture");
  for (const auto& [known, family] : kArchitectures) {
    if (architecture == known) return family;
  }
  fields.refuse("general.architecture",
                inQuotes(architecture) + " is not supported; llama, qwen2, qwen3 and gemma3 are");
}

void refuseUnsupported(const ConfigFields& fields, const std::string& arch) {
  constexpr std::array kMustBeZero{"expert_count",
                                   "attn_logit_softcapping",
                                   "final_logit_softcapping",
                                   "attention.clamp_kqv",
                                   "attention.max_alibi_bias",
                                   "attention.temperature_scale",
                                   "attention.shared_kv_layers",
                                   "embedding_length_per_layer_input",
                                   "nextn_predict_layers"};
  for (const char* key : kMustBeZero) {
    if (fields.real(arch + key, -1e30, 1e30, 0) != 0) fields.refuse(arch + key, "is not supported");
  }
  for (const char* key : {"logit_scale", "residual_scale", "embedding_scale", "attention.output_scale"}) {
    const double scale = fields.real(arch + key, -1e30, 1e30, 0);
    if (scale != 0 && scale != 1) fields.refuse(arch + key, "other than 1 is not supported");
  }
  if (!fields.flag(arch + "attention.causal", true)) fields.refuse(arch + "attention.causal", "off is not supported");
  if (fields.flag(arch + "use_parallel_residual", false)) {
    fields.refuse(arch + "use_parallel_residual", "is not supported");
  }
  if (fields.integer("split.count", 0, 65535, 0) > 1) {
    fields.refuse("split.count", "the file is one of several parts; join them first");
  }
}

RopeScaling scalingOf(const ConfigFields& fields, const std::string& arch, int context) {
  const std::string key = arch + "rope.scaling.";
  const double older = fields.real(arch + "rope.scale_linear", 0, kMostFactor, 0);
  const double stated = fields.real(key + "factor", 0, kMostFactor, older);
  const double factor = stated == 0 ? 1 : stated;
  const std::string type = fields.text(key + "type", "linear");
  RopeScaling scaling;
  if (type == "none" || (type == "linear" && factor == 1)) return scaling;
  if (type != "linear" && type != "yarn") {
    fields.refuse(key + "type", inQuotes(type) + " is not supported; none, linear and yarn are");
  }
  if (factor < kLeastFactor) fields.refuse(key + "factor", "is too small");
  scaling.factor = factor;
  scaling.kind = type == "linear" ? RopeScaling::Kind::Linear : RopeScaling::Kind::Yarn;
  const double attention = fields.real(key + "attn_factor", kLeastFactor, kMostFactor, 1) *
                           fields.real(key + "yarn_attn_factor", kLeastFactor, kMostFactor, 1);
  if (scaling.kind == RopeScaling::Kind::Linear) {
    if (attention != 1) fields.refuse(key + "attn_factor", "other than 1 is not supported with linear scaling");
    return scaling;
  }
  scaling.original_context = fields.integer(key + "original_context_length", 1, kMostContext, context);
  scaling.beta_fast = fields.real(key + "yarn_beta_fast", 1e-3, 1e6, 32);
  scaling.beta_slow = fields.real(key + "yarn_beta_slow", 1e-3, 1e6, 1);
  if (fields.real(key + "yarn_ext_factor", -1e6, 1e6, 1) != 1) {
    fields.refuse(key + "yarn_ext_factor", "other than 1 is not supported");
  }
  if (const double multiplier = fields.real(key + "yarn_log_multiplier", 0, kMostFactor, 0); multiplier != 0) {
    scaling.mscale = 1;
    scaling.mscale_all_dim = multiplier;
  }
  if (attention != 1) {
    if (scaling.mscale != 0) fields.refuse(key + "attn_factor", "beside yarn_log_multiplier is not supported");
    scaling.attention_factor = attention * (factor <= 1 ? 1 : 0.1 * std::log(factor) + 1);
  }
  return scaling;
}

void readWindows(const ConfigFields& fields, const std::string& arch, ModelConfig& config) {
  const std::string key = arch + "attention.sliding_window";
  config.window = fields.integer(key, 0, kMostContext, 0);
  if (config.window == 0) return;
  const auto layers = static_cast<std::size_t>(config.layers);
  if (const json* const list = fields.find(key + "_pattern"); list && list->is_array()) {
    if (list->size() != layers) fields.refuse(key + "_pattern", "has not one entry a layer");
    for (const json& entry : *list) {
      if (!entry.is_boolean() && !entry.is_number_integer()) fields.refuse(key + "_pattern", "holds no truth values");
      config.native_sliding.push_back(entry != false && entry != 0);
    }
    return;
  }
  // Every pattern-th layer is global; 0: none is.
  const int pattern =
      fields.integer(key + "_pattern", 0, kMostLayers, config.family == Family::Gemma3 ? kGemmaPattern : 0);
  for (int layer = 1; layer <= config.layers; ++layer) {
    config.native_sliding.push_back(pattern == 0 || layer % pattern != 0);
  }
}

void readSizes(const GgufFile& file, const ConfigFields& fields, const std::string& arch, ModelConfig& config) {
  config.layers = fields.integer(arch + "block_count", 1, kMostLayers);
  config.hidden = fields.integer(arch + "embedding_length", 1, kMostWidth);
  config.intermediate = fields.uniformInteger(arch + "feed_forward_length", config.layers, 1, kMostWidth);
  config.heads = fields.uniformInteger(arch + "attention.head_count", config.layers, 1, kMostHeads);
  config.kv_heads = fields.uniformInteger(arch + "attention.head_count_kv", config.layers, 1, kMostHeads, config.heads);
  config.context = fields.integer(arch + "context_length", 1, kMostContext);
  config.norm_epsilon = fields.real(arch + "attention.layer_norm_rms_epsilon", 0, 1);
  config.head_dim = fields.integer(arch + "attention.key_length", 1, kMostWidth, config.hidden / config.heads);
  if (!fields.has(arch + "attention.key_length") && config.hidden % config.heads != 0) {
    fields.refuse(arch + "embedding_length", "is no multiple of the " + std::to_string(config.heads) + " heads");
  }
  for (const char* key : {"attention.value_length", "rope.dimension_count"}) {
    const int size = fields.integer(arch + key, 0, kMostWidth, config.head_dim);
    if (size != config.head_dim) {
      fields.refuse(arch + key, "is " + std::to_string(size) + " where heads have " + std::to_string(config.head_dim) +
                                    " dimensions, which is not supported");
    }
  }
  if (config.heads % config.kv_heads != 0) {
    fields.refuse(arch + "attention.head_count_kv", std::to_string(config.kv_heads) + " does not divide the " +
                                                        std::to_string(config.heads) + " attention heads");
  }
  if (config.head_dim % 2 != 0) {
    fields.refuse(arch + "attention.key_length", "is odd, which rotary embeddings cannot be");
  }
  const json* const tokens = fields.find("tokenizer.ggml.tokens");
  if (tokens && tokens->is_array()) {
    config.vocabulary = static_cast<int>(tokens->size());
  } else {
    const std::int64_t rows = file.view("token_embd.weight").shape.front();
    const int fallback = rows > kMostVocabulary ? kMostVocabulary : static_cast<int>(rows);
    config.vocabulary = fields.integer(arch + "vocab_size", 1, kMostVocabulary, fallback);
  }
}

std::vector<float> ropeFactors(const GgufFile& file, const ModelConfig& config) {
  if (!file.has(kRopeFactors)) return {};
  const TensorView& view = file.view(kRopeFactors);
  const std::string place = "tensor " + inQuotes(kRopeFactors);
  if (view.shape != std::vector<std::int64_t>{config.head_dim / 2}) {
    throw badInput(file.path(), place,
                   "has shape " + shapeText(view.shape) + ", where the configuration asks for [" +
                       std::to_string(config.head_dim / 2) + "]");
  }
  std::vector<float> factors(static_cast<std::size_t>(config.head_dim / 2));
  dequantise(view.dtype, view.bytes, factors);
  for (const float factor : factors) {
    if (!(factor >= kLeastFactor && factor <= kMostFactor)) {
      throw badInput(file.path(), place, "holds " + std::to_string(factor) + ", which is no rotary factor");
    }
  }
  return factors;
}

void refuseUnknownTensors(const GgufFile& file, const ModelConfig& config) {
  std::set<std::string> known{kRopeFactors};
  for (const TensorShape& tensor : expectedTensors(config)) known.insert(ggufName(tensor.name, config));
  for (const std::string& name : file.names()) {
    if (!known.contains(name)) {
      throw badInput(
          file.path(), "tensor " + inQuotes(name),
          "has no place in a " + familyName(config.family) + " model of " + std::to_string(config.layers) + " layers");
    }
  }
}

}  // namespace

ModelConfig configFromGguf(const GgufFile& file) {
  const ConfigFields fields(file.metadata(), file.path());
  ModelConfig config;
  config.family = familyOf(fields);
  const std::string arch = familyName(config.family) + ".";
  refuseUnsupported(fields, arch);
  config.name = fields.text("general.name", "");
  readSizes(file, fields, arch, config);

  const bool gemma = config.family == Family::Gemma3;
  config.activation = gemma ? ModelConfig::Activation::GeluTanh : ModelConfig::Activation::Silu;
  config.qk_norm = gemma || config.family == Family::Qwen3;
  config.sandwich_norms = gemma;
  config.tied_head = !file.has("output.weight");
  config.attention_bias = file.has("blk.0.attn_q.bias");
  config.output_bias = file.has("blk.0.attn_output.bias");
  config.mlp_bias = file.has("blk.0.ffn_gate.bias");
  const double width = gemma && config.layers == kGemma27Layers ? config.hidden / config.heads : config.head_dim;
  const double scale = fields.real(arch + "attention.scale", 0, 1e6, 0);
  config.attention_scale = scale != 0 ? scale : 1 / std::sqrt(width);
  config.rope_theta = fields.real(arch + "rope.freq_base", kLeastTheta, kMostTheta, 10000);
  config.local_rope_theta =
      fields.real(arch + "rope.freq_base_swa", kLeastTheta, kMostTheta, gemma ? 10000 : config.rope_theta);
  config.rope_scaling = scalingOf(fields, arch, config.context);
  readWindows(fields, arch, config);
  config.rope_factors = ropeFactors(file, config);
  refuseUnknownTensors(file, config);
  return config;
}

std::string ggufName(const std::string& name, const ModelConfig& config) {
  using Pair = std::pair<std::string_view, std::string_view>;
  constexpr std::array<Pair, 14> kNames{{{"model.embed_tokens", "token_embd"},
                                         {"model.norm", "output_norm"},
                                         {"lm_head", "output"},
                                         {"input_layernorm", "attn_norm"},
                                         {"self_attn.q_proj", "attn_q"},
                                         {"self_attn.k_proj", "attn_k"},
                                         {"self_attn.v_proj", "attn_v"},
                                         {"self_attn.o_proj", "attn_output"},
                                         {"self_attn.q_norm", "attn_q_norm"},
                                         {"self_attn.k_norm", "attn_k_norm"},
                                         {"mlp.gate_proj", "ffn_gate"},
                                         {"mlp.up_proj", "ffn_up"},
                                         {"mlp.down_proj", "ffn_down"},
                                         {"post_feedforward_layernorm", "post_ffw_norm"}}};
  constexpr std::string_view kLayers = "model.layers.";
  std::string_view rest = name;
  std::string prefix;
  if (rest.starts_with(kLayers)) {
    rest.remove_prefix(kLayers.size());
    const std::size_t dot = rest.find('.');
    prefix = "blk." + std::string(rest.substr(0, dot + 1));
    rest.remove_prefix(dot + 1);
  }
  const std::size_t suffix = rest.rfind('.');
  const std::string_view module = rest.substr(0, suffix);
  std::string_view renamed = module;
  for (const auto& [theirs, ours] : kNames) {
    if (module == theirs) renamed = ours;
  }
  if (module == "post_attention_layernorm") renamed = config.sandwich_norms ? "post_attention_norm" : "ffn_norm";
  if (module == "pre_feedforward_layernorm") renamed = "ffn_norm";
  return prefix + std::string(renamed) + std::string(rest.substr(suffix));
}

bool hasPairedRows(const std::string& name, const ModelConfig& config) {
  return config.family == Family::Llama &&
         (name.find(".q_proj.") != std::string::npos || name.find(".k_proj.") != std::string::npos);
}

bool hasShiftedNorm(const std::string& name, const ModelConfig& config) {
  return config.family == Family::Gemma3 && name.ends_with("norm.weight");
}

}  // namespace interleave
