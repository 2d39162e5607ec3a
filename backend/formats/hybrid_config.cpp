// SPDX-License-Identifier: GPL-3.0-or-later
#include "backend/formats/hybrid_config.h"

#include <algorithm>
#include <cmath>

#include "backend/core/error.h"
#include "backend/formats/checked.h"
#include "backend/formats/config_fields.h"
#include "backend/formats/config_limits.h"
#include "backend/formats/rope_fields.h"

namespace interleave {
namespace {

using nlohmann::json;

constexpr double kRounding = 1e-6;

/// One entry a layer, of a list that has to be there.
const json& perLayer(const ConfigFields& fields, const std::string& key, int layers) {
  const json* const list = fields.find(key);
  if (list == nullptr || !list->is_array() || list->size() != static_cast<std::size_t>(layers)) {
    fields.refuse(key, "is not a list of " + std::to_string(layers) + " entries, one a layer");
  }
  return *list;
}

ModelConfig modelIn(const ConfigFields& fields) {
  ModelConfig model;
  model.layers = fields.integer("num_hidden_layers", 1, kMostLayers);
  model.hidden = fields.integer("hidden_size", 1, kMostWidth);
  model.intermediate = fields.integer("intermediate_size", 1, kMostWidth);
  model.heads = fields.integer("num_attention_heads", 1, kMostHeads);
  model.kv_heads = fields.integer("num_key_value_heads", 1, kMostHeads);
  model.head_dim = fields.integer("head_dim", 1, kMostWidth);
  model.vocabulary = fields.integer("vocab_size", 1, kMostVocabulary);
  model.context = fields.integer("max_position_embeddings", 1, kMostContext);
  model.norm_epsilon = fields.real("rms_norm_eps", 0, 1);
  const std::string activation = fields.text("hidden_act", "silu");
  if (activation != "silu" && activation != "gelu_pytorch_tanh") {
    fields.refuse("hidden_act", inQuotes(activation) + " is not supported; silu and gelu_pytorch_tanh are");
  }
  model.activation = activation == "silu" ? ModelConfig::Activation::Silu : ModelConfig::Activation::GeluTanh;
  model.tied_head = fields.flag("tie_word_embeddings", false);
  model.attention_bias = fields.flag("attention_bias", false);
  model.output_bias = fields.flag("output_bias", false);
  model.mlp_bias = fields.flag("mlp_bias", false);
  model.qk_norm = fields.flag("qk_norm", false);
  model.sandwich_norms = fields.flag("sandwich_norms", false);
  model.attention_scale = fields.real("attention_scale", 1e-9, 1e9, 1 / std::sqrt(double{1} * model.head_dim));
  const ConfigFields rope = fields.object("rope");
  model.rope_theta = rope.real("theta", kLeastTheta, kMostTheta, 10000);
  model.local_rope_theta = rope.real("local_theta", kLeastTheta, kMostTheta, 10000);
  model.rope_scaling = ropeScalingIn(rope.object("scaling"), model.context, {});
  if (rope.has("factors")) model.rope_factors = rope.factors("factors", model.head_dim / 2);
  return model;
}

std::optional<LayerWindow> windowEntry(const json& entry, const ConfigFields& fields) {
  if (entry.is_null()) return std::nullopt;
  const auto whole = [](const json& value, int least) {
    return value.is_number_integer() && value >= least && value <= kMostContext;
  };
  if (!entry.is_array() || entry.size() != 2 || !whole(entry[0], 1) || !whole(entry[1], 0)) {
    fields.refuse("layer_windows", "holds an entry that is neither null nor a window's tokens and sinks");
  }
  return LayerWindow{entry[0].get<std::int64_t>(), entry[1].get<std::int64_t>()};
}

HybridConfig readOwn(const ConfigFields& fields) {
  HybridConfig hybrid{.model = modelIn(fields), .operators = {}, .windows = {}, .local_rope = {}};
  const int layers = hybrid.model.layers;
  const json &operators = perLayer(fields, "layer_operators", layers),
             &windows = perLayer(fields, "layer_windows", layers),
             &local = perLayer(fields, "layer_local_rope", layers);
  for (std::size_t layer = 0; layer < operators.size(); ++layer) {
    const std::string word = operators[layer].is_string() ? operators[layer].get<std::string>() : std::string();
    const auto kind = mixerKindNamed(word);
    if (!kind) {
      fields.refuse("layer_operators", "unknown operator " + inQuotes(word) + didYouMean(word, mixerKindNames()));
    }
    if (!local[layer].is_boolean()) fields.refuse("layer_local_rope", "holds an entry that is neither true nor false");
    hybrid.operators.push_back(*kind);
    hybrid.windows.push_back(windowEntry(windows[layer], fields));
    hybrid.local_rope.push_back(local[layer].get<bool>());
  }
  return hybrid;
}

HybridConfig readStock(const json& document, const std::string& file) {
  HybridConfig hybrid{.model = configFromHuggingFace(document, file), .operators = {}, .windows = {}, .local_rope = {}};
  ModelConfig& model = hybrid.model;
  for (int layer = 0; layer < model.layers; ++layer) {
    const bool slides = model.isSliding(layer);
    hybrid.operators.emplace_back();
    hybrid.windows.push_back(slides ? std::optional(LayerWindow{model.window, 0}) : std::nullopt);
    hybrid.local_rope.push_back(slides && model.family == ModelConfig::Family::Gemma3);
  }
  model.native_sliding.clear();
  return hybrid;
}

bool near(double a, double b) { return std::abs(a - b) <= kRounding * std::max(std::abs(a), std::abs(b)); }

/// The factors on the inverse frequencies where no more than factors scale them.
std::vector<double> plainFactors(const ModelConfig& model) {
  const double all = model.rope_scaling.kind == RopeScaling::Kind::Linear ? model.rope_scaling.factor : 1;
  std::vector<double> factors(static_cast<std::size_t>(model.head_dim / 2), all);
  for (std::size_t i = 0; i < model.rope_factors.size(); ++i) factors[i] *= double{model.rope_factors[i]};
  return factors;
}

bool sameRope(const ModelConfig& a, const ModelConfig& b) {
  using Kind = RopeScaling::Kind;
  const auto plain = [](const ModelConfig& model) {
    return model.rope_scaling.kind == Kind::None || model.rope_scaling.kind == Kind::Linear;
  };
  if (!near(a.rope_theta, b.rope_theta) || plain(a) != plain(b)) return false;
  if (plain(a)) return std::ranges::equal(plainFactors(a), plainFactors(b), near);
  const RopeScaling &x = a.rope_scaling, &y = b.rope_scaling;
  if (x.kind != y.kind || !near(x.factor, y.factor) || !near(x.original_context, y.original_context)) return false;
  if (!std::ranges::equal(a.rope_factors, b.rope_factors)) return false;
  if (x.kind == Kind::Llama3) {
    return near(x.low_freq_factor, y.low_freq_factor) && near(x.high_freq_factor, y.high_freq_factor);
  }
  return near(x.beta_fast, y.beta_fast) && near(x.beta_slow, y.beta_slow) && x.truncate == y.truncate &&
         near(x.attention_factor, y.attention_factor) && near(x.mscale, y.mscale) &&
         near(x.mscale_all_dim, y.mscale_all_dim);
}

}  // namespace

HybridConfig hybridFromHuggingFace(const json& document, const std::string& file) {
  if (!document.is_object()) throw badInput(file, "", "is not a JSON object");
  const ConfigFields fields(document, file);
  return fields.text("model_type") == kHybridModelType ? readOwn(fields) : readStock(document, file);
}

void checkHybridOf(const HybridConfig& hybrid, const ModelConfig& source, const std::string& file) {
  const ModelConfig& model = hybrid.model;
  const auto differs = [&](const std::string& what, const std::string& here, const std::string& there) {
    return badInput(file, what, "is " + here + " here and " + there + " in the model, which it is no hybrid of");
  };
  const auto same = [&](const char* what, auto here, auto there) {
    if (here != there) throw differs(what, std::to_string(here), std::to_string(there));
  };
  same("num_hidden_layers", model.layers, source.layers);
  same("hidden_size", model.hidden, source.hidden);
  same("intermediate_size", model.intermediate, source.intermediate);
  same("num_attention_heads", model.heads, source.heads);
  same("num_key_value_heads", model.kv_heads, source.kv_heads);
  same("head_dim", model.head_dim, source.head_dim);
  same("vocab_size", model.vocabulary, source.vocabulary);
  same("norms of q and k", model.qk_norm, source.qk_norm);
  same("norms after attention and MLP", model.sandwich_norms, source.sandwich_norms);
  same("tie_word_embeddings", model.tied_head, source.tied_head);
  same("the activation", static_cast<int>(model.activation), static_cast<int>(source.activation));
  const auto alike = [&](const char* what, double here, double there) {
    if (!near(here, there)) throw differs(what, json(here).dump(), json(there).dump());
  };
  alike("rms_norm_eps", model.norm_epsilon, source.norm_epsilon);
  alike("the scale of attention", model.attention_scale, source.attention_scale);
  if (!sameRope(model, source)) throw badInput(file, "rope", "is another rotary embedding than the model's");
  const bool gemma = source.family == ModelConfig::Family::Gemma3;
  if (gemma) alike("the rotary base of sliding layers", model.local_rope_theta, source.local_rope_theta);
  for (int layer = 0; layer < source.layers; ++layer) {
    if (hybrid.local_rope[static_cast<std::size_t>(layer)] == (gemma && source.isSliding(layer))) continue;
    throw badInput(file, "layer " + std::to_string(layer), "has another rotary base than the model's layer");
  }
}

}  // namespace interleave
