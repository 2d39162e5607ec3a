// SPDX-License-Identifier: GPL-3.0-or-later
#include "backend/formats/placement_io.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <optional>
#include <string_view>
#include <utility>

#include "backend/core/error.h"
#include "backend/formats/bounded_json.h"
#include "backend/formats/checked.h"
#include "backend/formats/config_limits.h"
#include "backend/formats/window.h"

namespace interleave {
namespace {

using nlohmann::json;

constexpr int kVersion = 1;
constexpr std::string_view kOurs = "interleave-placement";
constexpr int kKimiConvolution = 4;  ///< Kimi-Linear's own; its code does not load without the key.

// ---------------------------------------------------------------------------------------------------- writing

std::vector<int> layersOf(const Placement& placement, MixerKind kind, int base = 0) {
  std::vector<int> layers;
  for (int layer = 0; layer < placement.layers(); ++layer) {
    if (placement[layer] == kind) layers.push_back(layer + base);
  }
  return layers;
}

/// Refuses a placement with an operator outside `allowed`.
void allowOnly(const Placement& placement, std::initializer_list<MixerKind> allowed, const std::string& format) {
  for (int layer = 0; layer < placement.layers(); ++layer) {
    const MixerKind kind = placement[layer];
    if (std::ranges::find(allowed, kind) != allowed.end()) continue;
    throw usageError(format, "cannot say that layer " + std::to_string(layer) + " holds \"" + std::string(name(kind)) +
                                 "\" (" + std::string(title(kind)) + ")");
  }
}

const ModelConfig& modelOf(const PlacementFacts& facts, const std::string& format) {
  if (facts.model == nullptr) throw usageError(format, "names the model's heads: the model is needed (--model)");
  return *facts.model;
}

json writeOurs(const Placement& placement, const PlacementFacts&) {
  json operators = json::array();
  for (const MixerKind kind : placement.kinds()) operators.push_back(name(kind));
  return {{"format", kOurs},
          {"version", kVersion},
          {"layers", placement.layers()},
          {"kept_layers", placement.kept()},
          {"operators", std::move(operators)}};
}

std::string layerText(int layer) { return "layer " + std::to_string(layer); }

bool slidesNatively(const PlacementFacts& facts, int layer) {
  return facts.model != nullptr && facts.model->isSliding(layer);
}

/// The window that a layer of full or sliding attention has; none: it sees all, or holds neither.
std::optional<LayerWindow> windowOf(const Placement& placement, const PlacementFacts& facts, int layer) {
  const LayerWindow own{facts.window, facts.sinks};
  switch (placement[layer]) {
    case MixerKind::Full:
      if (slidesNatively(facts, layer)) return LayerWindow{facts.model->window, 0};
      return std::nullopt;
    case MixerKind::SlidingWindow:
      return facts.model != nullptr ? narrowest(*facts.model, layer, own) : own;
    case MixerKind::Gdn:
    case MixerKind::GdnWindow:
      break;
  }
  return std::nullopt;
}

/// The window that all layers with one share; none: no layer has one. Usage error where a format with one number for it
/// would have to say two, or one that is not known. `sinks_differ`: whether the first tokens make a difference there.
std::optional<LayerWindow> sharedWindow(const Placement& placement, const PlacementFacts& facts,
                                        const std::string& format, bool sinks_differ) {
  std::optional<LayerWindow> shared;
  for (int layer = 0; layer < placement.layers(); ++layer) {
    const std::optional<LayerWindow> window = windowOf(placement, facts, layer);
    if (!window) continue;
    if (window->tokens <= 0) throw usageError(format, "names the window's length: the bank is needed (--bank)");
    if (shared && (shared->tokens != window->tokens || (sinks_differ && shared->sinks != window->sinks))) {
      throw usageError(format, "has one window for all layers: " + std::to_string(shared->tokens) + " tokens and " +
                                   std::to_string(shared->sinks) + " sinks, but " + layerText(layer) + " has " +
                                   std::to_string(window->tokens) + " and " + std::to_string(window->sinks) +
                                   (placement[layer] == MixerKind::Full ? ", natively" : ""));
    }
    if (!shared) shared = window;
  }
  return shared;
}

/// Usage error where a layer that keeps the model's attention slides natively, and the format would make it full.
void refuseNativeWindows(const Placement& placement, const PlacementFacts& facts, const std::string& format) {
  for (const int layer : placement.kept()) {
    if (!slidesNatively(facts, layer)) continue;
    throw usageError(format, "cannot say that " + layerText(layer) + " slides natively, over " +
                                 std::to_string(facts.model->window) + " tokens");
  }
}

json writeLayerTypes(const Placement& placement, const PlacementFacts& facts) {
  using enum MixerKind;
  using Family = ModelConfig::Family;
  constexpr const char* kFormat = "hf-layer-types";
  allowOnly(placement, {Full, SlidingWindow, Gdn}, kFormat);
  const std::optional<LayerWindow> shared = sharedWindow(placement, facts, kFormat, false);
  json types = json::array();
  int first_sliding = placement.layers();
  for (int layer = 0; layer < placement.layers(); ++layer) {
    const bool slides = windowOf(placement, facts, layer).has_value();
    if (slides && facts.model != nullptr && facts.model->family == Family::Gemma3 && !slidesNatively(facts, layer)) {
      throw usageError(kFormat, "cannot say that " + layerText(layer) +
                                    " slides and keeps its rotary base: Gemma ties another one to sliding layers");
    }
    if (slides) first_sliding = std::min(first_sliding, layer);
    types.push_back(slides ? "sliding_attention" : placement[layer] == Gdn ? "linear_attention" : "full_attention");
  }
  json document{{"num_hidden_layers", placement.layers()}, {"layer_types", std::move(types)}};
  if (shared) document["sliding_window"] = shared->tokens;
  // Qwen's configuration has no window where these do not say so, whatever `layer_types` says.
  const bool qwen =
      facts.model == nullptr || facts.model->family == Family::Qwen2 || facts.model->family == Family::Qwen3;
  if (qwen) {
    document["use_sliding_window"] = shared.has_value();
    document["max_window_layers"] = first_sliding;
  }
  return document;
}

/// Why flash-linear-attention's own attention layer is not the model's; empty: it is.
std::string whyNotFla(const ModelConfig& model) {
  constexpr double kRounding = 1e-6;
  if (model.heads * model.head_dim != model.hidden) {
    return "heads of " + std::to_string(model.head_dim) + " (it divides the width by the heads)";
  }
  if (model.rope_scaling.kind != RopeScaling::Kind::None || !model.rope_factors.empty()) return "RoPE scaling";
  if (model.qk_norm) return "norms of q and k";
  if (model.sandwich_norms) return "norms after attention and MLP";
  if (model.output_bias) return "a bias of the output projection";
  if (model.mlp_bias) return "biases of the MLP";
  const double scale = model.attention_scale * model.attention_scale * model.head_dim;
  if (model.attention_scale != 0 && std::abs(scale - 1) > kRounding) return "scores that are not scaled by 1/√head_dim";
  return {};
}

json writeFla(const Placement& placement, const PlacementFacts& facts) {
  using enum MixerKind;
  allowOnly(placement, {Full, SlidingWindow, Gdn}, "fla");
  const ModelConfig& model = modelOf(facts, "fla");
  if (const std::string reason = whyNotFla(model); !reason.empty()) throw usageError("fla", "cannot say " + reason);
  const std::optional<LayerWindow> shared = sharedWindow(placement, facts, "fla", false);
  std::vector<int> layers;
  for (int layer = 0; layer < placement.layers(); ++layer) {
    if (placement[layer] == Gdn) continue;
    if (windowOf(placement, facts, layer).has_value() != shared.has_value()) {
      throw usageError("fla", "has one window for all its attention layers, or none; " + layerText(layer) +
                                  " sees all tokens, others do not");
    }
    layers.push_back(layer);
  }
  return {{"model_type", "gated_deltanet"},
          {"num_hidden_layers", placement.layers()},
          {"attn",
           {{"layers", std::move(layers)},
            {"num_heads", model.heads},
            {"num_kv_heads", model.kv_heads},
            {"qkv_bias", model.attention_bias},
            {"rope_theta", model.rope_theta},
            {"window_size", shared ? json(shared->tokens) : json()}}}};
}

json writeKlLs(const Placement& placement, const PlacementFacts&) {
  std::optional<MixerKind> other;
  for (const MixerKind kind : placement.kinds()) {
    if (kind == MixerKind::Full) continue;
    if (other && *other != kind) {
      throw usageError("kl-ls", "names only the layers that keep attention; this placement puts both \"" +
                                    std::string(name(*other)) + "\" and \"" + std::string(name(kind)) + "\" elsewhere");
    }
    other = kind;
  }
  return {{"num_hidden_layers", placement.layers()}, {"keep_full_attention_layers", placement.kept()}};
}

json writeSwaa(const Placement& placement, const PlacementFacts& facts) {
  allowOnly(placement, {MixerKind::Full, MixerKind::SlidingWindow}, "swaa");
  const std::optional<LayerWindow> shared = sharedWindow(placement, facts, "swaa", true);
  std::vector<int> full;
  for (const int layer : placement.kept()) {
    if (!windowOf(placement, facts, layer)) full.push_back(layer);
  }
  return {{"num_hidden_layers", placement.layers()},
          {"sliding_window_size", shared ? json(shared->tokens) : json()},
          {"keep_first", shared ? shared->sinks : 0},
          {"force_fa_decode", false},
          {"non_sliding_layers", std::move(full)}};
}

json writeKimi(const Placement& placement, const PlacementFacts& facts) {
  allowOnly(placement, {MixerKind::Full, MixerKind::Gdn}, "kimi");
  refuseNativeWindows(placement, facts, "kimi");
  const ModelConfig& model = modelOf(facts, "kimi");
  return {{"num_hidden_layers", placement.layers()},
          {"linear_attn_config",
           {{"full_attn_layers", layersOf(placement, MixerKind::Full, 1)},
            {"kda_layers", layersOf(placement, MixerKind::Gdn, 1)},
            {"head_dim", model.head_dim},
            {"num_heads", model.heads},
            {"short_conv_kernel_size", kKimiConvolution}}}};
}

// ---------------------------------------------------------------------------------------------------- reading

/// A document while it is read: where it came from, and what its reader was told.
struct Source {
  const json& document;
  const std::string& file;
  int layers;
  MixerKind rest;

