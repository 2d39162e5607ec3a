// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <string>
#include <vector>

#include "backend/core/error.h"
#include "backend/core/events.h"
#include "backend/core/run_spec.h"

namespace interleave {

/// How a run ended.
struct Outcome {
  Phase phase = Phase::Done;  ///< Done, Stopped or Failed.
  ErrorKind error = ErrorKind::Failed;
  std::string reason;                      ///< Why it failed; empty otherwise.
  std::int64_t step = 0;                   ///< Steps done.
  std::vector<PlacementEvent> placements;  ///< One for each budget extracted; the one asked for first.
};

/// One run from start to outcome, on a thread of its own. Any method may be called from any thread.
class Engine {
 public:
  virtual ~Engine() = default;  ///< Stops, then waits.

  virtual void start(RunSpec spec, EventSink& sink) = 0;  ///< Returns at once; Usage error if one is running.
  virtual void intervene(Intervention change) = 0;        ///< Applied, and recorded, at the next step.
  virtual void pause() = 0;                               ///< Never blocks; a PhaseEvent says when it holds.
  virtual void resume() = 0;                              ///< Never blocks.
  virtual void stop() = 0;                                ///< Never blocks; the run stays resumable.
  virtual Outcome wait() = 0;                             ///< The only call that blocks.
};

}  // namespace interleave
