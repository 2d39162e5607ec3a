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
    if (const auto* trial = std::get_if<TrialEvent>(&event)) trials.push_back(*trial);
    if (const auto* placement = std::get_if<PlacementEvent>(&event)) placements.push_back(*placement);
  }
  Progress& progress() override { return progress_; }

  std::int64_t most = 1LL << 40;
  std::vector<StepEvent> steps;
  std::vector<TrialEvent> trials;
  std::vector<PlacementEvent> placements;

 private:
  NoProgress progress_;
};

}  // namespace interleave::testing
