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
  RunOptions run;
  std::optional<std::string> budget, fork;
  PresetOptions preset;
};

/// A bank that is there is used as it is, so its recipe is what the run records; it must not contradict the command
/// line.
void takeRecipe(Preset& preset, const SearchOptions& options, RunCatalog& catalog) {
  const std::optional<Settings> stored = catalog.bankRecipe(options.run.bank, options.run.model);
  if (!stored) return;
  preset.bank = *stored;
  Settings search = preset.search, asked = preset.bank;
  for (const std::string& change : options.preset.changes) assignSetting(search, asked, change);
  checkMadeAs(preset.bank, asked, options.run.bank);
}

RunSpec newSpec(const SearchOptions& options) {
  if (options.run.model.empty() || options.run.bank.empty()) {
    throw usageError("search", "MODEL and --bank are needed, unless a run is resumed or forked");
  }
  const std::unique_ptr<RunCatalog> catalog = makeRunCatalog();
  catalog->model(options.run.model);  // what is no model is told first
  Preset preset = loadPreset(options.preset.name(), options.preset.method);
  for (const std::string& change : options.preset.changes) assignSetting(preset.search, preset.bank, change);
  takeRecipe(preset, options, *catalog);
  RunSpec spec;
  spec.title = options.run.title;
  spec.model_path = std::filesystem::absolute(options.run.model).lexically_normal();
  spec.bank_dir = std::filesystem::absolute(options.run.bank).lexically_normal();
  spec.method = options.preset.method;
  spec.preset = options.preset.name();
  spec.budget = options.budget ? Budget::parse(*options.budget) : preset.budget;
  spec.seed = options.run.seed;
  spec.bank_settings = preset.bank.json();
  spec.search_settings = preset.search.json();
  spec.device = options.run.device;
  catalog->check(spec);
  return spec;
}

/// Settings that a run cannot change on its way, also not by a fork.
void checkOrigin(const SearchOptions& options, const CLI::App& command, const RunSpec& spec) {
  checkAgrees(command, "--method", options.preset.method == spec.method);
  checkAgrees(command, "--preset", options.preset.preset == spec.preset);
  checkAgrees(command, "--seed", options.run.seed == spec.seed);
  checkAgrees(command, "--device", options.run.device == spec.device);
}

/// The settings of a run after the --set of the command line.
struct ChangedSettings {
  Settings search, bank;
};
ChangedSettings changedSettings(const SearchOptions& options, const RunSpec& spec,
                                std::span<const std::string> changes) {
  ChangedSettings settings{Settings(searchSettingSpecs(spec.method)), Settings(bankSettingSpecs())};
  settings.search.merge(spec.search_settings, options.run.store);
  settings.bank.merge(spec.bank_settings, options.run.store);
  for (const std::string& change : changes) assignSetting(settings.search, settings.bank, change);
  return settings;
}

RunSpec resumedSpec(const SearchOptions& options, const CLI::App& command, const Store& store) {
  RunSpec spec = storedSpec(options.run, store, options.run.resume, false);
  checkOrigin(options, command, spec);
  checkAgrees(command, "--budget", !options.budget || Budget::parse(*options.budget) == spec.budget);
  const auto [own_search, own_bank] = changedSettings(options, spec, {});  // of an older run, completed
  const auto [search, bank] = changedSettings(options, spec, options.preset.changes);
  const bool same = search.json() == own_search.json() && bank.json() == own_bank.json();
  for (const char* option : {"--set", "--chat"}) checkAgrees(command, option, same);
  spec.resume_from = store.checkpoint(options.run.resume);
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
  RunSpec spec = storedSpec(options.run, store, *run, false);
  checkOrigin(options, command, spec);
  std::optional<Checkpoint> checkpoint = at < text.size() ? store.checkpointAt(*run, *wanted) : store.checkpoint(*run);
  if (!checkpoint) throw usageError("--fork", "the store has no checkpoint " + *options.fork);
  spec = forkOf(std::move(spec), *run, std::move(*checkpoint));
  if (options.budget) spec.budget = Budget::parse(*options.budget);
  const auto [search, bank] = changedSettings(options, spec, options.preset.changes);
  if (bank.json() != changedSettings(options, spec, {}).bank.json()) throw usageError("--set", "a fork keeps the bank");
  changeFork(spec, search.json());
  makeRunCatalog()->check(spec);
  spec.title = options.run.title;
  return spec;
}

RunSpec specOf(const SearchOptions& options, const CLI::App& command) {
  if (options.run.resume != 0) return resumedSpec(options, command, Store::open(options.run.store));
  if (options.fork) return forkedSpec(options, command, Store::open(options.run.store));
  return newSpec(options);
}

void search(const SearchOptions& options, const CLI::App& command, Terminal& terminal) {
  RunSpec spec = specOf(options, command);
  if (options.run.resume != 0) {
    const Store store = Store::open(options.run.store);
    if (store.run(options.run.resume).phase == Phase::Done) {
      const RunReport report = storedReport(store, options.run.resume);
      return terminal.print(report.json(), report.text(false));
    }
  }
  RecordedRun done = runRecorded(std::move(spec), options.run, terminal);
  if (!done.last_step) {  // It began behind its last step: a fork of the end, or stopped before its placements.
    done.last_step = storedReport(Store::open(options.run.store), done.run).last_step;
  }
  const RunReport report{done.run, done.outcome.phase, done.last_step, done.outcome.placements,
                         chatOf(Store::open(options.run.store), done.run)};
  terminal.print(report.json(), report.text(false));
  throwUnlessWhole(done, options.run, "search");
}

}  // namespace

void declareSearch(CLI::App& app, Terminal& terminal) {
  const auto options = std::make_shared<SearchOptions>();
  CLI::App* command = app.add_subcommand("search", "Search for the layers that keep full attention");
  CLI::Option* resume = options->run.addTo(*command);
  command->add_option("--method", options->preset.method, "How to search")
      ->check(CLI::IsMember(methodNames()))
      ->capture_default_str();
  command->add_option(
      "--budget", options->budget,
      "Layers that keep full attention (8), or cache bytes at a context length (54MB@8192); the preset's");
  options->preset.addTo(*command);
  addChatOption(*command, options->preset.changes);
  command->add_option("--fork", options->fork, "A new run from a run's checkpoint: RUN, or RUN@STEP")->excludes(resume);
  command->footer([options, command] {
    // --help comes before the options' values are in their places.
    const std::vector<std::string> named = command->get_option("--method")->results();
    const std::string method = named.empty() ? options->preset.method : named.back();
    const std::vector<std::string> known = methodNames();
    if (std::ranges::find(known, method) == known.end()) return std::string();
    return settingsTable(
               "Settings of " + method + ", --set key=value (another's: --method NAME --help). Presets change some",
               searchSettingSpecs(method)) +
           settingsTable("Settings of the bank", bankSettingSpecs());
  });
  command->callback([options, command, &terminal] { search(*options, *command, terminal); });
}

}  // namespace interleave::cli
