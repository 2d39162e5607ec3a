// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstdint>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "backend/search/method.h"
#include "backend/search/search_data.h"
#include "backend/search/selection.h"

namespace interleave {

/// Which placements a method tries, and in what order: it may depend on what came of those before.
class TrialPlan {
 public:
  virtual ~TrialPlan() = default;
  virtual std::optional<Placement> next() const = 0;  ///< None when all are done.
  virtual void tell(double loss) = 0;                 ///< Of next(), which then is another.
  virtual bool asked() const { return false; }        ///< next() was named by the user; see TrialEvent.
  virtual std::int64_t left() const = 0;              ///< Trials still to come, as far as can be told.
  virtual nlohmann::json state() const = 0;           ///< For a checkpoint.
};

/// What a method of trials adds to the common run.
struct TrialMethod {
  std::span<const SettingSpec> table;
  SearchData::Part data;
  /// `state`: what the plan gave for the checkpoint that the run goes on from; null at a start.
  std::unique_ptr<TrialPlan> (*plan)(const MethodInput& input, const Selection& selection, const nlohmann::json& state);
};

/// The settings of every method of trials: operators (two), batches, data, prompt_only, precision; then its own.
std::vector<SettingSpec> trialSettings(std::int64_t batches, std::vector<SettingSpec> own);

/// A run that judges one placement a step by its mean loss on the run's batches, text and prompts. Each budget gets the
/// best trial within it. A layer's logit is the mean loss of the trials without it less that of those with it; p(full)
/// is its share among the best trials so far. Budget and pins count as they are when the run begins.
void runTrials(const MethodInput& input, MethodContext& context, const TrialMethod& method);

/// Judges placements as that run judges its trials, on its batches: what was not among these can be held against them.
/// The trials are `asked`, and numbered from `first_step` on. Stopped when asked. Errors as those of the run.
std::vector<TrialEvent> tryPlacements(const MethodInput& input, const TrialMethod& method,
                                      std::span<const Placement> placements, std::int64_t first_step,
                                      Progress& progress);

}  // namespace interleave
