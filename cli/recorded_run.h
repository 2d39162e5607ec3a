// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <CLI/CLI.hpp>
#include <optional>
#include <string>

#include "backend/core/run_spec.h"
#include "backend/engine/engine.h"
#include "backend/engine/workbench.h"
#include "backend/formats/model_files.h"
#include "cli/terminal.h"
#include "sessions/store.h"

namespace interleave::cli {

/// What every command that runs the engine into a store takes.
struct RunOptions {
  std::string model, bank, store, title, device = "cpu";
  std::uint64_t seed = 0;
  RunId resume = 0;

  CLI::Option* addTo(CLI::App& command);  ///< Returns that of --resume.
};

/// How a run ended, with what the terminal shows of it.
struct EndedRun {
  RunId run = 0;
  Outcome outcome;                     ///< Done or Stopped.
  std::optional<StepEvent> last_step;  ///< Of this session.
  std::string problem;                 ///< Why not all of it is in the store; empty: it is.
};

/// Runs to the end and records it, as a new run or as the one that `options` resumes; the stop signals stop it. Throws
/// what it failed with.
EndedRun runRecorded(RunSpec spec, const RunOptions& options, Terminal& terminal);
/// After the report: Failed where the store lacks something, Stopped where the run was, naming the `command` that goes
/// on.
void throwUnlessWhole(const EndedRun& ended, const RunOptions& options, const std::string& command);

/// A stored run's settings, with the model and bank of the command line where it names them; they may have moved.
/// Usage error where the run is a heal and `heals` is false, or the other way round.
RunSpec storedSpec(const RunOptions& options, const Store& store, RunId run, bool heals);

/// A bank that is there is used as it is: its settings come over `recipe`. BadInput where it is of another model.
void takeBankRecipe(Settings& recipe, const std::string& bank, const ModelFiles& files);

/// What the command line says beside a stored run must agree with it.
void checkAgrees(const CLI::App& command, const char* option, bool same);

}  // namespace interleave::cli
