// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "backend/candidates/bank.h"
#include "backend/core/placement.h"
#include "backend/core/progress.h"
#include "backend/heal/hybrid_weights.h"
#include "backend/model/decoder.h"

namespace interleave {

inline constexpr const char* kHealedCard = "card.json";
inline constexpr const char* kHealedWeights = "weights.safetensors";

/// The card of a heal's folder, finished or not. BadInput: missing, not ours, unknown keys (the nearest known named).
nlohmann::json readHealedCard(const std::filesystem::path& dir);
/// The placement that a folder is of. BadInput as above, and where `layers`, unless 0, is another number.
Placement healedPlacement(const std::filesystem::path& dir, int layers);
/// What stands before the folder where a placement is named: "healed:DIR".
inline constexpr std::string_view kHealedPrefix = "healed:";

/// The weights of a hybrid, as they lie on disk: a finished heal (its card, and what healing changed, in
/// fp32), or a folder that was exported (ExportedFolder: all of the hybrid's weights, which may have been trained
/// elsewhere). With the model they are the whole hybrid: no bank is needed. Safe to read from any thread.
class StoredHybrid {
 public:
  /// Checks that it is finished and was made for the model with this fingerprint. BadInput names both models otherwise.
  /// What is odd about the files is told to `progress`.
  static StoredHybrid open(const std::filesystem::path& dir, const ModelConfig& config, const std::string& fingerprint,
                           Progress& progress);

  enum class Kind { Heal, Export };
  Kind kind() const { return kind_; }
  /// What the weights are a function of: a heal's key, or an export's folder and provenance.
  const nlohmann::json& origin() const { return origin_; }
  const Placement& placement() const { return placement_; }
  const OperatorWindows& windows() const { return windows_; }
  const HybridWeights& weights() const { return weights_; }
  /// Usage error where `placement` is another than theirs.
  void checkPlacement(const Placement& placement) const;

 private:
  StoredHybrid(Kind kind, nlohmann::json origin, Placement placement, const OperatorWindows& windows,
               HybridWeights weights);
  static StoredHybrid ofHeal(const std::filesystem::path& dir, const ModelConfig& config,
                             const std::string& fingerprint);

  Kind kind_;
  nlohmann::json origin_;
  Placement placement_;
  OperatorWindows windows_;
  HybridWeights weights_;
};

/// A stored hybrid, ready to run. Immutable; any thread may use it.
class HybridModel {
 public:
  /// The teacher's weights, shared, with the stored ones in their place. BadInput as above, and for a tensor that the
  /// model does not have, or that has another shape there.
  static std::shared_ptr<const HybridModel> load(const std::filesystem::path& dir,
                                                 const std::shared_ptr<const Model>& teacher, Progress& progress);

  /// Usage error where `placement` is another than the stored one. Lives as long as this object.
  Student student(const Placement& placement) const;

 private:
  HybridModel(StoredHybrid stored, const std::shared_ptr<const Model>& teacher, Progress& progress);

  StoredHybrid stored_;
  std::shared_ptr<Model> model_;
  std::vector<std::unique_ptr<Mixer>> mixers_;
};

/// An operator of `model`'s layer that needs no training: full attention, or a sliding window.
std::unique_ptr<SoftmaxAttention> untrainedMixer(const std::shared_ptr<const Model>& model, int layer, MixerKind kind,
                                                 const OperatorWindows& windows);

}  // namespace interleave
