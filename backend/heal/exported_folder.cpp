// SPDX-License-Identifier: GPL-3.0-or-later
#include "backend/heal/exported_folder.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <map>
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
constexpr std::size_t kMostShards = 10'000;

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

/// The folder's safetensors files, and which of them has a tensor.
std::map<std::string, std::size_t> openFiles(const fs::path& dir, HybridWeights& weights) {
  std::set<std::string> names;
  const fs::path index = dir / "model.safetensors.index.json";
  if (fs::is_regular_file(index)) {
    const json document = readJson(index, {.bytes = 64 << 20, .values = 2'000'000, .depth = 8});
    const json map = document.is_object() ? document.value("weight_map", json()) : json();
    if (!map.is_object()) throw badInput(index, "weight_map", "is missing");
    for (const auto& [tensor, shard] : map.items()) {
      const std::string name = shard.is_string() ? shard.get<std::string>() : std::string();
      if (!name.ends_with(".safetensors") || fs::path(name).filename() != name) {
        throw badInput(index, "weight_map." + inQuotes(tensor), "is not the plain name of a .safetensors file");
      }
      names.insert(name);
    }
    if (names.size() > kMostShards) throw badInput(index, "weight_map", "names more than 10000 files");
  } else {
    names.insert("model.safetensors");
  }
  std::map<std::string, std::size_t> where;
  for (const std::string& name : names) {
    SafetensorsFile file = SafetensorsFile::open(dir / name);
    const std::vector<std::string> tensors = file.names();
    const std::size_t number = weights.add(std::move(file));
    for (const std::string& tensor : tensors) where.emplace(tensor, number);
  }
  return where;
}

/// Gives the folder's tensors our names.
class Placing {
 public:
  Placing(const ModelConfig& config, const Placement& placement, const fs::path& dir, HybridWeights& weights)
      : config_(config), placement_(placement), dir_(dir), weights_(weights), where_(openFiles(dir, weights)) {}

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
    const auto found = where_.find(there);
    if (found == where_.end()) throw badInput(dir_, "tensor " + inQuotes(there), "is missing");
    const SafetensorsFile& file = weights_.file(found->second);
    if (file.view(there).shape != shape) {
      throw badInput(file.path(), "tensor " + inQuotes(there), "has another shape than the model's");
    }
    weights_.place(name, found->second, there);
    where_.erase(found);
  }

  /// Stock classes have biases, of zero unless they were trained, where the model has none.
  void refuseOthers() {
    for (const auto& [tensor, file] : where_) {
      if (tensor.ends_with("rotary_emb.inv_freq")) continue;
      const SafetensorsFile& holder = weights_.file(file);
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
  const fs::path& dir_;
  HybridWeights& weights_;
  std::map<std::string, std::size_t> where_;
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
                        .weights = HybridWeights(dir),
                        .provenance = std::move(provenance)};
  folder.windows = windowsOf(hybrid, folder.placement, config, file);
  Placing(config, folder.placement, dir, folder.weights).run();
  return folder;
}

}  // namespace interleave
