// SPDX-License-Identifier: GPL-3.0-or-later
#include "backend/core/transfer.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <map>
#include <memory>
#include <optional>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "backend/core/error.h"
#include "backend/core/tasks.h"
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
};

/// A column: what differs in it from the way in which a placement was found.
struct Condition {
  std::string name = "as found";
  std::optional<MixerKind> rest;    ///< Stands in all layers that keep no attention.
  std::optional<std::string> bank;  ///< Where the operators come from.
  Workbench::EvaluationRequest request;
};

std::int64_t wholeNumber(const std::string& key, const std::string& value, std::int64_t least) {
  std::int64_t number = 0;
  const auto [end, problem] = std::from_chars(value.data(), value.data() + value.size(), number);
  if (problem != std::errc{} || end != value.data() + value.size() || number < least) {
    throw usageError("--under", fmt::format("{}={}: expected a whole number, {} or more", key, value, least));
  }
  return number;
}

/// "KEY=VALUE,KEY=VALUE"; a comma within a value (a folder's name) is part of it.
std::vector<std::pair<std::string, std::string>> wordsIn(const std::string& text) {
  std::vector<std::pair<std::string, std::string>> words;
  std::istringstream rest(text);
  for (std::string word; std::getline(rest, word, ',');) {
    const std::size_t sign = word.find('=');
    if (sign != std::string::npos) {
      words.emplace_back(word.substr(0, sign), word.substr(sign + 1));
    } else if (!words.empty()) {
      words.back().second += "," + word;
    } else {
      break;
    }
  }
  if (words.empty()) throw usageError("--under", "\"" + text + "\": expected KEY=VALUE");
  return words;
}

Condition conditionNamed(const std::string& text, const Workbench::EvaluationRequest& usual) {
  Condition condition{.name = text, .rest = {}, .bank = {}, .request = usual};
  for (const auto& [key, value] : wordsIn(text)) {
    Workbench::EvaluationRequest& request = condition.request;
    const std::map<std::string, std::int64_t*> numbers{{"tokens", &request.text_tokens},
                                                       {"sequence", &request.sequence_length},
                                                       {"prompts", &request.prompts},
                                                       {"prompt_tokens", &request.prompt_tokens}};
    if (const auto number = numbers.find(key); number != numbers.end()) {
      *number->second = wholeNumber(key, value, 1);
    } else if (key == "seed") {
      request.seed = static_cast<std::uint64_t>(wholeNumber(key, value, 0));
    } else if (key == "operator") {
      condition.rest = mixerKindNamed(value);
      if (!condition.rest || condition.rest == MixerKind::Full) {
        throw usageError("--under", "\"" + value + "\" is no operator" + didYouMean(value, restOperatorNames()));
      }
    } else if (key == "bank") {
      condition.bank = value;
    } else if (key == "wording") {
      request.wording = value;
    } else {
      std::vector<std::string> known{"operator", "bank", "seed", "wording"};
      for (const auto& [name, place] : numbers) known.push_back(name);
      throw usageError("--under", "unknown key \"" + key + "\"" + didYouMean(key, known));
    }
  }
  return condition;
}

/// A row: what a run found.
struct Found {
  std::string name;
  RunSpec spec;
  Placement placement;
};

Found foundBy(const Store& store, RunId id, const std::string& budget) {
  Found found{.name = {}, .spec = store.spec(id), .placement = {}};
  const std::optional<Budget> wanted = budget.empty() ? std::nullopt : std::optional(Budget::parse(budget));
  found.placement = placementOf(store.placements(id), wanted, id).placement;
  found.name = fmt::format("run {}: {} seed {}", id, found.spec.method, found.spec.seed);
  return found;
}

Placement under(const Condition& condition, Placement placement) {
  for (int layer = 0; condition.rest && layer < placement.layers(); ++layer) {
    if (placement[layer] != MixerKind::Full) placement.set(layer, *condition.rest);
  }
  return placement;
}

Workbench::EvaluationRequest requestOf(const Condition& condition, const RunSpec& spec) {
  Workbench::EvaluationRequest request = condition.request;
  request.model = spec.model_path;
  request.candidates.bank = condition.bank.value_or(spec.bank_dir);
  request.candidates.bank_settings = spec.bank_settings;
  return request;
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

/// A cell's value, and * where it is worse than the column's best by more than the interval of the difference.
std::string cellText(const TransferTable& table, std::size_t row, std::size_t column, const std::string& task) {
  const Score* score = table.score(row, column, task);
  if (score == nullptr) return "–";
  const ScoreDifference regret = table.regret(row, column, task);
  const bool worse = regret.paired && regret.paired->carries();
  return fmt::format("{:.4f} ±{:.4f}{}", score->value, score->standard_error, worse ? " *" : "  ");
}

std::string textOf(const TransferTable& table) {
  std::size_t width = 0;
  for (const std::string& row : table.rows) width = std::max(width, row.size());
  std::string text;
  for (const std::string& task : table.tasks()) {
    text += fmt::format("{}{:<{}}", text.empty() ? "" : "\n\n", task + ", " + taskFacts(task).unit, width);
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
  return text + "\n± a standard error; * worse than the best of its column, pair by pair (docs/methods.md)";
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
  for (const std::string& text : options.under) conditions.push_back(conditionNamed(text, options.request));
  for (const Condition& condition : conditions) table.columns.push_back(condition.name);
  table.scores.assign(found.size(), std::vector<std::vector<Score>>(conditions.size()));

  Workbench workbench;
  for (std::size_t column = 0; column < conditions.size(); ++column) {
    for (std::size_t row = 0; row < found.size(); ++row) {
      terminal.setHeadline(fmt::format("[{} of {}: {}, {}]", column * found.size() + row + 1,
                                       found.size() * conditions.size(), table.rows[row], table.columns[column]));
      table.scores[row][column] = workbench.evaluate(requestOf(conditions[column], found[row].spec),
                                                     under(conditions[column], found[row].placement), terminal);
    }
  }
  const nlohmann::json document = jsonOf(table, found);
  if (!options.out.empty()) writeFileAtomically(options.out, document.dump(2) + "\n");
  terminal.print(document, textOf(table));
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
      ->add_option("--under", options->under,
                   "A column: operator=…, bank=…, prompt_tokens=…, sequence=…, tokens=…, prompts=…, wording=…, seed=…, "
                   "one or several with commas between; may be repeated")
      ->type_size(1)
      ->allow_extra_args(false);
  addEvaluationOptions(*command, options->request);
  command->add_option("--output", options->out, "A file to write the matrix to as well, as JSON");
  command->callback([options, &terminal] { transfer(*options, terminal); });
}

}  // namespace interleave::cli
