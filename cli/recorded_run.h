// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <optional>
#include <string>

#include "backend/core/events.h"
#include "backend/engine/engine.h"
#include "sessions/store.h"

namespace interleave::cli {

/// A run that is over, in the store as far as `problem` does not say otherwise.
struct RecordedRun {
  RunId run = 0;
  Outcome outcome;
  std::optional<StepEvent> last_step;  ///< Absent when no step was done here.
  std::string problem;                 ///< What could not be stored, and why; empty: nothing.
};

/// Runs the engine to its end, recording a new run, or further into `into`; `watcher` sees every event. The stop
/// signals stop it: then it is resumable.
RecordedRun recordRun(StoreWriter& writer, RunSpec spec, RunId into, EventSink& watcher);

}  // namespace interleave::cli
