// SPDX-License-Identifier: GPL-3.0-or-later
#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <utility>

#include "backend/core/error.h"
#include "backend/engine/run_catalog.h"
#include "cli/commands/commands.h"
#include "cli/comparison.h"
#include "cli/inputs.h"
#include "cli/recorded_run.h"
#include "cli/run_report.h"

namespace interleave::cli {
namespace {

struct HealOptions {
  RunOptions run;
  std::string placement, out;
  std::optional<std::string> rest;
  std::vector<std::string> changes;
};

std::string absolute(const std::string& path) { return std::filesystem::absolute(path).lexically_normal(); }

RunSpec newSpec(const HealOptions& options) {
  if (options.run.model.empty() || options.placement.empty() || options.out.empty()) {
    throw usageError("heal", "MODEL, --placement and --out are needed, unless a run is resumed");
  }
  const std::string& bank = options.run.bank;
  const ModelFiles files = ModelFiles::open(options.run.model);
  const Placement placement = placementFor(options.placement, files, options.rest, bank);
  Settings heal(searchSettingSpecs(std::string(kHealMethod))), recipe(bankSettingSpecs());
  if (const nlohmann::json told = candidatesFor(bank, options.placement, {}).bank_settings; told.is_object()) {
    recipe.merge(told, options.placement);
  }
  if (const auto stored = makeRunCatalog()->bankRecipe(bank, options.run.model)) recipe = *stored;
  const Settings made = recipe;
  for (const std::string& change : options.changes) assignSetting(heal, recipe, change);
  if (std::filesystem::exists(std::filesystem::path(bank) / "card.json")) checkMadeAs(made, recipe, bank);
  heal.assign("placement=" + placement.letters());
  heal.assign("folder=" + options.out);
  RunSpec spec;
  spec.title = options.run.title;
  spec.model_path = absolute(options.run.model);
  if (!bank.empty()) spec.bank_dir = absolute(bank);
  spec.method = kHealMethod;
  spec.preset.clear();
  spec.budget = Budget::layers(placement.fullCount());
  spec.seed = options.run.seed;
  spec.bank_settings = recipe.json();
  spec.search_settings = heal.json();
  spec.device = options.run.device;
  checkSearchSettings(spec.method, heal);
  checkKinds(heal, recipe);
  return spec;
}

RunSpec resumedSpec(const HealOptions& options, const CLI::App& command, const Store& store) {
  RunSpec spec = storedSpec(options.run, store, options.run.resume, true);
  Settings heal(searchSettingSpecs(spec.method)), recipe(bankSettingSpecs());
  heal.merge(spec.search_settings, options.run.store);
  recipe.merge(spec.bank_settings, options.run.store);
  const nlohmann::json begun = heal.json(), recipe_begun = recipe.json();
  for (const std::string& change : options.changes) assignSetting(heal, recipe, change);
  const bool same = heal.json() == begun && recipe.json() == recipe_begun;
  for (const char* option : {"--set", "--chat"}) checkAgrees(command, option, same);
  checkAgrees(command, "--seed", options.run.seed == spec.seed);
  checkAgrees(command, "--device", options.run.device == spec.device);
  checkAgrees(command, "--placement", false);
  if (!options.out.empty()) heal.assign("folder=" + options.out);  // it may have moved
  spec.search_settings = heal.json();
  spec.resume_from = store.checkpoint(options.run.resume);
  return spec;
}

const ScoreEvent* labelled(const std::vector<ScoreEvent>& scores, std::string_view label) {
  const auto found = std::ranges::find(scores, label, &ScoreEvent::label);
  return found == scores.end() ? nullptr : &*found;
}

/// Each task before and after, and the difference pair by pair.
std::string tableOf(const ScoreEvent& before, const ScoreEvent& after) {
  std::string text =
      fmt::format("\n\n{:<14} {:>10} {:>10}  {:<6} {}", "task", "before", "after", "unit", differenceHeader());
  for (const Score& score : after.scores) {
    const auto then = std::ranges::find(before.scores, score.task, &Score::task);
    if (then == before.scores.end()) continue;
    text += fmt::format("\n{:<14} {:>10.4f} {:>10.4f}  {:<6} {}", score.task, then->value, score.value, score.unit,
                        differenceText(differenceOf(score, *then)));
  }
  return text;
}

/// What the store says of the run: its own cost, and the scores before and after with their differences, pair by pair.
void report(const std::string& file, RunId run, const std::string& folder, Terminal& terminal) {
  const Store store = Store::open(file);
  const RunReport told = storedReport(store, run);
  const std::vector<ScoreEvent> scores = store.scores(run);
  const double last_loss =
      told.last_step ? told.last_step->metrics[static_cast<std::size_t>(Metric::Loss)] : std::nan("");
  nlohmann::json document = told.json();
  for (const char* key :
       {"placements", "logit_operators", "logits", "probabilities", "soft_loss", "hard_loss", "margin"}) {
    document.erase(key);
  }
  document["loss"] = number(last_loss);
  document["folder"] = folder;
  document["before"] = document["after"] = document["differences"] = nullptr;
  std::string text = fmt::format("run {}, {}", run, name(told.phase));
  if (told.last_step) {
    text += fmt::format(": healed {} steps on {} tokens in {:.0f} s, loss {:.4f}, {}", told.last_step->step,
                        told.last_step->tokens, told.last_step->seconds, last_loss, folder);
  }
  const ScoreEvent* const before = labelled(scores, ScoreEvent::kBeforeHealing);
  const ScoreEvent* const after = labelled(scores, ScoreEvent::kAfterHealing);
  if (before != nullptr) document["before"] = toJson(before->scores);
  if (before != nullptr && after != nullptr) {
    document["after"] = toJson(after->scores);
    const Comparison comparison(
        {{before->label, before->placement, before->scores, {}}, {after->label, after->placement, after->scores, {}}},
        0);
    document["differences"] = comparison.json().at("differences");
    text += tableOf(*before, *after);
  }
  terminal.print(document, text);
}

void heal(const HealOptions& options, const CLI::App& command, Terminal& terminal) {
  const bool resumes = options.run.resume != 0;
  RunSpec spec = resumes ? resumedSpec(options, command, Store::open(options.run.store)) : newSpec(options);
  const std::string folder = spec.search_settings.at("folder");
  if (resumes && Store::open(options.run.store).run(options.run.resume).phase == Phase::Done) {
    return report(options.run.store, options.run.resume, folder, terminal);
  }
  const RecordedRun done = runRecorded(std::move(spec), options.run, terminal);
  report(options.run.store, done.run, folder, terminal);
  throwUnlessWhole(done, options.run, "heal");
}

}  // namespace

void declareHeal(CLI::App& app, Terminal& terminal) {
  const auto options = std::make_shared<HealOptions>();
  CLI::App* command = app.add_subcommand("heal", "Train a placement's hybrid towards the teacher's predictions");
  options->run.addTo(*command);
  command->add_option("--placement", options->placement, "A file, layers:I,J,…, uniform:K[:OFFSET], … (see evaluate)");
  command->add_option("--out", options->out, "The folder of the healed weights; a placement from then on: healed:DIR");
  command->add_option("--operator", options->rest, "What stands elsewhere in uniform:K and the like; the bank's best")
      ->check(CLI::IsMember(restOperatorNames()));
  command->add_option("--set", options->changes, "Change a setting, key=value; may be repeated")
      ->type_size(1)
      ->allow_extra_args(false);
  addChatOption(*command, options->changes);
  command->footer([] {
    return settingsTable("Settings (--set key=value)", searchSettingSpecs(std::string(kHealMethod)),
                         {"placement", "folder"});
  });
  command->callback([options, command, &terminal] { heal(*options, *command, terminal); });
}

}  // namespace interleave::cli
