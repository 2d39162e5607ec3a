// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <vector>

#include "backend/core/events.h"
#include "backend/core/progress.h"
#include "backend/core/settings.h"
#include "backend/formats/safetensors.h"
#include "backend/formats/tokenizer.h"
#include "backend/mixers/gated_delta_net.h"
#include "backend/model/decoder.h"

namespace interleave {

/// Settings of a bank's recipe: kinds, windows, initialisation, loss, optimiser, data.
std::span<const SettingSpec> bankSettings();
OperatorWindows operatorWindows(const Settings& settings);
/// The operator kinds that a comma-separated setting names. Usage error for an unknown one.
std::vector<MixerKind> kindsListed(const std::string& list, const std::string& setting);

/// Whether `dir` holds a finished bank, of whatever model. BadInput: a card that is none.
bool holdsBank(const std::filesystem::path& dir);

/// A finished bank as it lies on disk. Tensors are read one at a time; safe to read from any thread.
class StoredBank {
 public:
  /// Checks that it is complete and was made for the model with this fingerprint. BadInput names both models otherwise.
  static StoredBank open(const std::filesystem::path& dir, const ModelConfig& config, const std::string& fingerprint);

  const nlohmann::json& card() const { return card_; }
  const OperatorWindows& windows() const { return windows_; }
  std::vector<MixerKind> kinds() const;  ///< Those trained.

  /// The file of a trained kind; BadInput naming the kind when the bank does not hold it.
  const SafetensorsFile& file(MixerKind kind) const;
  /// What the file of a kind calls a tensor of GdnParameters.
  static std::string tensorName(int layer, const std::string& label);

 private:
  std::filesystem::path dir_;
  nlohmann::json card_;
  OperatorWindows windows_;
  std::map<MixerKind, SafetensorsFile> files_;
};

/// One layer's candidate out of tensors that are named as StoredBank does; `tensor` gives one that is not defined where
/// there is none. BadInput naming the tensor and `place`, where they lie.
std::unique_ptr<GatedDeltaNet> readCandidate(const std::function<at::Tensor(const std::string&)>& tensor,
                                             const std::shared_ptr<const Model>& model, int layer, MixerKind kind,
                                             const Window& window, const std::filesystem::path& place);

/// For each layer and operator kind, a mixer aligned to the teacher; made once, reused by methods, budgets and runs.
/// On disk: a folder with card.json (what it is, its key, its quality) and one safetensors file a trained kind.
/// Immutable once made; mixers may be used from several threads.
class CandidateBank {
 public:
  /// The teacher's own attention and the kinds that need no training; what every model has without a bank.
  static std::shared_ptr<CandidateBank> untrained(std::shared_ptr<const Model> model, const OperatorWindows& windows);

  /// Loads a bank and checks that it was made for `model`. BadInput names both models otherwise, and what is damaged.
  static std::shared_ptr<const CandidateBank> load(const std::filesystem::path& dir,
                                                   std::shared_ptr<const Model> model);

  /// Makes the bank of `settings` and `seed` in `dir`, or loads it when the folder holds that very bank, or goes on
  /// where making it was stopped. Prompts are in the tokenizer's chat form, which is part of the key where there are
  /// any. Usage error when the folder holds another bank of this model; BadInput when it is of another model. Stopped:
  /// what was done is kept on disk.
  static std::shared_ptr<const CandidateBank> prepare(const std::filesystem::path& dir,
                                                      std::shared_ptr<const Model> model,
                                                      const std::shared_ptr<const Tokenizer>& tokenizer,
                                                      const Settings& settings, std::uint64_t seed,
                                                      const std::function<void(const AlignmentEvent&)>& watch,
                                                      Progress& progress);

  /// BadInput naming the kind when the bank does not hold it.
  const Mixer& mixer(int layer, MixerKind kind) const;
  MixerRow row(const Placement& placement) const;  ///< BadInput when it is for another number of layers.
  Student student(const Placement& placement) const;
  bool has(MixerKind kind) const { return mixers_.contains(kind); }

  const Model& model() const { return *model_; }
  const OperatorWindows& windows() const { return windows_; }
  const nlohmann::json& card() const { return card_; }

 private:
  CandidateBank(std::shared_ptr<const Model> model, const OperatorWindows& windows);

  std::shared_ptr<const Model> model_;
  OperatorWindows windows_;
  std::filesystem::path dir_;
  nlohmann::json card_;
  std::map<MixerKind, std::vector<std::unique_ptr<Mixer>>> mixers_;
};

/// Usage error where the bank with this card was aligned on prompts in another form than the tokenizer's, whatever the
/// forms are called; `dir` is named.
void checkPromptForm(const nlohmann::json& card, const Tokenizer& tokenizer, const std::filesystem::path& dir);

/// Reads a bank's card. BadInput: missing, not ours, unknown keys (the nearest known named).
nlohmann::json readCard(const std::filesystem::path& dir);

/// BadInput, naming the folder and both models, where the bank of this card was made for another model.
void checkBankModel(const nlohmann::json& card, const ModelConfig& config, const std::string& fingerprint,
                    const std::filesystem::path& dir);

}  // namespace interleave
