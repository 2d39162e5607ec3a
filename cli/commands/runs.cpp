// SPDX-License-Identifier: GPL-3.0-or-later
#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <utility>

#include "backend/core/error.h"
#include "cli/commands/commands.h"
#include "cli/comparison.h"
#include "cli/run_report.h"
#include "sessions/store.h"

namespace interleave::cli {
namespace {

struct RunOptions {
  std::string store, against;
  RunId run = 0;
  std::vector<RunId> compared;
  bool all = false, for_good = false, steps = false;
};

void list(const RunOptions& options, Terminal& terminal) {
  nlohmann::json runs = nlohmann::json::array();
  std::string text = fmt::format("{:>4}  {:<9} {:<8} {:<24} {:<14} {:>11} {:>9} {:>8}  {}", "run", "status", "method",
                                 "model", "budget", "step", "tokens", "seconds", "created");
  for (const RunSummary& run : Store::open(options.store).runs(options.all)) {
    runs.push_back(toJson(run));
    text += fmt::format("\n{:>4}  {:<9} {:<8} {:<24} {:<14} {:>11} {:>9} {:>8.1f}  {}{}", run.id, name(run.phase),
                        run.method, run.model_name, run.budget.text(), fmt::format("{}/{}", run.step, run.steps),
                        run.tokens, run.seconds, run.created, run.deleted ? "  (deleted)" : "");
  }
  terminal.print({{"runs", std::move(runs)}}, text);
}

void show(const RunOptions& options, Terminal& terminal) {
  const Store store = Store::open(options.store);
  const RunSummary summary = store.run(options.run);
  const RunReport report = storedReport(store, options.run);
  const RunSpec spec = store.spec(options.run);
  nlohmann::json document = report.json();
  document["summary"] = toJson(summary);
  document["spec"] = interleave::toJson(spec);
  document["interventions"] = nlohmann::json::array();
  for (const Intervention& change : spec.interventions) document["interventions"].push_back(interleave::toJson(change));
  document["scores"] = nlohmann::json::array();
  std::string text = report.text(true) + "\nmodel  " + spec.model_path + "\nbank   " + spec.bank_dir + "\nmethod " +
                     spec.method + ", preset " + spec.preset + ", seed " + std::to_string(spec.seed);
  for (const ScoreEvent& event : store.scores(options.run)) {
    document["scores"].push_back({{"label", event.label},
                                  {"placement", toJson(event.placement)},
                                  {"manner", event.manner},
                                  {"seconds", number(event.seconds)},
                                  {"tasks", toJson(event.scores)}});
    for (const Score& score : event.scores) {
      text += fmt::format("\n{:<24} {:<12} {:.4f} ± {:.4f} {} ({} samples)", event.label, score.task, score.value,
                          score.standard_error, score.unit, score.samples);
    }
  }
  document["costs"] = nlohmann::json::array();
  for (const CostEvent& event : store.costs(options.run)) {
    document["costs"].push_back({{"label", event.label},
                                 {"placement", toJson(event.cost.placement)},
                                 {"manner", event.cost.manner},
                                 {"points", toJson(event.cost)},
                                 {"teacher", toJson(event.teacher)}});
    const CostPoint &last = event.cost.points.back(), &teacher = event.teacher.points.back();
    text += fmt::format("\n{:<24} at {} tokens: prefill {:.3f} s, {:.2f} ms a token; teacher {:.3f} s, {:.2f} ms",
                        event.label, last.context_tokens, last.prefillSeconds(), 1e3 * last.decodeSeconds(),
                        teacher.prefillSeconds(), 1e3 * teacher.decodeSeconds());
  }
  document["exports"] = nlohmann::json::array();
  for (const ExportRecord& record : store.exports(options.run)) {
    document["exports"].push_back({{"created", record.created}, {"format", record.format}, {"path", record.path}});
    text += fmt::format("\nexported {} as {} to {}", record.created, record.format, record.path);
  }
  if (options.steps) {
    document["every_step"] = nlohmann::json::array();
    for (const StepEvent& step : store.steps(options.run)) document["every_step"].push_back(toJson(step));
  }
  terminal.print(document, text);
}

/// The judged placements of runs, which must be of one model (usage error). One that several runs were compared with
/// comes once.
std::vector<Judged> judgedIn(const Store& store, const std::vector<RunId>& runs) {
  std::vector<Judged> judged;
  std::optional<RunSummary> first;
  for (const RunId id : runs) {
    const RunSummary run = store.run(id);
    const std::vector<ScoreEvent> scores = store.scores(id);
    if (scores.empty()) continue;
    const RunReport report = storedReport(store, id);
    if (!first) first = run;
    for (const ScoreEvent& event : scores) {
      if (run.model_fingerprint != first->model_fingerprint ||
          (!judged.empty() && event.placement.layers() != judged.front().placement.layers())) {
        throw usageError("runs compare",
                         fmt::format("run {} is of another model than run {}; name those of one model", id, first->id));
      }
      const auto same = [&](const Judged& known) {
        return known.placement == event.placement && known.scores == event.scores;
      };
      if (std::ranges::any_of(judged, same)) continue;
      judged.push_back({.label = runs.size() == 1 ? event.label : fmt::format("run {}: {}", id, event.label),
                        .placement = event.placement,
                        .scores = event.scores,
                        .layer_scores = {}});
      if (report.last_step && std::ranges::count(report.placements, event.placement, &PlacementEvent::placement) > 0) {
        judged.back().layer_scores = fullAdvantages(*report.last_step);
      }
    }
  }
  return judged;
}

void compare(const RunOptions& options, Terminal& terminal) {
  const Store store = Store::open(options.store);
  std::vector<RunId> runs = options.compared;
  if (runs.empty()) {
    for (const RunSummary& run : store.runs()) runs.push_back(run.id);
  }
  std::vector<Judged> judged = judgedIn(store, runs);
  if (judged.size() < 2) {
    throw usageError("runs compare",
                     fmt::format("{} judged placements are stored with these runs; two are needed", judged.size()));
  }
  std::vector<std::string> labels;
  for (const Judged& each : judged) labels.push_back(each.label);
  const std::size_t reference = options.against.empty() ? 0 : namedBy(options.against, labels);
  const Comparison comparison(std::move(judged), reference);
  terminal.print(comparison.json(), comparison.text());
}

void remove(const RunOptions& options, Terminal& terminal) {
  Store::open(options.store).run(options.run);  // a usage error before anything is opened for writing
  StoreWriter writer(options.store);
  if (options.for_good) {
    writer.purge(options.run);
  } else {
    writer.remove(options.run);
  }
  terminal.print({{"run", options.run}, {"deleted", true}, {"for_good", options.for_good}},
                 fmt::format("run {} deleted{}", options.run, options.for_good ? " for good" : ""));
}

void check(const RunOptions& options, Terminal& terminal) {
  const StoreCheck found = checkStore(options.store);
  std::string text = fmt::format("{}: schema {}, {} runs, {} steps; {}", options.store, found.schema_version,
                                 found.runs, found.steps, found.problems.empty() ? "all is well" : "damaged");
  for (const std::string& problem : found.problems) text += "\n  " + problem;
  terminal.print({{"schema_version", found.schema_version},
                  {"runs", found.runs},
                  {"steps", found.steps},
                  {"problems", found.problems}},
                 text);
  if (!found.problems.empty()) throw badInput(options.store, {}, "is damaged");
}

}  // namespace

void declareRuns(CLI::App& app, Terminal& terminal) {
  const auto options = std::make_shared<RunOptions>();
  CLI::App* runs = app.add_subcommand("runs", "The runs in a store");
  runs->require_subcommand(1);
  const auto add = [&](CLI::App* group, const char* name, const char* help, void (*run)(const RunOptions&, Terminal&)) {
    CLI::App* command = group->add_subcommand(name, help);
    command->callback([options, run, &terminal] { run(*options, terminal); });
    return command;
  };
  CLI::App* command = add(runs, "list", "All runs, one a line", list);
  command->add_flag("--all", options->all, "Deleted ones too");
  command->add_option("--store", options->store, "The store's file")->required();

  command = add(runs, "show", "One run: settings, placements, scores", show);
  command->add_option("RUN", options->run, "The run's number")->required();
  command->add_option("--store", options->store, "The store's file")->required();
  command->add_flag("--steps", options->steps, "With --json: every step too, its numbers whole");

  command = add(runs, "compare", "Judged placements of runs with one of them, pair by pair", compare);
  command->add_option("RUN", options->compared, "The runs' numbers; all runs where there is none");
  command->add_option("--store", options->store, "The store's file")->required();
  command->add_option("--against", options->against, "The placement compared with: its label, or its number from 1 on");

  command = add(runs, "delete", "Put a run into the bin", remove);
  command->add_option("RUN", options->run, "The run's number")->required();
  command->add_option("--store", options->store, "The store's file")->required();
  command->add_flag("--for-good", options->for_good, "Remove it from the file");

  CLI::App* store = app.add_subcommand("store", "The file that holds runs");
  store->require_subcommand(1);
  command = add(store, "check", "Read all of it and tell what is damaged", check);
  command->add_option("STORE", options->store, "The store's file")->required();
}

}  // namespace interleave::cli
