// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "backend/engine/mock_engine.h"
#include "gui/app/workshop.h"

namespace interleave::gui {

/// A backend without a model: the mock engine, and results that depend on the placement alone. For tests of windows and
/// for `interleave --mock`; everything it names says that it is a mock.
class MockWorkshop : public Workshop {
 public:
  explicit MockWorkshop(MockScript script = {}, int evaluation_milliseconds = 0)
      : script_(std::move(script)), evaluation_milliseconds_(evaluation_milliseconds) {}

  /// What modelInfo() warns of.
  void setModelWarnings(std::vector<std::string> lines) { model_warnings_ = std::move(lines); }

  bool invents() const override { return true; }
  std::unique_ptr<Engine> makeEngine() override { return makeMockEngine(script_, turns_); }
  std::unique_ptr<RunCatalog> makeCatalog() override;
  std::span<const SettingSpec> bankSettings() const override;
  std::span<const SettingSpec> searchSettings(const std::string& method) const override;
  std::vector<std::string> methods() const override { return {"dash"}; }
  std::string evidence(const std::string& method) const override { return method + ": a mock"; }
  std::vector<std::string> presets(const std::string&) const override { return {"laptop"}; }
  Preset preset(const std::string& name, const std::string& method) const override;
  std::optional<PromptPreview> previewPrompt(const RunSpec& spec) override;
  std::vector<TaskInfo> tasks() const override;
  std::vector<std::string> wordings() const override { return {"standard", "letter"}; }
  std::vector<std::string> exportFormats() const override { return {"interleave"}; }
  DeviceReport device(const std::string& wanted) override;
  nlohmann::json modelInfo(const std::filesystem::path& model) override;
  std::vector<CostTable> costs(const std::filesystem::path& model, const Settings& bank_settings,
                               std::span<const std::int64_t> context_tokens) override;
  nlohmann::json prepareCandidates(const std::filesystem::path& model, const std::filesystem::path& bank,
                                   const Settings& settings, const std::string& chat, std::uint64_t seed,
                                   const std::string& device, const std::function<void(const AlignmentEvent&)>& watch,
                                   Progress& progress) override;
  std::vector<Score> evaluate(const Workbench::EvaluationRequest& request, const Placement& placement,
                              Progress& progress) override;
  std::vector<MeasuredCost> measureCost(const Workbench::CostRequest& request, std::span<const Placement> placements,
                                        Progress& progress) override;
  std::vector<TrialEvent> tryPlacements(const RunSpec& enumeration, std::span<const Placement> placements,
                                        std::int64_t first_step, Progress& progress) override;
  double secondsPerToken(const std::filesystem::path&, const Execution&, Progress&) override { return 1e-4; }
  std::vector<std::string> exportPlacement(const Workbench::ExportRequest& request, Progress& progress) override;

 private:
  MockScript script_;
  int evaluation_milliseconds_;
  std::vector<std::string> model_warnings_;
};

}  // namespace interleave::gui
