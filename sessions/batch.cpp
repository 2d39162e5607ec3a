// SPDX-License-Identifier: GPL-3.0-or-later
#include "sessions/batch.h"

#include <algorithm>
#include <map>
#include <utility>

#include "backend/core/digest.h"
#include "backend/core/error.h"
#include "backend/core/setting_differences.h"
#include "backend/formats/chat.h"
#include "backend/formats/published.h"
#include "sessions/pace.h"
#include "sessions/work.h"

namespace interleave {
namespace {

constexpr std::size_t kMostRuns = 4096;
const char* const kExtract = "extract";  ///< The setting that lists further budgets.

/// Runs `body`; what is wrong is told by where in the batch it stands.
template <class Body>
auto at(const Batch& batch, const std::string& place, Body body) {
  try {
    return body();
  } catch (const Error& problem) {
    if (batch.file.empty() || problem.kind() == ErrorKind::Failed) throw;
    throw badInput(batch.file, place, problem.what());
  }
}

/// A name that may be that of a file, as seen from the batch's folder.
std::string seenFrom(const Batch& batch, const std::string& name) {
  if (batch.file.empty() || name.empty()) return name;
  const std::filesystem::path path = std::filesystem::absolute(batch.file).parent_path() / name;
  std::error_code ignored;
  const bool file = name.find('/') != std::string::npos || std::filesystem::is_regular_file(path, ignored);
  return file ? path.lexically_normal().string() : name;
}

/// The same of a placement: of "published:FILE…" the file.
std::string placementSeenFrom(const Batch& batch, const std::string& text) {
  if (!text.starts_with(kPublishedPrefix)) return seenFrom(batch, text);
  const std::string rest = text.substr(kPublishedPrefix.size());
  const std::size_t end = std::min(rest.find_first_of("#:"), rest.size());
  return std::string(kPublishedPrefix).append(seenFrom(batch, rest.substr(0, end))).append(rest.substr(end));
}

bool looksLikePath(const nlohmann::json& value) {
  return value.get_ref<const std::string&>().find_first_of("/.") != std::string::npos;
}

/// A chat form as it is told; a template in a file by its content.
std::string chatTold(const std::string& chat) {
  if (!ChatForm::isFile(chat)) return chat;
  Digest digest;
  digest.add(chatTemplateIn(chat).text);
  return std::filesystem::path(chat).filename().string().append(" ").append(digest.text());
}

/// Changes to settings, with the files that they name as seen from the batch's folder.
void change(Settings& settings, nlohmann::json changes, const Batch& batch) {
  for (const SettingSpec& spec : settings.specs()) {
    const auto value = changes.find(spec.key);
    const bool path = value != changes.end() && value->is_string() && spec.isPath(value->get<std::string>());
    if (path && !batch.file.empty() && (spec.type == SettingSpec::Type::Path || looksLikePath(*value))) {
      *value = (std::filesystem::absolute(batch.file).parent_path() / value->get<std::string>()).string();
    }
  }
  settings.merge(changes, {});
}

/// Every budget that a run tells a placement for, its own first.
std::vector<Budget> budgetsOf(const RunSpec& spec) {
  std::vector<Budget> all{spec.budget};
  const auto extract = spec.search_settings.find(kExtract);
  if (extract == spec.search_settings.end() || !extract->is_string()) return all;
  for (const std::string& word : wordsOf(*extract)) {
    try {
      all.push_back(Budget::parse(word));
    } catch (const Error&) {  // of a store that was tampered with: the run tells no such placement
    }
  }
  return all;
}

bool contains(const std::vector<Budget>& all, const Budget& one) { return std::ranges::find(all, one) != all.end(); }

/// Asks a planned run for further budgets.
void extend(PlannedRun& run, const std::vector<Budget>& budgets) {
  std::vector<Budget> told = budgetsOf(run.spec);
  for (const Budget& budget : budgets) {
    if (!contains(run.budgets, budget)) run.budgets.push_back(budget);
    if (contains(told, budget)) continue;
    told.push_back(budget);
    auto& list = run.spec.search_settings[kExtract].get_ref<std::string&>();
    list.append(list.empty() ? "" : ",").append(budget.text());
  }
}

class Planner {
 public:
  Planner(const Batch& batch, RunCatalog& catalog)
      : batch_(batch), catalog_(catalog), model_(at(batch, "model", [&] { return catalog.model(batch.model); })) {}

