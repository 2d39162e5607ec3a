// SPDX-License-Identifier: GPL-3.0-or-later
#include "backend/engine/torch/exporter.h"

#include <filesystem>
#include <optional>
#include <system_error>

#include "backend/candidates/bank.h"
#include "backend/core/error.h"
#include "backend/engine/torch/hf_export.h"
#include "backend/formats/atomic_file.h"
#include "backend/formats/placement_io.h"

namespace interleave {
namespace {

constexpr const char* kHuggingFace = "hf";

/// The windows that a bank's recipe names; the folder alone is enough.
OperatorWindows windowsOf(const std::filesystem::path& bank) {
  Settings settings(bankSettings());
  settings.merge(readBankCard(bank).at("key").at("settings"), bank.string());
  return operatorWindows(settings);
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
  if (!request.bank.empty()) {
    const OperatorWindows windows =
        model ? StoredBank::open(request.bank, model->config(), model->fingerprint()).windows()
              : windowsOf(request.bank);
    facts.window = static_cast<int>(windows.sliding.tokens);
    facts.sinks = static_cast<int>(windows.sliding.sinks);
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
  const bool folder = request.format == kHuggingFace;
  if (folder && request.model.empty()) throw usageError(kHuggingFace, "writes weights: the model is needed (--model)");
  std::optional<ModelFiles> model;
  nlohmann::json provenance = request.provenance.is_null() ? nlohmann::json::object() : request.provenance;
  if (!request.model.empty()) {
    model = ModelFiles::open(request.model);
    checkLayers(request.placement, model->config());
    provenance["model_name"] = model->config().name;
    provenance["model_fingerprint"] = model->fingerprint();
  }
  if (!folder) return exportList(request, model, std::move(provenance));
  std::optional<StoredBank> bank;
  if (!request.bank.empty()) {
    bank = StoredBank::open(request.bank, model->config(), model->fingerprint());
    provenance["bank"] = bank->card().at("key");
  }
  return exportHuggingFace({.model = *model,
                            .bank = bank ? &*bank : nullptr,
                            .placement = request.placement,
                            .provenance = std::move(provenance)},
                           request.out, progress);
}

std::vector<std::string> exportFormats() {
  std::vector<std::string> formats = placementFormats();
  formats.emplace_back(kHuggingFace);
  return formats;
}

Placement importPlacement(const std::filesystem::path& file, int layers, MixerKind rest) {
  return readPlacement(file, layers, rest);
}

}  // namespace interleave
