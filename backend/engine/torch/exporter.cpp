// SPDX-License-Identifier: GPL-3.0-or-later
#include "backend/engine/torch/exporter.h"

#include <algorithm>
#include <filesystem>
#include <optional>
#include <system_error>

#include "backend/candidates/bank.h"
#include "backend/core/error.h"
#include "backend/engine/torch/hf_export.h"
#include "backend/engine/torch/hf_weights.h"
#include "backend/engine/torch/loaded_model.h"
#include "backend/formats/atomic_file.h"
#include "backend/formats/placement_io.h"
#include "backend/heal/hybrid_model.h"

namespace interleave {
namespace {

constexpr std::string_view kHuggingFace = "hf", kTyped = "hf:";  ///< The latter with one of hfTypeNames().

/// The windows of the bank's recipe, or of the one that is given where there is no bank. The folder alone is enough.
std::optional<OperatorWindows> windowsOf(const Workbench::Candidates& candidates) {
  nlohmann::json recipe = candidates.bank_settings;
  if (holdsBank(candidates.bank)) recipe = readBankCard(candidates.bank).at("key").at("settings");
  if (recipe.is_null()) return std::nullopt;
  return operatorWindows(completeBankSettings(recipe));
}

void checkLayers(const Placement& placement, const ModelConfig& config) {
  if (placement.layers() == config.layers) return;
  throw usageError("placement", "it has " + std::to_string(placement.layers()) + " layers, the model " +
                                    std::to_string(config.layers));
}

std::vector<std::string> exportList(const Workbench::ExportRequest& request, const std::optional<ModelFiles>& model,
                                    nlohmann::json provenance) {
  PlacementFacts facts;
  if (model) facts.model = &model->config();
  const Window sliding = windowsOf(request.candidates).value_or(OperatorWindows{}).sliding;
  if (std::ranges::find(request.placement.kinds(), MixerKind::SlidingWindow) != request.placement.kinds().end()) {
    facts.window = static_cast<int>(sliding.tokens);
    facts.sinks = static_cast<int>(sliding.sinks);
  }
  const nlohmann::json document = placementDocument(request.format, request.placement, facts, provenance);
  std::error_code problem;
  std::filesystem::create_directories(request.out, problem);
  if (problem) throw failure(request.out.string(), "the folder cannot be made: " + problem.message());
  const std::string name = placementFileName(request.format);
  writeFileAtomically(request.out / name, document.dump(2) + "\n");
  return {name};
}

}  // namespace

std::vector<std::string> exportFiles(const Workbench::ExportRequest& request, Progress& progress) {
  const bool folder = request.format == kHuggingFace || request.format.starts_with(kTyped);
  if (folder && request.model.empty())
    throw usageError(std::string(kHuggingFace), "writes weights: the model is needed (--model)");
  std::optional<ModelFiles> model;
  nlohmann::json provenance = request.provenance.is_null() ? nlohmann::json::object() : request.provenance;
  if (!request.scores.empty()) provenance["scores"] = scoresJson(request.scores);
  if (!request.model.empty()) {
    model = ModelFiles::open(request.model);
    for (const std::string& line : model->warnings()) progress.warn(line);
    checkLayers(request.placement, model->config());
    provenance["model_name"] = model->config().name;
    provenance["model_fingerprint"] = model->fingerprint();
  }
  std::optional<StoredBank> bank;
  const bool trained = std::ranges::any_of(request.placement.kinds(), isTrained);
  if (model && (holdsBank(request.candidates.bank) || (folder && trained && !request.candidates.bank.empty()))) {
    bank = StoredBank::open(request.candidates.bank, model->config(), model->fingerprint());
  }
  if (!folder) return exportList(request, model, std::move(provenance));
  std::optional<StoredHybrid> stored;
  if (!request.candidates.healed.empty()) {
    stored = StoredHybrid::open(request.candidates.healed, model->config(), model->fingerprint(), progress);
    stored->checkPlacement(request.placement);
    provenance[stored->kind() == StoredHybrid::Kind::Export ? "hybrid" : "healed"] = stored->origin();
  }
  if (bank && !stored) provenance["bank"] = bank->card().at("key");
  return exportHuggingFace(
      {.model = *model,
       .bank = bank ? &*bank : nullptr,
       .windows = stored ? stored->windows() : windowsOf(request.candidates).value_or(OperatorWindows{}),
       .stored = stored ? &*stored : nullptr,
       .placement = request.placement,
       .provenance = std::move(provenance),
       .dtype = request.format.starts_with(kTyped) ? request.format.substr(kTyped.size()) : std::string()},
      request.out, progress);
}

std::vector<std::string> exportFormats() {
  std::vector<std::string> formats = placementFormats();
  formats.emplace_back(kHuggingFace);
  for (const std::string& type : hfTypeNames()) formats.push_back(std::string(kTyped) + type);
  return formats;
}

Placement importPlacement(const std::filesystem::path& file, int layers, MixerKind rest) {
  return readPlacement(file, layers, rest);
}

}  // namespace interleave