  BatchPlan plan() {
    requirePlacements();
    takeRecipe();
    std::size_t seeds = 0;
    for (const Batch::Grid& grid : batch_.runs) seeds = std::max(seeds, grid.seeds.size());
    for (std::size_t seed = 0; seed < seeds; ++seed) {
      for (std::size_t i = 0; i < batch_.runs.size(); ++i) {
        if (seed < batch_.runs[i].seeds.size()) addGrid(batch_.runs[i], seed, "runs[" + std::to_string(i) + "]");
      }
    }
    plan_.prepares_bank = !bank_is_there_ && isTrained(restOperator());
    checkForms();
    if (batch_.evaluation) judge();
    return std::move(plan_);
  }

 private:
  Preset presetOf(const Batch::Method& method) { return catalog_.preset(seenFrom(batch_, method.preset), method.name); }

  /// A placement that is missing is told before the bank is looked at.
  void requirePlacements() {
    for (std::size_t i = 0; i < batch_.placements.size(); ++i) {
      const std::string text = placementSeenFrom(batch_, batch_.placements[i]);
      std::error_code unreadable;
      if (text.find(':') != std::string::npos || text.find_first_of("./") == std::string::npos ||
          std::filesystem::exists(text, unreadable)) {
        continue;
      }
      at(batch_, "placements[" + std::to_string(i) + "]", [&] { throw badInput(text, {}, "there is no such file"); });
    }
  }

  /// One recipe for all runs: that of the bank which is there, else of the first method's preset.
  void takeRecipe() {
    const Preset first = at(batch_, "runs[0].methods[0]", [&] { return presetOf(batch_.runs.at(0).methods.at(0)); });
    at(batch_, "bank_settings", [&] {
      const std::optional<Settings> stored = catalog_.bankRecipe(batch_.bank, batch_.model);
      recipe_ = stored ? *stored : first.bank;
      change(recipe_, batch_.bank_settings, batch_);
      if (stored && stored->json() != recipe_.json()) {
        throw usageError("bank", "the one in " + batch_.bank.string() + " was made otherwise: there " +
                                     settingDifferences(stored->json(), recipe_.json()) +
                                     ". Leave bank_settings out to use it as it is, or name another folder");
      }
      bank_is_there_ = stored.has_value();
    });
  }

  /// All methods with one of the seeds.
  void addGrid(const Batch::Grid& grid, std::size_t seed, const std::string& place) {
    for (std::size_t i = 0; i < grid.methods.size(); ++i) {
      at(batch_, place + ".methods[" + std::to_string(i) + "]",
         [&] { addRuns(grid, grid.methods[i], grid.seeds[seed]); });
    }
  }

  void addRuns(const Batch::Grid& grid, const Batch::Method& method, std::uint64_t seed) {
    Preset preset = presetOf(method);
    change(preset.search, grid.settings, batch_);
    change(preset.search, method.settings, batch_);
    RunSpec spec;
    spec.model_path = std::filesystem::absolute(batch_.model).lexically_normal().string();
    spec.bank_dir = std::filesystem::absolute(batch_.bank).lexically_normal().string();
    spec.method = method.name;
    spec.preset = preset.name;
    spec.seed = seed;
    spec.bank_settings = recipe_.json();
    spec.search_settings = preset.search.json();
    spec.device = batch_.device;
    spec.model_fingerprint = model_.fingerprint;
    const std::vector<Budget> budgets = grid.budgets.empty() ? std::vector{preset.budget} : grid.budgets;
    NoProgress quiet;  // each run tells what is odd about the model
    const RunCatalog::Prompts prompts = catalog_.prompts(batch_.model, spec.chat(), quiet);
    spec.prompt_form = prompts.form;
    for (const Budget& budget : budgets) {
      spec.budget = budget;
      spec.title = standardTitle(spec);
      catalog_.check(spec);
      if (grid.per_budget || !spec.search_settings.contains(kExtract))
        addRun(spec, {budget}, preset.search, prompts.earlier);
    }
    if (grid.per_budget || !spec.search_settings.contains(kExtract)) return;
    spec.budget = budgets.front();
    spec.title = standardTitle(spec);
    addRun(spec, budgets, preset.search, prompts.earlier);
  }

