// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstdint>
#include <vector>

#include "backend/search/method.h"

namespace interleave::testing {

/// A method's context that makes no changes, keeps what it is told, and stops the run after `most` steps.
class Watcher final : public MethodContext {
 public:
  std::vector<Intervention> beginStep(std::int64_t step) override {
    if (step > most) throw stopped();
    return {};
  }
  void emit(const Event& event) override {
    if (const auto* step = std::get_if<StepEvent>(&event)) steps.push_back(*step);
    if (const auto* layers = std::get_if<LayerScoreEvent>(&event)) layer_scores.push_back(*layers);
    if (const auto* trial = std::get_if<TrialEvent>(&event)) trials.push_back(*trial);
    if (const auto* scores_told = std::get_if<ScoreEvent>(&event)) scores.push_back(*scores_told);
    if (const auto* line = std::get_if<LogEvent>(&event); line && line->level == LogEvent::Level::Warning) {
      logs.push_back(line->text);
    }
    if (const auto* placement = std::get_if<PlacementEvent>(&event)) placements.push_back(*placement);
  }
  Progress& progress() override { return progress_; }

  std::int64_t most = 1LL << 40;
  std::vector<StepEvent> steps;
  std::vector<LayerScoreEvent> layer_scores;
  std::vector<TrialEvent> trials;
  std::vector<PlacementEvent> placements;
  std::vector<ScoreEvent> scores;
  std::vector<std::string> logs;  ///< Warnings.

 private:
  NoProgress progress_;
};

}  // namespace interleave::testing