  Error wrong(const std::string& place, const std::string& reason) const { return badInput(file, place, reason); }

  const json& at(const json& object, const std::string& key) const {
    if (!object.is_object() || !object.contains(key)) throw wrong(key, "is missing");
    return object.at(key);
  }

  int integer(const json& value, const std::string& place, int least, int most) const {
    const auto number = value.is_number_integer() ? value.get<std::int64_t>() : std::int64_t{-1};
    if (!value.is_number_integer() || number < least || number > most) {
      throw wrong(place, "expected a whole number from " + std::to_string(least) + " to " + std::to_string(most));
    }
    return static_cast<int>(number);
  }

  const json& array(const json& value, const std::string& place) const {
    if (!value.is_array()) throw wrong(place, "expected a list");
    if (value.size() > kMostLayers) throw wrong(place, "is longer than any model is deep");
    return value;
  }

  std::string word(const json& value, const std::string& place) const {
    if (!value.is_string()) throw wrong(place, "expected a word");
    return value.get<std::string>();
  }

  /// The layer count: the model's, which the file must not contradict, or the file's.
  int count(const std::string& place, std::optional<int> told) const {
    if (!told && document.contains("num_hidden_layers")) {
      told = integer(document.at("num_hidden_layers"), "num_hidden_layers", 1, kMostLayers);
    }
    if (!told && layers == 0) throw wrong(place, "does not say how many layers the model has (--model or --layers)");
    if (told && layers != 0 && *told != layers) {
      throw wrong(place,
                  "is of a model of " + std::to_string(*told) + " layers; this one has " + std::to_string(layers));
    }
    return told.value_or(layers);
  }

