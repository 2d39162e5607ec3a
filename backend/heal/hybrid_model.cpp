// SPDX-License-Identifier: GPL-3.0-or-later
#include "backend/heal/hybrid_model.h"

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

#include "backend/candidates/tensor_file.h"
#include "backend/core/error.h"
#include "backend/formats/bounded_json.h"
#include "backend/heal/exported_folder.h"

namespace interleave {
namespace {

constexpr std::array<std::string_view, 9> kCardKeys{"format", "version",  "model_name", "placement", "bank_settings",
                                                    "key",    "complete", "tokens",     "seconds"};
constexpr std::array<std::string_view, 5> kKeyKeys{"model", "settings", "seed", "bank", "text"};

Placement placementIn(const nlohmann::json& card, const std::string& file) {
  try {
    return Placement::fromLetters(card.at("placement").get<std::string>());
  } catch (const Error& problem) {
    throw badInput(file, "placement", problem.reason());
  }
}

void placeWeights(const StoredHybrid& stored, Model& model, Progress& progress) {
  const HybridWeights& file = stored.weights();
  const ModelOptions& options = model.options();
  const at::ScalarType wide = options.precision == at::kDouble ? at::kDouble : at::kFloat;
  std::size_t known = 0;
  for (const WeightSlot& slot : weightSlots(model.config(), model.weights())) {
    if (!file.has(slot.name)) continue;
    progress.throwIfStopped();
    ++known;
    const at::Tensor values = file.read(slot.name);
    if (values.sizes() != slot.into->sizes()) {
      throw badInput(file.folder().string(), slot.name, "has another shape than the model's");
    }
    *slot.into = values.to(model.device(), slot.norm ? wide : options.precision);
  }
  if (model.config().tied_head) model.weights().head = model.weights().embedding;
  for (int layer = 0; layer < stored.placement().layers(); ++layer) {
    if (!isTrained(stored.placement()[layer])) continue;
    for (const TensorShape& tensor : gdnParameterShapes(model.config(), stored.placement()[layer])) {
      known += file.has(StoredBank::tensorName(layer, tensor.name)) ? 1 : 0;
    }
  }
  if (known != file.names().size()) {
    throw badInput(file.folder().string(), {}, "it holds a tensor that the model does not have");
  }
}

}  // namespace

nlohmann::json readHealedCard(const std::filesystem::path& dir) {
  const std::filesystem::path path = dir / kHealedCard;
  const std::string file = path.string();
  nlohmann::json card = readJson(path);
  requireKeys(card, kCardKeys, file);
  if (card.at("format") != "interleave-healed") throw badInput(file, "format", "this is not a heal's card");
  if (card.at("version") != 1) {
    throw badInput(file, "version", card.at("version").dump() + " is not supported; this program reads 1");
  }
  const auto check = [&](const char* key, bool right) {
    if (!right) throw badInput(file, key, "has the wrong type");
  };
  const nlohmann::json& key = card.at("key");
  check("model_name", card.at("model_name").is_string());
  check("placement", card.at("placement").is_string());
  check("bank_settings", card.at("bank_settings").is_object());
  check("complete", card.at("complete").is_boolean());
  check("tokens", card.at("tokens").is_number_integer());
  check("seconds", card.at("seconds").is_number());
  requireKeys(key, kKeyKeys, file, {}, "key");
  check("key.model", key.at("model").is_string());
  check("key.settings", key.at("settings").is_object());
  check("key.seed", key.at("seed").is_number_unsigned());
  Settings(bankSettings()).merge(card.at("bank_settings"), file + ": bank_settings");
  placementIn(card, file);
  return card;
}

Placement healedPlacement(const std::filesystem::path& dir, int layers) {
  const std::string file = (dir / kHealedCard).string();
  Placement placement = placementIn(readHealedCard(dir), file);
  if (layers != 0 && placement.layers() != layers) {
    throw badInput(file, "placement",
                   "it has " + std::to_string(placement.layers()) + " layers, the model " + std::to_string(layers));
  }
  return placement;
}

StoredHybrid::StoredHybrid(Kind kind, nlohmann::json origin, Placement placement, const OperatorWindows& windows,
                           HybridWeights weights)
    : kind_(kind),
      origin_(std::move(origin)),
      placement_(std::move(placement)),
      windows_(windows),
      weights_(std::move(weights)) {}

StoredHybrid StoredHybrid::open(const std::filesystem::path& dir, const ModelConfig& config,
                                const std::string& fingerprint, Progress& progress) {
  if (std::filesystem::exists(dir / kHealedCard) || !isExportedFolder(dir)) return ofHeal(dir, config, fingerprint);
  ExportedFolder folder = ExportedFolder::open(dir, config, fingerprint);
  for (const std::string& line : folder.weights.files().warnings()) progress.warn(line);
  return {Kind::Export,
          {{"folder", dir.string()}, {"provenance", std::move(folder.provenance)}},
          std::move(folder.placement),
          folder.windows,
          std::move(folder.weights)};
}

StoredHybrid StoredHybrid::ofHeal(const std::filesystem::path& dir, const ModelConfig& config,
                                  const std::string& fingerprint) {
  const std::string file = (dir / kHealedCard).string();
  const nlohmann::json card = readHealedCard(dir);
  const auto made_for = card.at("key").at("model").get<std::string>();
  if (made_for != fingerprint) {
    throw badInput(file, "key.model",
                   "the weights were healed for \"" + card.at("model_name").get<std::string>() + "\" (fingerprint " +
                       made_for + "), not for \"" + config.name + "\" (fingerprint " + fingerprint + ")");
  }
  if (!card.at("complete").get<bool>()) {
    throw badInput(file, "complete", "this heal was stopped; `heal --resume` goes on with it");
  }
  Placement placement = placementIn(card, file);
  if (placement.layers() != config.layers) {
    throw badInput(
        file, "placement",
        "it has " + std::to_string(placement.layers()) + " layers, the model " + std::to_string(config.layers));
  }
  Settings recipe(bankSettings());
  recipe.merge(card.at("bank_settings"), file);
  HybridWeights weights(dir, ModelShards::ofFile(dir / kHealedWeights));
  for (const std::string& tensor : weights.files().names()) weights.place(tensor, tensor);
  return {Kind::Heal, card.at("key"), std::move(placement), operatorWindows(recipe), std::move(weights)};
}

void StoredHybrid::checkPlacement(const Placement& placement) const {
  if (placement == placement_) return;
  throw usageError("placement", "the weights in " + weights_.folder().string() + " are for " + placement_.line() +
                                    ", not for " + placement.line());
}

std::unique_ptr<SoftmaxAttention> untrainedMixer(const std::shared_ptr<const Model>& model, int layer, MixerKind kind,
                                                 const OperatorWindows& windows) {
  if (kind == MixerKind::Full) return SoftmaxAttention::full(model, layer);
  return SoftmaxAttention::slidingWindow(model, layer, windows.sliding.tokens, windows.sliding.sinks);
}

HybridModel::HybridModel(StoredHybrid stored, const std::shared_ptr<const Model>& teacher, Progress& progress)
    : stored_(std::move(stored)), model_(std::make_shared<Model>(*teacher)) {
  placeWeights(stored_, *model_, progress);
  const HybridWeights& weights = stored_.weights();
  const auto tensor = [&](const std::string& name) { return weights.has(name) ? weights.read(name) : at::Tensor(); };
  for (int layer = 0; layer < stored_.placement().layers(); ++layer) {
    const MixerKind kind = stored_.placement()[layer];
    if (isTrained(kind)) {
      mixers_.push_back(readCandidate(tensor, model_, layer, kind, stored_.windows().gdn, weights.folder()));
    } else {
      mixers_.push_back(untrainedMixer(model_, layer, kind, stored_.windows()));
    }
  }
}

std::shared_ptr<const HybridModel> HybridModel::load(const std::filesystem::path& dir,
                                                     const std::shared_ptr<const Model>& teacher, Progress& progress) {
  return std::shared_ptr<const HybridModel>(
      new HybridModel(StoredHybrid::open(dir, teacher->config(), teacher->fingerprint(), progress), teacher, progress));
}

Student HybridModel::student(const Placement& placement) const {
  stored_.checkPlacement(placement);
  Student student{model_, {}};
  for (const auto& mixer : mixers_) student.mixers.push_back(mixer.get());
  return student;
}

}  // namespace interleave
