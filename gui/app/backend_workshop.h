// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "gui/app/workshop.h"

namespace interleave::gui {

/// The real backend, through the doors of backend/engine/workbench.h. What is slow to load is loaded at first use.
class BackendWorkshop final : public Workshop {
 public:
  std::unique_ptr<Engine> makeEngine() override { return interleave::makeEngine(turns_); }

  std::unique_ptr<RunCatalog> makeCatalog() override { return makeRunCatalog(); }

  std::span<const SettingSpec> bankSettings() const override { return bankSettingSpecs(); }
  std::span<const SettingSpec> searchSettings(const std::string& method) const override {
    return searchSettingSpecs(method);
  }
  std::vector<std::string> methods() const override { return methodNames(); }
  std::string evidence(const std::string& method) const override {
    const std::vector<std::string> known = methodNames();  // a stored run may be of a newer program
    const bool ours = method == kHealMethod || std::ranges::find(known, method) != known.end();
    return ours ? methodEvidence(method) : method;
  }
  std::vector<std::string> presets(const std::string& method) const override { return presetNames(method); }
  Preset preset(const std::string& name, const std::string& method) const override { return loadPreset(name, method); }
  std::optional<PromptPreview> previewPrompt(const RunSpec& spec) override { return interleave::previewPrompt(spec); }
  std::vector<TaskInfo> tasks() const override { return evaluationTasks(); }
  std::vector<std::string> wordings() const override { return promptWordings(); }
  std::vector<std::string> exportFormats() const override { return interleave::exportFormats(); }

  DeviceReport device(const std::string& wanted) override { return deviceReport(wanted); }
  nlohmann::json modelInfo(const std::filesystem::path& model) override { return bench_.modelInfo(model); }
  std::vector<CostTable> costs(const std::filesystem::path& model, const Settings& bank_settings,
                               std::span<const std::int64_t> context_tokens) override {
    return bench_.costs(model, bank_settings, context_tokens);
  }
  nlohmann::json prepareCandidates(const std::filesystem::path& model, const std::filesystem::path& bank,
                                   const Settings& settings, const std::string& chat, std::uint64_t seed,
                                   const std::string& device, const std::function<void(const AlignmentEvent&)>& watch,
                                   Progress& progress) override {
    TurnProgress turn(*turns_, progress);
    return bench_.prepareCandidates(model, bank, settings, chat, seed, device, watch, turn);
  }
  std::vector<Score> evaluate(const Workbench::EvaluationRequest& request, const Placement& placement,
                              Progress& progress) override {
    TurnProgress turn(*turns_, progress);
    return bench_.evaluate(request, placement, turn);
  }
  std::vector<MeasuredCost> measureCost(const Workbench::CostRequest& request, std::span<const Placement> placements,
                                        Progress& progress) override {
    TurnProgress turn(*turns_, progress, TurnProgress::At::Reports);
    return bench_.measureCost(request, placements, turn);
  }
  std::vector<TrialEvent> tryPlacements(const RunSpec& enumeration, std::span<const Placement> placements,
                                        std::int64_t first_step, Progress& progress) override {
    TurnProgress turn(*turns_, progress);
    return bench_.tryPlacements(enumeration, placements, first_step, turn);
  }
  double secondsPerToken(const std::filesystem::path& model, const Execution& execution, Progress& progress) override {
    TurnProgress turn(*turns_, progress, TurnProgress::At::Reports);
    return bench_.secondsPerToken(model, execution, turn);
  }
  std::vector<std::string> exportPlacement(const Workbench::ExportRequest& request, Progress& progress) override {
    return bench_.exportPlacement(request, progress);
  }

 private:
  Workbench bench_;
};

}  // namespace interleave::gui