  /// Puts `kind` at the layers of a list that counts from `base`; each may be named once in all lists.
  void put(const json& list, const std::string& place, int base, MixerKind kind, Placement& placement,
           std::vector<bool>& named) const {
    for (std::size_t i = 0; i < array(list, place).size(); ++i) {
      const std::string here = place + "[" + std::to_string(i) + "]";
      const int layer = integer(list[i], here, base, placement.layers() - 1 + base) - base;
      if (named[static_cast<std::size_t>(layer)]) throw wrong(here, "names layer " + list[i].dump() + " twice");
      named[static_cast<std::size_t>(layer)] = true;
      placement.set(layer, kind);
    }
  }

  /// A file that lists the layers with full attention, the rest being `other`.
  Placement keeping(const std::string& key, MixerKind other) const {
    Placement placement(count(key, std::nullopt), other);
    std::vector<bool> named(static_cast<std::size_t>(placement.layers()));
    put(document.at(key), key, 0, MixerKind::Full, placement, named);
    return placement;
  }

  /// A list of our words for operators, one a layer.
  Placement operators(const json& list, const std::string& key) const {
    std::vector<MixerKind> kinds;
    for (std::size_t i = 0; i < list.size(); ++i) {
      const std::string place = key + "[" + std::to_string(i) + "]", text = word(list[i], place);
      const auto kind = mixerKindNamed(text);
      if (!kind) throw wrong(place, "unknown operator " + inQuotes(text) + didYouMean(text, mixerKindNames()));
      kinds.push_back(*kind);
    }
    return Placement(std::move(kinds));
  }

