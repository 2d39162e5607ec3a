// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <nlohmann/json.hpp>

#include "backend/core/run_spec.h"
#include "backend/engine/workbench.h"

namespace interleave {

/// How much jobs compute, counted in tokens that pass the teacher once, forward. Rough, from settings alone: enough to
/// tell ten minutes from three hours before anything was run. The factors are measured (docs/performance.md); 0: the
/// settings do not tell.

/// Passes that one of a run's own tokens (StepEvent::tokens) comes to.
double passesPerToken(const RunSpec& run);
/// Of one step on a model of so many layers.
double workOfStep(const RunSpec& run, int layers);
/// Of judging one placement.
double workOfJudging(const Workbench::EvaluationRequest& request);
/// Of making a bank by this recipe.
double workOfBank(const nlohmann::json& recipe);
/// Of measuring a bank on held-out text once it is trained, which is beside workOfBank().
double workAfterBank(const nlohmann::json& recipe);
/// Of what a run does once its steps are done: placements for its budgets, their losses, and repairs.
double workAfterSteps(const RunSpec& run, int layers);

}  // namespace interleave