  /// Adds a run, unless it is there already; then the budgets are asked of that one.
  void addRun(const RunSpec& spec, const std::vector<Budget>& budgets, const Settings& settings,
              const std::string& earlier_form) {
    const auto [place, fresh] = known_.try_emplace(essenceOf(spec), plan_.runs.size());
    if (fresh) {
      if (plan_.runs.size() >= kMostRuns) throw usageError("runs", "they are more than " + std::to_string(kMostRuns));
      plan_.runs.push_back({.spec = spec,
                            .budgets = {spec.budget},
                            .defaults = Settings(settings.specs()).json(),
                            .earlier_form = earlier_form});
      nameApart(plan_.runs.back().spec);
    }
    PlannedRun& run = plan_.runs[place->second];
    extend(run, budgets);
    run.steps = plannedSteps(run.spec, model_.layers);
    run.step_work = workOfStep(run.spec, model_.layers);
  }

  /// A title that another run has already: with the preset's name in place of the method's, else with a number.
  void nameApart(RunSpec& spec) {
    const auto known = presets_.find(spec.title);
    if (known != presets_.end() && known->second != spec.preset) {
      spec.title = spec.preset + spec.title.substr(spec.method.size());
    }
    presets_.try_emplace(spec.title, spec.preset);
    if (const int used = ++titles_[spec.title]; used > 1) spec.title.append("-").append(std::to_string(used));
  }

  /// The best of the operators that the runs choose from: what stands in a baseline's other layers.
  MixerKind restOperator() const {
    MixerKind best = MixerKind::SlidingWindow;
    for (const PlannedRun& run : plan_.runs) {
      for (const std::string& word : wordsOf(run.spec.search_settings.value("operators", std::string()))) {
        best = std::max(best, mixerKindNamed(word).value_or(best));
      }
    }
    return best;
  }

  /// One bank cannot be aligned on prompts in several forms.
  void checkForms() {
    if (!plan_.prepares_bank || recipe_.json().value("prompt_share", 0.0) <= 0) return;
    const std::string& form = plan_.runs.front().spec.prompt_form;
    if (std::ranges::all_of(plan_.runs, [&](const PlannedRun& run) { return run.spec.prompt_form == form; })) return;
    at(batch_, "runs", [] {
      throw usageError(kChatSetting, "the bank would be aligned on prompts, and the runs have them in several forms");
    });
  }

  void judge() {
    auto judging = std::make_shared<Judging>();
    judging->request = *batch_.evaluation;
    judging->request.model = plan_.runs.front().spec.model_path;
    judging->request.candidates = {plan_.runs.front().spec.bank_dir, recipe_.json()};
    judging->request.execution.device = batch_.device;
    const std::string chat = plan_.runs.front().spec.chat();
    const bool alike = std::ranges::all_of(plan_.runs, [&](const PlannedRun& run) { return run.spec.chat() == chat; });
    if (batch_.judged_as_found && alike) judging->request.chat = chat;
    at(batch_, "evaluation", [&] { catalog_.check(judging->request); });
    judging->manner = mannerOf(judging->request);
    for (std::size_t i = 0; i < batch_.placements.size(); ++i) {
      at(batch_, "placements[" + std::to_string(i) + "]", [&] {
        const std::string& text = batch_.placements[i];
        if (text.starts_with("healed:") || text.starts_with("hybrid:"))
          throw usageError("placement", "a batch judges with the bank's operators alone");
        judging->references.push_back(
            {text, catalog_.placement(placementSeenFrom(batch_, text), batch_.model, restOperator())});
      });
    }
    plan_.judging = std::move(judging);
  }

