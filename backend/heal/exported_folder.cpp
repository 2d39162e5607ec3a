// SPDX-License-Identifier: GPL-3.0-or-later
#include "backend/heal/exported_folder.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <optional>
#include <set>
#include <utility>

#include "backend/candidates/bank.h"
#include "backend/candidates/tensor_file.h"
#include "backend/core/error.h"
#include "backend/formats/bounded_json.h"
#include "backend/formats/checked.h"
#include "backend/formats/hybrid_config.h"
#include "backend/formats/placement_io.h"

namespace interleave {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr const char* kConfig = "config.json";

/// What each layer holds: the operator that is named, or a sliding window where it has one that is not the model's own.
Placement placementOf(const HybridConfig& hybrid, const json& provenance) {
  const json native = provenance.value(kNativeWindows, json::array());
  std::vector<MixerKind> kinds;
  for (std::size_t layer = 0; layer < hybrid.operators.size(); ++layer) {
    const bool slides = hybrid.windows[layer] && std::ranges::find(native, json(layer)) == native.end();
    kinds.push_back(hybrid.operators[layer].value_or(slides ? MixerKind::SlidingWindow : MixerKind::Full));
  }
  return Placement(std::move(kinds));
}

/// The operators' windows, of which each layer's follows. BadInput where none do.
OperatorWindows windowsOf(const HybridConfig& hybrid, const Placement& placement, const ModelConfig& model,
                          const std::string& file) {
  std::optional<Window> sliding, gdn;
  const auto here = [&](int layer) -> std::optional<Window> {
    const std::optional<LayerWindow>& told = hybrid.windows[static_cast<std::size_t>(layer)];
    return told ? std::optional(Window{told->tokens, told->sinks}) : std::nullopt;
  };
  const auto widest = [](std::optional<Window>& all, const std::optional<Window>& one) {
    if (one && (!all || one->tokens + one->sinks > all->tokens + all->sinks)) all = one;
  };
  for (int layer = 0; layer < placement.layers(); ++layer) {
    if (placement[layer] == MixerKind::SlidingWindow) widest(sliding, here(layer));
    if (placement[layer] == MixerKind::GdnWindow) widest(gdn, here(layer));
  }
  OperatorWindows windows;
  windows.sliding = sliding.value_or(windows.sliding);
  windows.gdn = gdn.value_or(windows.gdn);
  for (int layer = 0; layer < placement.layers(); ++layer) {
    std::optional<Window> expected;
    if (placement[layer] == MixerKind::SlidingWindow) expected = windowIn(model, layer, windows.sliding);
    if (placement[layer] == MixerKind::GdnWindow) expected = windowIn(model, layer, windows.gdn);
    if (placement[layer] == MixerKind::Full && model.isSliding(layer)) expected = Window{model.window, 0};
    const std::optional<Window> told = here(layer);
    if (told == expected) continue;
    throw badInput(file, "layer " + std::to_string(layer),
                   told ? "has a window of " + std::to_string(told->tokens) + " tokens and " +
                              std::to_string(told->sinks) + " sinks, which the model does not have there beside others"
                        : "has no window, but the model has one there");
  }
  return windows;
}

/// Gives the folder's tensors our names.
class Placing {
 public:
  Placing(const ModelConfig& config, const Placement& placement, HybridWeights& weights)
      : config_(config), placement_(placement), weights_(weights) {
    for (std::string& tensor : weights.files().names()) unplaced_.insert(std::move(tensor));
  }

  void run() {
    for (const TensorShape& tensor : expectedTensors(config_)) placeModels(tensor);
    for (int layer = 0; layer < placement_.layers(); ++layer) {
      if (isTrained(placement_[layer])) placeGatedDeltaNet(layer);
    }
    refuseOthers();
  }

 private:
  void placeModels(const TensorShape& tensor) {
    constexpr std::string_view kLayers = "model.layers.", kAttention = "self_attn.";
    std::string there = tensor.name;
    if (tensor.name.starts_with(kLayers)) {
      const std::size_t dot = tensor.name.find('.', kLayers.size());
      const int layer = std::stoi(tensor.name.substr(kLayers.size(), dot - kLayers.size()));
      const std::string_view rest = std::string_view(tensor.name).substr(dot + 1);
      const MixerKind kind = placement_[layer];
      if (rest.starts_with(kAttention) && isTrained(kind)) {
        const std::string_view part = rest.substr(kAttention.size());
        if (part == "o_proj.bias") {
          there.replace(dot + 1, kAttention.size(), "linear_attn.");
        } else if (part == "o_proj.weight" || kind == MixerKind::Gdn) {
          return;  // the hybrid has none: what the model has there is not used
        }
      }
    }
    place(tensor.name, there, tensor.shape);
  }

