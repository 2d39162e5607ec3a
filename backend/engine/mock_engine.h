// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "backend/engine/engine.h"
#include "backend/engine/turns.h"

namespace interleave {

/// What a mock run looks like.
struct MockScript {
  int layers = 30;
  std::vector<MixerKind> operators{MixerKind::Full, MixerKind::GdnWindow};  ///< Full first.
  std::int64_t steps = 48;
  std::int64_t alignment_steps = 20;  ///< Of each trained operator; none on resume.
  double steps_per_second = 0;        ///< Of steps and alignment steps; 0: as fast as it can.
  std::int64_t fail_at_step = 0;      ///< Fails after this step; 0: never.
};

/// What a mock model's operators cost.
CostTable mockCosts(std::int64_t context_tokens, int layers);

/// An engine without a model, for tests of what listens to one: events of every kind, in the order of a real search and
/// of plausible size, which depend on the specification alone (its seed, budget, interventions, and checkpoint), times
/// included. Logits drift towards a hidden order of importance drawn from the seed. Live settings: "budget",
/// "temperature", "learning_rate".
std::unique_ptr<Engine> makeMockEngine(MockScript script, std::shared_ptr<Turns> turns = nullptr);

}  // namespace interleave