  const Batch& batch_;
  RunCatalog& catalog_;
  const RunCatalog::Model model_;
  Settings recipe_;
  bool bank_is_there_ = false;
  BatchPlan plan_;
  std::map<nlohmann::json, std::size_t> known_;  // by essence: where in the plan
  std::map<std::string, int> titles_;            // how often each was given
  std::map<std::string, std::string> presets_;   // to which preset first
};

}  // namespace

BatchPlan planBatch(const Batch& batch, RunCatalog& catalog) { return Planner(batch, catalog).plan(); }

std::string mannerOf(const Workbench::EvaluationRequest& request) {
  std::string text;
  for (const std::string& task : request.tasks) text.append(text.empty() ? "" : ", ").append(task);
  const auto add = [&text](const char* before, std::int64_t count, const char* after) {
    text.append(before).append(std::to_string(count)).append(after);
  };
  add("; ", request.text_tokens, " tokens of text");
  add(" in sequences of ", request.sequence_length, "");
  add("; ", request.prompts, " prompts");
  add(" of ", request.prompt_tokens, " tokens, wording ");
  text.append(request.wording);
  if (request.chat != ChatForm::kAuto) text.append(", chat ").append(chatTold(request.chat));
  text.append("; seed ").append(std::to_string(request.seed));
  if (!request.generate) text.append("; answers by their NLL alone");
  for (const std::filesystem::path& file :
       {std::filesystem::path(request.hay_file), request.squad_file, request.hotpot_file}) {
    if (!file.empty()) text.append("; ").append(file.string());
  }
  const Workbench::EvaluationRequest usual;
  if (request.passkeys != usual.passkeys || request.passkey_words != usual.passkey_words) {
    add("; ", request.passkeys, " pass keys");
    add(" of ", request.passkey_words, " words");
  }
  return text.append("; ").append(request.execution.precision).append(" on ").append(request.execution.device);
}

nlohmann::json essenceOf(const RunSpec& spec) {
  nlohmann::json search = spec.search_settings;
  if (search.is_object()) {
    search.erase(kExtract);
    const bool known_file = ChatForm::isFile(spec.chat()) && !spec.prompt_form.empty();
    search[kChatSetting] = known_file ? "file" : spec.chat();  // what it holds is told below
  }
  return {{"method", spec.method},
          {"budget", spec.budget.text()},
          {"seed", spec.seed},
          {"device", spec.device},
          {"search", std::move(search)},
          {"prompts", spec.prompt_form},
          {"bank", std::filesystem::path(spec.bank_dir).filename().string()},
          {"bank_settings", spec.bank_settings}};
}

bool answers(const RunSpec& stored, const PlannedRun& planned) {
  const RunSpec& wanted = planned.spec;
  if (!stored.forked_from.empty() || !stored.interventions.empty()) return false;
  // A run that was cut off before it had loaded its model knows only where that lies.
  const bool same_model = stored.model_fingerprint.empty() ? stored.model_path == wanted.model_path
                                                           : stored.model_fingerprint == wanted.model_fingerprint;
  RunSpec completed = stored;  // of an older program, which did not know all settings: they had no effect
  if (completed.search_settings.is_object()) {
    for (const auto& [key, value] : planned.defaults.items()) completed.search_settings.emplace(key, value);
  }
  if (!stored.tellsChat()) {
    completed.prompt_form = planned.earlier_form;
  } else if (stored.prompt_form.empty() && stored.chat() == wanted.chat()) {  // it was cut off, as above
    completed.prompt_form = wanted.prompt_form;
  }
  if (!same_model || essenceOf(completed) != essenceOf(wanted)) return false;
  const std::vector<Budget> told = budgetsOf(stored);
  return std::ranges::all_of(planned.budgets, [&](const Budget& budget) { return contains(told, budget); });
}

}  // namespace interleave
