// SPDX-License-Identifier: GPL-3.0-or-later
#include "cli/recorded_run.h"

#include <fmt/format.h>

#include <chrono>
#include <memory>
#include <thread>
#include <utility>

#include "backend/core/error.h"
#include "backend/engine/mailbox.h"
#include "cli/stop_signals.h"

namespace interleave::cli {
namespace {

/// Keeps a run's last step, which the report shows.
class LastStep final : public EventSink {
 public:
  void onEvent(const Event& event) override {
    if (const auto* step = std::get_if<StepEvent>(&event)) step_ = *step;
  }
  const std::optional<StepEvent>& step() const { return step_; }

 private:
  std::optional<StepEvent> step_;
};

/// Runs the engine to its end; the stop signals stop it.
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

EndedRun runRecorded(RunSpec spec, const RunOptions& options, Terminal& terminal) {
  EndedRun ended;
  StoreWriter writer(options.store);
  ended.run = options.resume != 0 ? options.resume : writer.addRun(spec);
  Recorder recorder(writer, ended.run);
  LastStep last;
  FanOut sinks({&recorder, &last, &terminal});
  ended.outcome = runToEnd(std::move(spec), sinks);
  writer.flush();
  const StoreWriter::Status status = writer.status();
  if (!status.problem.empty())
    ended.problem = "not all of the run could be stored: " + status.problem;
  else if (status.dropped > 0)
    ended.problem = fmt::format("{} of the run's events are not in it", status.dropped);
  ended.last_step = last.step();
  if (ended.outcome.phase == Phase::Failed) throw Error(ended.outcome.error, {}, {}, ended.outcome.reason);
  return ended;
}

void throwUnlessWhole(const EndedRun& ended, const RunOptions& options, const std::string& command) {
  if (!ended.problem.empty()) throw failure(options.store, ended.problem);
  if (ended.outcome.phase == Phase::Stopped) {
    throw Error(ErrorKind::Stopped, options.store, {},
                "stopped; " + command + " --resume " + std::to_string(ended.run) + " goes on");
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

void takeBankRecipe(Settings& recipe, const std::string& bank, const ModelFiles& files) {
  const std::filesystem::path file = std::filesystem::path(bank) / "card.json";
  if (!std::filesystem::exists(file)) return;
  const nlohmann::json card = readBankCard(bank);
  const nlohmann::json& key = card.at("key");
  if (key.at("model") != files.fingerprint()) {
    throw badInput(file, "key.model",
                   "the bank was made for " + card.at("model_name").dump() + ", fingerprint " + key.at("model").dump() +
                       "; " + files.path().string() + " has \"" + files.fingerprint() + "\"");
  }
  recipe.merge(key.at("settings"), file);
}

void checkAgrees(const CLI::App& command, const char* option, bool same) {
  if (command.count(option) == 0 || same) return;
  throw usageError(option, "the run was started otherwise, and goes on as it was");
}

}  // namespace interleave::cli
