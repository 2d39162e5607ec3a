// SPDX-License-Identifier: GPL-3.0-or-later
#include "sessions/transfer.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "backend/core/error.h"
#include "backend/core/tasks.h"
#include "backend/core/verdict.h"
#include "backend/engine/workbench.h"
#include "backend/formats/atomic_file.h"
#include "cli/commands/commands.h"
#include "cli/comparison.h"
#include "cli/inputs.h"
#include "cli/run_report.h"
#include "sessions/store.h"

namespace interleave::cli {
namespace {

struct TransferOptions {
  std::string store, budget, out;
  std::vector<RunId> runs;
  std::vector<std::string> under;
  Workbench::EvaluationRequest request;  ///< Of every cell, unless its column says otherwise.
  bool chat_asked = false;               ///< Otherwise prompts are in the form of each run.
};

/// A row: what a run found.
struct Found {
  RunId run = 0;
  std::string name;
  RunSpec spec;
  Placement placement;
};

Found foundBy(const Store& store, RunId id, const std::string& budget) {
  Found found{.run = id, .name = {}, .spec = store.spec(id), .placement = {}};
  const std::optional<Budget> wanted = budget.empty() ? std::nullopt : std::optional(Budget::parse(budget));
  found.placement = placementOf(store.placements(id), wanted, id).placement;
  found.name = fmt::format("run {}: {} seed {}", id, found.spec.method, found.spec.seed);
  return found;
}

nlohmann::json jsonOf(const TransferTable& table, const std::vector<Found>& found) {
  nlohmann::json cells = nlohmann::json::array(), agreements = nlohmann::json::array();
  for (std::size_t row = 0; row < table.rows.size(); ++row) {
    for (std::size_t column = 0; column < table.columns.size(); ++column) {
      nlohmann::json cell{{"row", row}, {"column", column}, {"tasks", toJson(table.scores[row][column])}};
      for (const std::string& task : table.tasks()) cell["regret"][task] = toJson(table.regret(row, column, task));
      cells.push_back(std::move(cell));
    }
  }
  for (const std::string& task : table.tasks()) {
    for (std::size_t a = 0; a < table.columns.size(); ++a) {
      for (std::size_t b = a + 1; b < table.columns.size(); ++b) {
        agreements.push_back({{"task", task}, {"columns", {a, b}}, {"spearman", number(table.agreement(a, b, task))}});
      }
    }
  }
  nlohmann::json placements = nlohmann::json::array();
  for (const Found& each : found) placements.push_back(toJson(each.placement));
  return {{"rows", table.rows},
          {"columns", table.columns},
          {"placements", std::move(placements)},
          {"cells", std::move(cells)},
          {"agreement", std::move(agreements)}};
}

/// A cell's value, and ▼ where it is worse than the column's best by more than the interval of the difference.
std::string cellText(const TransferTable& table, std::size_t row, std::size_t column, const std::string& task) {
  const Score* score = table.score(row, column, task);
  if (score == nullptr) return "–";
  const ScoreDifference regret = table.regret(row, column, task);
  const std::string mark(regret.paired ? markOf(*regret.paired) : "");
  return fmt::format("{:.4f} ±{:.4f}{}", score->value, score->standard_error, mark.empty() ? "  " : " " + mark);
}

std::string textOf(const TransferTable& table) {
  std::size_t width = 0;
  for (const std::string& row : table.rows) width = std::max(width, row.size());
  std::string text;
  for (const std::string& task : table.tasks()) {
    const TaskFacts facts = taskFacts(task);
    text += fmt::format("{}{:<{}}", text.empty() ? "" : "\n\n", facts.title + ", " + facts.unit, width);
    for (const std::string& column : table.columns) text += fmt::format("  {:>22}", column);
    for (std::size_t row = 0; row < table.rows.size(); ++row) {
      text += fmt::format("\n{:<{}}", table.rows[row], width);
      for (std::size_t column = 0; column < table.columns.size(); ++column) {
        text += fmt::format("  {:>22}", cellText(table, row, column, task));
      }
    }
    text += fmt::format("\n{:<{}}", "order as in the first, ρ", width);
    for (std::size_t column = 0; column < table.columns.size(); ++column) {
      const double agreement = column == 0 ? NAN : table.agreement(0, column, task);
      text += fmt::format("  {:>22}", std::isnan(agreement) ? "–" : fmt::format("{:.2f}  ", agreement));
    }
  }
  return text + "\n± a standard error; ▼ worse than the best of its column, pair by pair (docs/methods.md)";
}

/// Where scores are recorded. What cannot be is told at the end: the table is worth having without.
struct Records {
  const Store& store;
  std::string file;
  std::unique_ptr<StoreWriter> writer;  ///< Made for the first score that the store does not have.
  std::string problem;