  void placeGatedDeltaNet(int layer) {
    const std::string below = "model.layers." + std::to_string(layer) + ".linear_attn.";
    for (const GdnTensors& parameter : gdnTensorsInFolder(config_, placement_[layer])) {
      for (const TensorShape& part : parameter.parts) {
        place(StoredBank::tensorName(layer, parameter.label), below + part.name, part.shape);
      }
    }
  }

  void place(const std::string& name, const std::string& there, const std::vector<std::int64_t>& shape) {
    weights_.place(name, there);
    const SafetensorsFile& file = *weights_.files().holderOf(there);
    if (file.view(there).shape != shape) {
      throw badInput(file.path(), "tensor " + inQuotes(there), "has another shape than the model's");
    }
    unplaced_.erase(there);
  }

  /// Stock classes have biases, of zero unless they were trained, where the model has none.
  void refuseOthers() {
    for (const std::string& tensor : unplaced_) {
      if (isDerivedBuffer(tensor)) continue;
      const SafetensorsFile& holder = *weights_.files().holderOf(tensor);
      if (config_.tied_head && tensor == "lm_head.weight" &&
          at::equal(readTensor(holder, tensor), weights_.read("model.embed_tokens.weight"))) {
        continue;
      }
      if (tensor.ends_with(".bias") && !readTensor(holder, tensor).any().item<bool>()) continue;
      throw badInput(holder.path(), "tensor " + inQuotes(tensor),
                     "has no place in the model that the hybrid is opened with");
    }
  }

  const ModelConfig& config_;
  const Placement& placement_;
  HybridWeights& weights_;
  std::set<std::string> unplaced_;
};

json readConfig(const fs::path& dir) {
  if (!isExportedFolder(dir)) {
    throw badInput(dir, {}, "holds no config.json: expected a hybrid that was exported as a Hugging Face folder");
  }
  json document = readJson(dir / kConfig);
  const bool hybrid = document.is_object() &&
                      (document.value("model_type", json()) == kHybridModelType || document.contains("layer_types"));
  if (!hybrid) throw badInput(dir / kConfig, "layer_types", "is missing: this is the configuration of no hybrid");
  return document;
}

json provenanceIn(const json& document) {
  json provenance = document.is_object() ? document.value("provenance", json()) : json();
  return provenance.is_object() ? provenance : json::object();
}

}  // namespace

bool isExportedFolder(const fs::path& dir) {
  std::error_code unreadable;
  return fs::is_regular_file(dir / kConfig, unreadable);
}

Placement exportedPlacement(const fs::path& dir, int layers) {
  const std::string file = (dir / kConfig).string();
  const json document = readConfig(dir);
  Placement placement = placementOf(hybridFromHuggingFace(document, file), provenanceIn(document));
  if (layers != 0 && placement.layers() != layers) {
    throw badInput(file, "num_hidden_layers",
                   "it has " + std::to_string(placement.layers()) + " layers, the model " + std::to_string(layers));
  }
  return placement;
}

ExportedFolder ExportedFolder::open(const fs::path& dir, const ModelConfig& config, const std::string& fingerprint) {
  const std::string file = (dir / kConfig).string();
  const json document = readConfig(dir);
  const HybridConfig hybrid = hybridFromHuggingFace(document, file);
  json provenance = provenanceIn(document);
  if (const json made_of = provenance.value("model_fingerprint", json(fingerprint)); made_of != fingerprint) {
    throw badInput(file, "provenance.model_fingerprint",
                   "the hybrid is of " + provenance.value("model_name", json()).dump() + " (" + made_of.dump() +
                       "), not of \"" + config.name + "\" (\"" + fingerprint + "\")");
  }
  checkHybridOf(hybrid, config, file);
  ExportedFolder folder{.placement = placementOf(hybrid, provenance),
                        .windows = {},
                        .weights = HybridWeights(dir, ModelShards::open(dir)),
                        .provenance = std::move(provenance)};
  folder.windows = windowsOf(hybrid, folder.placement, config, file);
  Placing(config, folder.placement, folder.weights).run();
  return folder;
}

}  // namespace interleave
