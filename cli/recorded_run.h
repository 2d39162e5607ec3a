// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <optional>
#include <string>

#include "backend/core/events.h"
#include "backend/core/run_spec.h"
#include "backend/engine/engine.h"
#include "cli/terminal.h"
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

/// What every command that makes one run takes.
struct RunOptions {
  std::string model, bank, store, title, device = "cpu";
  std::uint64_t seed = 0;
  RunId resume = 0;

  CLI::Option* addTo(CLI::App& command);  ///< Returns that of --resume.
};

/// recordRun() of a new run or of the one that `options` resumes. Throws what it failed with.
RecordedRun runRecorded(RunSpec spec, const RunOptions& options, Terminal& terminal);
/// After the report: Failed where the store lacks something, Stopped where the run was, naming the `command` that goes
/// on.
void throwUnlessWhole(const RecordedRun& done, const RunOptions& options, const std::string& command);

/// A stored run's settings, with the model and bank of the command line where it names them; they may have moved.
/// Usage error where the run is a heal and `heals` is false, or the other way round.
RunSpec storedSpec(const RunOptions& options, const Store& store, RunId run, bool heals);

/// What the command line says beside a stored run must agree with it.
void checkAgrees(const CLI::App& command, const char* option, bool same);

}  // namespace interleave::cli