  void add(RunId run, const ScoreEvent& event) {
    if (!problem.empty()) return;
    try {
      if (writer == nullptr) writer = std::make_unique<StoreWriter>(file);
      writer->record(run, event);
      if (!writer->flush()) problem = writer->status().problem;  // now: the next row may have found the same
    } catch (const Error& error) {
      problem = error.reason();
    }
  }
};

/// As the store has it, with another run maybe; otherwise measured. Recorded with the row's run.
std::vector<Score> judged(const Condition& condition, const Found& row, Workbench& workbench, Records& records,
                          Terminal& terminal) {
  auto [event, recorded] = lookUp(records.store, row.run, row.placement, condition);
  if (event.scores.empty()) {
    const auto began = std::chrono::steady_clock::now();
    event.scores = workbench.evaluate(condition.requestFor(row.spec), event.placement, terminal);
    event.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
  }
  if (!recorded) records.add(row.run, event);
  return std::move(event.scores);
}

void transfer(const TransferOptions& options, Terminal& terminal) {
  const Store store = Store::open(options.store);
  TransferTable table;
  std::vector<Found> found;
  for (const RunId id : options.runs) {
    found.push_back(foundBy(store, id, options.budget));
    if (found.back().spec.model_fingerprint != found.front().spec.model_fingerprint) {
      throw usageError("RUN", fmt::format("run {} is of another model than run {}", id, options.runs.front()));
    }
    table.rows.push_back(found.back().name);
  }
  std::vector<Condition> conditions(1);
  conditions.front().request = options.request;
  for (const std::string& text : options.under) conditions.push_back(Condition::parse(text, options.request));
  for (Condition& condition : conditions) {
    if (options.chat_asked && !condition.chat) condition.chat = options.request.chat;
  }
  for (const Condition& condition : conditions) table.columns.push_back(condition.name);
  table.scores.assign(found.size(), std::vector<std::vector<Score>>(conditions.size()));

  Records records{.store = store, .file = options.store, .writer = {}, .problem = {}};
  Workbench workbench;
  for (std::size_t column = 0; column < conditions.size(); ++column) {
    for (std::size_t row = 0; row < found.size(); ++row) {
      terminal.setHeadline(fmt::format("[{} of {}: {}, {}]", column * found.size() + row + 1,
                                       found.size() * conditions.size(), table.rows[row], table.columns[column]));
      table.scores[row][column] = judged(conditions[column], found[row], workbench, records, terminal);
    }
  }
  const nlohmann::json document = jsonOf(table, found);
  if (!options.out.empty()) writeFileAtomically(options.out, document.dump(2) + "\n");
  terminal.print(document, textOf(table));
  if (!records.problem.empty()) throw failure(options.store, "the scores are not recorded: " + records.problem);
}

}  // namespace

void declareTransfer(CLI::App& app, Terminal& terminal) {
  const auto options = std::make_shared<TransferOptions>();
  CLI::App* command =
      app.add_subcommand("transfer", "Judge what runs found under other conditions than it was found with");
  command->add_option("RUN", options->runs, "Runs of one model: the rows")->required();
  command->add_option("--store", options->store, "The store's file")->required();
  command->add_option("--budget", options->budget, "Their placements at this budget; otherwise each run's own");
  command
      ->add_option(
          "--under", options->under,
          "A column: operator=…, bank=…, chat=…, prompt_tokens=…, sequence=…, tokens=…, prompts=…, wording=…, seed=…, "
          "one or several with commas between; may be repeated")
      ->type_size(1)
      ->allow_extra_args(false);
  addEvaluationOptions(*command, options->request);
  command->add_option("--output", options->out, "A file to write the matrix to as well, as JSON");
  command->callback([options, command, &terminal] {
    options->chat_asked = command->count("--chat") > 0;
    transfer(*options, terminal);
  });
}

}  // namespace interleave::cli
