// SPDX-License-Identifier: GPL-3.0-or-later
#include <algorithm>
#include <charconv>
#include <memory>
#include <string_view>

#include "backend/core/error.h"
#include "backend/engine/run_catalog.h"
#include "cli/commands/commands.h"
#include "cli/inputs.h"
#include "cli/recorded_run.h"
#include "cli/run_report.h"
#include "sessions/store.h"

namespace interleave::cli {
namespace {

struct SearchOptions {
  std::string model, bank, store, title, device = "cpu";
  std::optional<std::string> budget, fork;
  std::uint64_t seed = 0;
  RunId resume = 0;
  PresetOptions preset;
};

/// A bank that is there is used as it is, so its recipe is what the run records; it must not contradict the command
/// line.
void takeRecipe(Preset& preset, const SearchOptions& options, RunCatalog& catalog) {
  const std::optional<Settings> stored = catalog.bankRecipe(options.bank, options.model);
  if (!stored) return;
  preset.bank = *stored;
  Settings search = preset.search, asked = preset.bank;
  for (const std::string& change : options.preset.changes) assignSetting(search, asked, change);
  checkMadeAs(preset.bank, asked, options.bank);
}

RunSpec newSpec(const SearchOptions& options) {
  if (options.model.empty() || options.bank.empty()) {
    throw usageError("search", "MODEL and --bank are needed, unless a run is resumed or forked");
  }
  const std::unique_ptr<RunCatalog> catalog = makeRunCatalog();
  catalog->model(options.model);  // what is no model is told first
  Preset preset = loadPreset(options.preset.name(), options.preset.method);
  for (const std::string& change : options.preset.changes) assignSetting(preset.search, preset.bank, change);
  takeRecipe(preset, options, *catalog);
  RunSpec spec;
  spec.title = options.title;
  spec.model_path = std::filesystem::absolute(options.model).lexically_normal();
  spec.bank_dir = std::filesystem::absolute(options.bank).lexically_normal();
  spec.method = options.preset.method;
  spec.preset = options.preset.name();
  spec.budget = options.budget ? Budget::parse(*options.budget) : preset.budget;
  spec.seed = options.seed;
  spec.bank_settings = preset.bank.json();
  spec.search_settings = preset.search.json();
  spec.device = options.device;
  catalog->check(spec);
  return spec;
}

/// A stored run's settings, with the model and bank of the command line where it names them; they may have moved.
RunSpec storedSpec(const SearchOptions& options, const Store& store, RunId run) {
  RunSpec spec = store.spec(run);
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

/// What the command line says beside a stored run must agree with it.
void checkAgrees(const CLI::App& command, const char* option, bool same) {
  if (command.count(option) == 0 || same) return;
  throw usageError(option, "the run was started otherwise, and goes on as it was");
}

/// Settings that a run cannot change on its way, also not by a fork.
void checkOrigin(const SearchOptions& options, const CLI::App& command, const RunSpec& spec) {
  checkAgrees(command, "--method", options.preset.method == spec.method);
  checkAgrees(command, "--preset", options.preset.preset == spec.preset);
  checkAgrees(command, "--seed", options.seed == spec.seed);
  checkAgrees(command, "--device", options.device == spec.device);
}

/// The settings of a run after the --set of the command line.
struct ChangedSettings {
  Settings search, bank;
};
ChangedSettings changedSettings(const SearchOptions& options, const RunSpec& spec) {
  ChangedSettings settings{Settings(searchSettingSpecs(spec.method)), Settings(bankSettingSpecs())};
  settings.search.merge(spec.search_settings, options.store);
  settings.bank.merge(spec.bank_settings, options.store);
  for (const std::string& change : options.preset.changes) assignSetting(settings.search, settings.bank, change);
  return settings;
}

RunSpec resumedSpec(const SearchOptions& options, const CLI::App& command, const Store& store) {
  RunSpec spec = storedSpec(options, store, options.resume);
  checkOrigin(options, command, spec);
  checkAgrees(command, "--budget", !options.budget || Budget::parse(*options.budget) == spec.budget);
  const auto [search, bank] = changedSettings(options, spec);
  checkAgrees(command, "--set", search.json() == spec.search_settings && bank.json() == spec.bank_settings);
  spec.resume_from = store.checkpoint(options.resume);
  return spec;
}

std::optional<std::int64_t> wholeNumber(std::string_view text) {
  std::int64_t value = 0;
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), value);
  return code == std::errc{} && end == text.data() + text.size() ? std::optional(value) : std::nullopt;
}

/// "RUN@STEP", or "RUN" for its newest checkpoint, with another budget or other settings of the method.
RunSpec forkedSpec(const SearchOptions& options, const CLI::App& command, const Store& store) {
  const std::string_view text = *options.fork;
  const std::size_t at = std::min(text.find('@'), text.size());
  const auto run = wholeNumber(text.substr(0, at));
  const auto wanted = at < text.size() ? wholeNumber(text.substr(at + 1)) : std::optional<std::int64_t>(0);
  if (!run || !wanted) throw usageError("--fork", "\"" + *options.fork + "\" is neither RUN nor RUN@STEP");
  RunSpec spec = storedSpec(options, store, *run);
  checkOrigin(options, command, spec);
  std::optional<Checkpoint> checkpoint = at < text.size() ? store.checkpointAt(*run, *wanted) : store.checkpoint(*run);
  if (!checkpoint) throw usageError("--fork", "the store has no checkpoint " + *options.fork);
  spec = forkOf(std::move(spec), *run, std::move(*checkpoint));
  if (options.budget) spec.budget = Budget::parse(*options.budget);
  const auto [search, bank] = changedSettings(options, spec);
  if (bank.json() != spec.bank_settings) throw usageError("--set", "a fork keeps the bank");
  changeFork(spec, search.json());
  makeRunCatalog()->check(spec);
  spec.title = options.title;
  return spec;
}

RunSpec specOf(const SearchOptions& options, const CLI::App& command) {
  if (options.resume != 0) return resumedSpec(options, command, Store::open(options.store));
  if (options.fork) return forkedSpec(options, command, Store::open(options.store));
  return newSpec(options);
}

void search(const SearchOptions& options, const CLI::App& command, Terminal& terminal) {
  RunSpec spec = specOf(options, command);
  if (options.resume != 0) {
    const Store store = Store::open(options.store);
    if (store.run(options.resume).phase == Phase::Done) {
      const RunReport report = storedReport(store, options.resume);
      return terminal.print(report.json(), report.text(false));
    }
  }
  RecordedRun done;
  {
    StoreWriter writer(options.store);
    done = recordRun(writer, std::move(spec), options.resume, terminal);
  }
  if (!done.last_step) {  // It began behind its last step: a fork of the end, or stopped before its placements.
    done.last_step = storedReport(Store::open(options.store), done.run).last_step;
  }
  const Outcome& outcome = done.outcome;
  if (outcome.phase == Phase::Failed) throw Error(outcome.error, {}, {}, outcome.reason);
  const RunReport report{done.run, outcome.phase, done.last_step, outcome.placements};
  terminal.print(report.json(), report.text(false));
  if (!done.problem.empty()) throw failure(options.store, done.problem);
  if (outcome.phase == Phase::Stopped) {
    throw Error(ErrorKind::Stopped, options.store, {},
                "stopped; search --resume " + std::to_string(done.run) + " goes on");
  }
}

}  // namespace

