// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "backend/engine/run_catalog.h"
#include "backend/engine/turns.h"
#include "backend/engine/workbench.h"

namespace interleave::gui {

/// What the windows need of the backend. The executable gives the real one; tests, and `--mock`, one that invents
/// deterministic results. Calls that take a Progress are long and are made on job threads; they may be made from
/// several at once.
class Workshop {
 public:
  virtual ~Workshop() = default;

  virtual bool invents() const { return false; }  ///< As the program does with --mock.
  virtual std::unique_ptr<Engine> makeEngine() = 0;
  /// Runs of its engines and what below computes with a model take turns: one waits for the other, as this says.
  const Turns& turns() const { return *turns_; }

  virtual std::unique_ptr<RunCatalog> makeCatalog() = 0;  ///< For one thread.

  virtual std::span<const SettingSpec> bankSettings() const = 0;
  virtual std::span<const SettingSpec> searchSettings(const std::string& method) const = 0;
  virtual std::vector<std::string> methods() const = 0;
  virtual std::string evidence(const std::string& method) const = 0;              ///< What stands behind its results.
  virtual std::vector<std::string> presets(const std::string& method) const = 0;  ///< The one it starts from first.
  virtual Preset preset(const std::string& name, const std::string& method) const = 0;
  virtual std::optional<PromptPreview> previewPrompt(const RunSpec& spec) = 0;  ///< Reads a tokenizer: call from a job.
  virtual std::vector<TaskInfo> tasks() const = 0;                              ///< Of evaluations.
  virtual std::vector<std::string> wordings() const = 0;                        ///< Of pass key prompts.
  virtual std::vector<std::string> exportFormats() const = 0;

  virtual DeviceReport device(const std::string& wanted) = 0;  ///< May load libraries: call from a job.
  virtual nlohmann::json modelInfo(const std::filesystem::path& model) = 0;
  virtual std::vector<CostTable> costs(const std::filesystem::path& model, const Settings& bank_settings,
                                       std::span<const std::int64_t> context_tokens) = 0;
  /// Returns the bank's card.
  virtual nlohmann::json prepareCandidates(const std::filesystem::path& model, const std::filesystem::path& bank,
                                           const Settings& settings, const std::string& chat, std::uint64_t seed,
                                           const std::string& device,
                                           const std::function<void(const AlignmentEvent&)>& watch,
                                           Progress& progress) = 0;
  virtual std::vector<Score> evaluate(const Workbench::EvaluationRequest& request, const Placement& placement,
                                      Progress& progress) = 0;
  virtual std::vector<MeasuredCost> measureCost(const Workbench::CostRequest& request,
                                                std::span<const Placement> placements, Progress& progress) = 0;
  virtual std::vector<TrialEvent> tryPlacements(const RunSpec& enumeration, std::span<const Placement> placements,
                                                std::int64_t first_step, Progress& progress) = 0;
  virtual double secondsPerToken(const std::filesystem::path& model, const Execution& execution,
                                 Progress& progress) = 0;
  virtual std::vector<std::string> exportPlacement(const Workbench::ExportRequest& request, Progress& progress) = 0;

 protected:
  const std::shared_ptr<Turns> turns_ = std::make_shared<Turns>();
};

}  // namespace interleave::gui
