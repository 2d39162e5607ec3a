// SPDX-License-Identifier: GPL-3.0-or-later
#include <fmt/format.h>

#include <map>
#include <memory>
#include <string>

#include "backend/core/error.h"
#include "backend/core/regret.h"
#include "backend/engine/workbench.h"
#include "cli/commands/commands.h"
#include "cli/run_report.h"
#include "sessions/neighbours.h"
#include "sessions/store.h"

namespace interleave::cli {
namespace {

struct RegretOptions {
  std::string store, part = "all", model, bank;
  RunId run = 0;
  bool judge = false;
};

/// Tries what other runs found and this one did not, on this one's batches; the trials are kept with it.
void judgeUntried(const RegretOptions& options, Terminal& terminal) {
  const Store store = Store::open(options.store);
  if (store.run(options.run).phase != Phase::Done) {  // its own next trials would take the place of these
    throw usageError("--judge", fmt::format("run {} is not done", options.run));
  }
  const Untried untried = untriedIn(store, options.run);
  if (untried.placements.empty()) return;
  StoreWriter writer(options.store);  // before anything is judged: another process may hold the store
  RunSpec spec = store.spec(options.run);
  if (!options.model.empty()) spec.model_path = options.model;
  if (!options.bank.empty()) spec.bank_dir = options.bank;
  for (const TrialEvent& trial : Workbench().tryPlacements(spec, untried.placements, untried.next_step, terminal)) {
    writer.record(options.run, trial);
  }
  if (!writer.flush()) throw failure(options.store, writer.status().problem);
}

TrialTable::Part partNamed(const std::string& name) {
  return name == "text"      ? TrialTable::Part::Text
         : name == "prompts" ? TrialTable::Part::Prompts
                             : TrialTable::Part::All;
}

void regret(const RegretOptions& options, Terminal& terminal) {
  if (options.judge) judgeUntried(options, terminal);
  const Store store = Store::open(options.store);
  const RunSummary summary = store.run(options.run);
  const std::vector<TrialEvent> trials = store.trials(options.run);
  if (trials.empty()) throw usageError("RUN", fmt::format("run {} tried no placements", options.run));
  const TrialTable table(trials, partNamed(options.part));
  nlohmann::json rows = nlohmann::json::array();
  std::string text =
      fmt::format("run {}: {} placements tried{}, best {}", options.run, table.losses().size(),
                  isFinal(summary.phase) && summary.phase == Phase::Done ? "" : " so far", table.best()->line());
  text += fmt::format("\n{:>6}  {:>9}  {:>9}  {:<21}  {}", "rank", "loss", "regret", "95 % interval", "placement");
  const std::map<Placement, std::string> found = foundElsewhere(store, options.run);
  const auto standings = table.standings(placementsOf(found));
  for (const auto& [placement, standing] : standings) {
    nlohmann::json row = toJson(placement);
    row.update({{"found_by", found.at(placement)},
                {"rank", standing.rank()},
                {"trials", standing.trials},
                {"share_better", {standing.share_better.low, standing.share_better.high}},
                {"loss", standing.loss},
                {"regret", standing.regret},
                {"regret_interval", {standing.regret_interval.low, standing.regret_interval.high}}});
    rows.push_back(std::move(row));
    text += fmt::format("\n{:>6}  {:>9.4f}  {:>9.4f}  {:>9.4f} … {:>9.4f}  {}  {}", standing.rank(), standing.loss,
                        standing.regret, standing.regret_interval.low, standing.regret_interval.high, placement.line(),
                        found.at(placement));
  }
  const bool enumeration = summary.method == kEnumerationMethod;
  const std::size_t untried = enumeration ? untriedOf(found, trials).size() : 0;
  if (untried > 0) {
    text += fmt::format("\n{} other placements of this size were not tried (--judge tries them)", untried);
  }
  terminal.print({{"run", options.run},
                  {"part", options.part},
                  {"trials", table.losses().size()},
                  {"best", toJson(*table.best())},
                  {"placements", std::move(rows)}},
                 text);
}

}  // namespace

void declareRegret(CLI::App& app, Terminal& terminal) {
  const auto options = std::make_shared<RegretOptions>();
  CLI::App* command =
      app.add_subcommand("regret", "Where what other runs found stands among all placements that a run tried");
  command->add_option("RUN", options->run, "A run of the method enumeration (or beam)")->required();
  command->add_option("--store", options->store, "The store's file")->required();
  command->add_option("--part", options->part, "Which losses count")
      ->check(CLI::IsMember({"all", "text", "prompts"}))
      ->capture_default_str();
  CLI::Option* judge = command->add_flag(
      "--judge", options->judge,
      "Of an enumeration: try what other runs found with as many layers and it did not, and keep that");
  command->add_option("--model", options->model, "Where the model lies now")->needs(judge);
  command->add_option("--bank", options->bank, "Where the bank lies now")->needs(judge);
  command->callback([options, &terminal] { regret(*options, terminal); });
}

}  // namespace interleave::cli
