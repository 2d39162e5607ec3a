// SPDX-License-Identifier: GPL-3.0-or-later
#include "cli/recorded_run.h"

#include <fmt/format.h>

#include <chrono>
#include <memory>
#include <thread>
#include <utility>

#include "backend/core/error.h"
#include "backend/engine/mailbox.h"
#include "backend/engine/workbench.h"
#include "backend/formats/model_files.h"
#include "cli/stop_signals.h"

namespace interleave::cli {
namespace {

/// Keeps a run's last step, which the report shows.
class LastStep final : public EventSink {
 public:
  explicit LastStep(std::optional<StepEvent>& step) : step_(step) {}
  void onEvent(const Event& event) override {
    if (const auto* step = std::get_if<StepEvent>(&event)) step_ = *step;
  }

 private:
  std::optional<StepEvent>& step_;
};

Outcome runToEnd(RunSpec spec, EventSink& sink) {
  const std::unique_ptr<Engine> engine = makeEngine();
  engine->start(std::move(spec), sink);
  const std::jthread watch([&](const std::stop_token& over) {
    bool asked = false;
    while (!over.stop_requested() && !asked) {
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
      asked = stopSignalled();
      if (asked) engine->stop();
    }
  });
  return engine->wait();
}

}  // namespace

CLI::Option* RunOptions::addTo(CLI::App& command) {
  command.add_option("MODEL", model, "A Hugging Face folder, or a .gguf file");
  command.add_option("--bank", bank, "The candidates' folder; made when it is not there");
  command.add_option("--store", store, "The file that records the run")->required();
  command.add_option("--seed", seed, "Of everything random")->capture_default_str();
  command.add_option("--title", title, "The run's name in the store");
  command.add_option("--device", device, "Where to compute")
      ->check(CLI::IsMember({"cpu", "cuda"}))
      ->capture_default_str();
  return command.add_option("--resume", resume, "Go on with a stopped run of the store")->check(CLI::PositiveNumber);
}

RecordedRun recordRun(StoreWriter& writer, RunSpec spec, RunId into, EventSink& watcher) {
  RecordedRun done;
  done.run = into != 0 ? into : writer.addRun(spec);
  Recorder recorder(writer, done.run);
  LastStep last(done.last_step);
  FanOut sinks({&recorder, &last, &watcher});
  done.outcome = runToEnd(std::move(spec), sinks);
  writer.flush();
  const StoreWriter::Status status = writer.status();
  if (!status.problem.empty()) {
    done.problem = "not all of the run could be stored: " + status.problem;
  } else if (status.dropped > 0) {
    done.problem = fmt::format("{} of the run's events are not in it", status.dropped);
  }
  return done;
}

RecordedRun runRecorded(RunSpec spec, const RunOptions& options, Terminal& terminal) {
  StoreWriter writer(options.store);
  RecordedRun done = recordRun(writer, std::move(spec), options.resume, terminal);
  if (done.outcome.phase == Phase::Failed) throw Error(done.outcome.error, {}, {}, done.outcome.reason);
  return done;
}

void throwUnlessWhole(const RecordedRun& done, const RunOptions& options, const std::string& command) {
  if (!done.problem.empty()) throw failure(options.store, done.problem);
  if (done.outcome.phase == Phase::Stopped) {
    throw Error(ErrorKind::Stopped, options.store, {},
                "stopped; " + command + " --resume " + std::to_string(done.run) + " goes on");
  }
}

RunSpec storedSpec(const RunOptions& options, const Store& store, RunId run, bool heals) {
  RunSpec spec = store.spec(run);
  if (spec.isHeal() != heals) {
    throw usageError("run " + std::to_string(run), heals ? "is a search, not a heal" : "is a heal, not a search");
  }
  if (!options.model.empty()) spec.model_path = std::filesystem::absolute(options.model).lexically_normal();
  if (!options.bank.empty()) spec.bank_dir = std::filesystem::absolute(options.bank).lexically_normal();
  const ModelFiles files = ModelFiles::open(spec.model_path);
  if (!spec.model_fingerprint.empty() && spec.model_fingerprint != files.fingerprint()) {
    throw badInput(options.store, "run " + std::to_string(run),
                   "is of the model with the fingerprint " + spec.model_fingerprint + ", not of " + spec.model_path +
                       " (" + files.fingerprint() + ")");
  }
  return spec;
}

void checkAgrees(const CLI::App& command, const char* option, bool same) {
  if (command.count(option) == 0 || same) return;
  throw usageError(option, "the run was started otherwise, and goes on as it was");
}

}  // namespace interleave::cli