void declareSearch(CLI::App& app, Terminal& terminal) {
  const auto options = std::make_shared<SearchOptions>();
  CLI::App* command = app.add_subcommand("search", "Search for the layers that keep full attention");
  command->add_option("MODEL", options->model, "A Hugging Face folder, or a .gguf file");
  command->add_option("--bank", options->bank, "The candidates' folder; made when it is not there");
  command->add_option("--store", options->store, "The file that records the run")->required();
  command->add_option("--method", options->preset.method, "How to search")
      ->check(CLI::IsMember(methodNames()))
      ->capture_default_str();
  command->add_option(
      "--budget", options->budget,
      "Layers that keep full attention (8), or cache bytes at a context length (54MB@8192); the preset's");
  options->preset.addTo(*command);
  command->add_option("--seed", options->seed, "Of everything random")->capture_default_str();
  command->add_option("--title", options->title, "The run's name in the store");
  command->add_option("--device", options->device, "Where to compute")
      ->check(CLI::IsMember({"cpu", "cuda"}))
      ->capture_default_str();
  CLI::Option* resume = command->add_option("--resume", options->resume, "Go on with a stopped run of the store");
  resume->check(CLI::PositiveNumber);
  command->add_option("--fork", options->fork, "A new run from a run's checkpoint: RUN, or RUN@STEP")->excludes(resume);
  command->callback([options, command, &terminal] { search(*options, *command, terminal); });
}

}  // namespace interleave::cli