  MixerKind linear() const { return rest == MixerKind::Gdn || rest == MixerKind::GdnWindow ? rest : MixerKind::Gdn; }
};

Placement readOurs(const Source& source) {
  const json& document = source.document;
  if (const std::string format = source.word(document.at("format"), "format"); format != kOurs) {
    throw source.wrong("format", "is " + inQuotes(format) + "; expected '" + std::string(kOurs) + "'");
  }
  constexpr std::array<std::string_view, 3> kKeys{"format", "version", "operators"},
      kOptional{"layers", "kept_layers", "provenance"};
  requireKeys(document, kKeys, source.file, kOptional);
  const json& version = document.at("version");
  if (version != kVersion) throw source.wrong("version", "is " + version.dump() + "; this program reads version 1");

  const json& operators = source.array(document.at("operators"), "operators");
  const int layers = source.count("operators", static_cast<int>(operators.size()));
  if (const json stated = document.value("layers", json()); !stated.is_null() && stated != json(layers)) {
    throw source.wrong("operators", "has " + std::to_string(layers) + " entries for " + stated.dump() + " layers");
  }
  Placement placement = source.operators(operators, "operators");
  if (const json stated = document.value("kept_layers", json());
      !stated.is_null() && stated != json(placement.kept())) {
    throw source.wrong("kept_layers", "disagrees with the operators, which keep " + json(placement.kept()).dump());
  }
  return placement;
}

/// The config.json of a hybrid that `hf` wrote with its own model code.
Placement readHybridConfig(const Source& source) {
  const json& list = source.array(source.document.at("layer_operators"), "layer_operators");
  source.count("layer_operators", static_cast<int>(list.size()));
  return source.operators(list, "layer_operators");
}

Placement readLayerTypes(const Source& source) {
  const json& types = source.array(source.document.at("layer_types"), "layer_types");
  Placement placement(source.count("layer_types", static_cast<int>(types.size())), source.rest);
  for (std::size_t i = 0; i < types.size(); ++i) {
    const std::string place = "layer_types[" + std::to_string(i) + "]", word = source.word(types[i], place);
    if (word == "full_attention" || word == "attn") {
      placement.set(static_cast<int>(i), MixerKind::Full);
    } else if (word == "sliding_attention" || word == "swa") {
      placement.set(static_cast<int>(i), MixerKind::SlidingWindow);
    } else if (word == "linear_attention") {
      placement.set(static_cast<int>(i), source.linear());
    } else {
      throw source.wrong(place, "unknown layer type " + inQuotes(word));
    }
  }
  return placement;
}

Placement readFla(const Source& source) {
  const json& attention = source.document.at("attn");
  const json specs = attention.is_array() ? attention : json::array({attention});
  Placement placement(source.count("attn", std::nullopt), source.linear());
  std::vector<bool> named(static_cast<std::size_t>(placement.layers()));
  for (const json& spec : source.array(specs, "attn")) {
    const json& layers = source.at(spec, "layers");
    const bool window = spec.contains("window_size") && !spec.at("window_size").is_null();
    source.put(layers, "attn.layers", 0, window ? MixerKind::SlidingWindow : MixerKind::Full, placement, named);
  }
  return placement;
}

Placement readKlLs(const Source& source) { return source.keeping("keep_full_attention_layers", source.rest); }

Placement readSwaa(const Source& source) { return source.keeping("non_sliding_layers", MixerKind::SlidingWindow); }

Placement readKimi(const Source& source) {
  const json& config = source.document.at("linear_attn_config");
  const json& full = source.at(config, "full_attn_layers");
  const json& linear = source.at(config, "kda_layers");
  const auto listed = source.array(full, "full_attn_layers").size() + source.array(linear, "kda_layers").size();
  Placement placement(source.count("linear_attn_config", static_cast<int>(listed)), source.linear());
  std::vector<bool> named(listed);
  source.put(full, "full_attn_layers", 1, MixerKind::Full, placement, named);
  source.put(linear, "kda_layers", 1, source.linear(), placement, named);
  return placement;
}

// ---------------------------------------------------------------------------------------------------- the table

struct Format {
  std::string_view name;
  std::string_view key;                                    ///< A document with this key is of this format.
  json (*write)(const Placement&, const PlacementFacts&);  ///< Null: not written as a document.
  Placement (*read)(const Source&);
};
constexpr std::array<Format, 7> kFormats{{
    {"interleave", "format", writeOurs, readOurs},
    {"hf-layer-types", "layer_types", writeLayerTypes, readLayerTypes},
    {"fla", "attn", writeFla, readFla},
    {"kl-ls", "keep_full_attention_layers", writeKlLs, readKlLs},
    {"swaa", "non_sliding_layers", writeSwaa, readSwaa},
    {"kimi", "linear_attn_config", writeKimi, readKimi},
    {"hf", "layer_operators", nullptr, readHybridConfig},
}};

}  // namespace

std::vector<std::string> placementFormats() {
  std::vector<std::string> names;
  for (const Format& format : kFormats) {
    if (format.write != nullptr) names.emplace_back(format.name);
  }
  return names;
}

json provenanceWith(json told, const Placement& placement, const ModelConfig* model) {
  if (told.is_null()) told = json::object();
  json operators = json::array(), native = json::array();
  for (int layer = 0; layer < placement.layers(); ++layer) {
    operators.push_back(name(placement[layer]));
    if (placement[layer] == MixerKind::Full && model != nullptr && model->isSliding(layer)) native.push_back(layer);
  }
  told["operators"] = std::move(operators);
  if (!native.empty()) told[kNativeWindows] = std::move(native);
  return told;
}

json placementDocument(const std::string& format, const Placement& placement, const PlacementFacts& facts,
                       const json& provenance) {
  const auto* entry = std::ranges::find(kFormats, format, &Format::name);
  if (entry == kFormats.end() || entry->write == nullptr) {
    throw usageError("--format", "unknown format \"" + format + "\"" + didYouMean(format, placementFormats()));
  }
  json document = entry->write(placement, facts);
  json origin = provenanceWith(provenance, placement, facts.model);
  if (facts.sinks > 0) origin["sliding_window_sinks"] = facts.sinks;
  if (format != kFormats.front().name) origin["holds"] = kLayersOnly;
  document["provenance"] = std::move(origin);
  return document;
}

namespace {

Placement readAny(const Source& source) {
  std::optional<Placement> found;
  std::string_view found_key;
  for (const Format& format : kFormats) {
    if (!source.document.contains(format.key) || source.document.at(std::string(format.key)).is_null()) continue;
    Placement placement = format.read(source);
    if (found && placement != *found) {
      throw badInput(source.file, std::string(format.key), "disagrees with \"" + std::string(found_key) + "\"");
    }
    found = std::move(placement);
    found_key = format.key;
  }
  if (found) return *std::move(found);
  std::string known;
  for (const Format& format : kFormats) known += (known.empty() ? "" : ", ") + std::string(format.key);
  throw badInput(source.file, {}, "is no placement: none of the keys " + known);
}

/// Whether the file says nothing against `told`: what it leaves open differs with what is taken for the rest.
bool leavesOpen(const Source& source, const Placement& told) {
  std::vector<Placement> readings;
  for (const MixerKind rest : {MixerKind::Gdn, MixerKind::GdnWindow, MixerKind::SlidingWindow}) {
    readings.push_back(readAny({source.document, source.file, source.layers, rest}));
  }
  if (readings[0].layers() != told.layers()) return false;
  const json native = source.document.at("provenance").value(kNativeWindows, json::array());
  for (int layer = 0; layer < told.layers(); ++layer) {
    // A layer that is kept and slides natively is written as the sliding layer it is.
    const bool kept = told[layer] == MixerKind::Full && readings[0][layer] == MixerKind::SlidingWindow &&
                      std::ranges::find(native, json(layer)) != native.end();
    const bool open = readings[0][layer] != readings[1][layer] || readings[0][layer] != readings[2][layer];
    if (!kept && (open ? told[layer] == MixerKind::Full : told[layer] != readings[0][layer])) return false;
  }
  return true;
}

}  // namespace

Placement placementFromDocument(const json& document, const std::string& file, int layers, MixerKind rest) {
  if (!document.is_object()) throw badInput(file, {}, "expected a JSON object");
  const json origin = document.value("provenance", json());
  if (!origin.is_null() && !origin.is_object()) throw badInput(file, "provenance", "expected an object");
  // What we wrote names every layer's operator there, also where the format has no word for it.
  const json told = origin.is_object() ? origin.value("operators", json()) : json();
  const bool tells = told.is_array() && !told.empty();
  const Source source{document, file, layers > 0 || !tells ? layers : static_cast<int>(told.size()), rest};
  Placement found = readAny(source);
  if (!tells) return found;
  Placement own = source.operators(told, "provenance.operators");
  return leavesOpen(source, own) ? own : found;
}

std::filesystem::path placementFile(const std::filesystem::path& path) {
  if (!std::filesystem::is_directory(path)) return path;
  for (const Format& format : kFormats) {
    std::filesystem::path file = path / placementFileName(std::string(format.name));
    if (std::filesystem::exists(file)) return file;
  }
  return path / "config.json";
}

Placement readPlacement(const std::filesystem::path& path, int layers, MixerKind rest) {
  const std::filesystem::path file = placementFile(path);
  return placementFromDocument(readJson(file), file, layers, rest);
}

json provenanceOf(const std::filesystem::path& path) {
  const std::filesystem::path file = placementFile(path);
  if (!std::filesystem::is_regular_file(file)) return json::object();
  const json document = readJson(file);
  const json origin = document.is_object() ? document.value("provenance", json()) : json();
  return origin.is_object() ? origin : json::object();
}

void checkOrigin(const std::filesystem::path& path, const ModelFiles& model) {
  const json origin = provenanceOf(path);
  const auto fingerprint = origin.find("model_fingerprint");
  if (fingerprint != origin.end() && *fingerprint != model.fingerprint()) {
    throw badInput(path, "provenance.model_fingerprint",
                   "the placement is of another model (" + fingerprint->dump() + "; " + model.path().string() +
                       " has \"" + model.fingerprint() + "\")");
  }
}

std::string placementFileName(const std::string& format) {
  return (format == "interleave" ? "placement" : format) + ".json";
}

}  // namespace interleave
