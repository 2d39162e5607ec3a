// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "backend/core/events.h"
#include "sessions/store.h"

namespace interleave::cli {

/// What a search says of itself when it is over, whether it has just ended or is read from the store.
struct RunReport {
  RunId run = 0;
  Phase phase = Phase::Done;
  std::optional<StepEvent> last_step;      ///< Absent when no step was done.
  std::vector<PlacementEvent> placements;  ///< That of the budget asked for first.
  std::string chat = {};                   ///< In which form its prompts were, in words; "": it does not say.

  nlohmann::json json() const;
  std::string text(bool all_budgets) const;
};

RunReport storedReport(const Store& store, RunId run);
/// RunReport::chat of a stored run.
std::string chatOf(const Store& store, RunId run);

nlohmann::json number(double value);                ///< JSON has no NaN: what was not measured is null.
nlohmann::json toJson(const Placement& placement);  ///< kept_layers, operators, line.
nlohmann::json toJson(const RunSummary& run);
/// A step by itself, numbers whole: what RunReport tells of the last one, every metric measured, and the line of what
/// would be kept if it stopped there.
nlohmann::json toJson(const StepEvent& step);
nlohmann::json toJson(const std::vector<Score>& scores);  ///< scoresJson().

/// Its points: times, their samples, bytes and FLOPs.
nlohmann::json toJson(const MeasuredCost& cost);

/// Scores as lines, each with a newline before it, below the header.
std::string scoreHeader();
std::string scoreRows(const std::string& label, const Placement& placement, const std::vector<Score>& scores);

/// The placement that a stored run proposes at its own budget, or at another that it extracted. Usage error otherwise.
const PlacementEvent& placementOf(const std::vector<PlacementEvent>& placements, const std::optional<Budget>& budget,
                                  RunId run);

}  // namespace interleave::cli
