// SPDX-License-Identifier: GPL-3.0-or-later
#include "sessions/neighbours.h"

#include <algorithm>
#include <optional>
#include <set>
#include <utility>

#include "sessions/batch.h"

namespace interleave {
namespace {

std::string finderOf(const RunSummary& run) {
  std::string text = run.method;
  if (!run.preset.empty() && run.preset != run.method) text.append(" ").append(run.preset);
  return text.append(" seed ").append(std::to_string(run.seed)).append(" (run ").append(std::to_string(run.id) + ")");
}

/// What stands in place of full attention in a run that has one such operator.
std::optional<MixerKind> restIn(const Store& store, RunId run) {
  const std::optional<EnvironmentEvent> environment = store.environment(run);
  if (!environment || environment->operators.size() != 2) return std::nullopt;
  return environment->operators[environment->operators[0] == MixerKind::Full ? 1 : 0];
}

/// The same layers kept, `rest` in all others.
Placement keeping(const Placement& placement, MixerKind rest) {
  return Placement::keeping(placement.layers(), placement.kept(), rest);
}

/// All that determines a run but for its method's settings, which are compared one by one. Changes on its way are none.
nlohmann::json aroundSettings(const RunSpec& spec) {
  nlohmann::json essence = essenceOf(spec);
  essence.erase("search");
  return essence;
}

bool wasLeftAlone(const RunSpec& spec) { return spec.interventions.empty() && spec.forked_from.empty(); }

/// The setting in which two runs differ alone, where it is a number in both.
std::optional<std::string> differenceOf(const nlohmann::json& a, const nlohmann::json& b) {
  if (!a.is_object() || !b.is_object() || a.size() != b.size()) return std::nullopt;
  std::optional<std::string> found;
  for (const auto& [key, value] : a.items()) {
    const auto other = b.find(key);
    if (other == b.end()) return std::nullopt;
    if (*other == value || key == "extract") continue;
    if (found || !value.is_number() || !other->is_number()) return std::nullopt;
    found = key;
  }
  return found;
}

}  // namespace

std::map<Placement, std::string> foundElsewhere(const Store& store, RunId of) {
  const RunSummary summary = store.run(of);
  const std::optional<MixerKind> rest = summary.method == kEnumerationMethod ? restIn(store, of) : std::nullopt;
  std::map<Placement, std::string> found;
  for (const RunSummary& run : store.runs()) {
    if (run.id == of || run.model_fingerprint != summary.model_fingerprint || run.method == kHealMethod) continue;
    std::map<Placement, std::string> own;
    for (const PlacementEvent& event : store.placements(run.id)) {
      const Placement its = rest ? keeping(event.placement, *rest) : event.placement;
      own.emplace(its, finderOf(run) + (its != event.placement ? ", with other operators" : ""));
    }
    for (const auto& [placement, finder] : own) {
      std::string& finders = found[placement];
      finders.append(finders.empty() ? "" : "; ").append(finder);
    }
  }
  return found;
}

std::vector<Placement> untriedOf(const std::map<Placement, std::string>& found, std::span<const TrialEvent> trials) {
  std::set<Placement> tried;
  std::set<int> sizes;  // what keeps more layers is beyond the budget, and would be the best of all
  for (const TrialEvent& trial : trials) {
    tried.insert(trial.placement);
    if (!trial.asked) sizes.insert(trial.placement.fullCount());
  }
  std::vector<Placement> untried;
  for (const auto& [placement, finder] : found) {
    if (sizes.contains(placement.fullCount()) && !tried.contains(placement)) untried.push_back(placement);
  }
  return untried;
}

Untried untriedIn(const Store& store, RunId enumeration) {
  const std::vector<TrialEvent> trials = store.trials(enumeration);
  Untried untried{untriedOf(foundElsewhere(store, enumeration), trials), store.run(enumeration).step + 1};
  for (const TrialEvent& trial : trials) untried.next_step = std::max(untried.next_step, trial.step + 1);
  return untried;
}

Sweep sweepWith(const Store& store, RunId of) {
  const RunSummary own = store.run(of);
  const RunSpec own_spec = store.spec(of);
  if (own.phase != Phase::Done || !wasLeftAlone(own_spec)) return {};
  const nlohmann::json around = aroundSettings(own_spec);
  std::map<std::string, std::vector<std::pair<RunId, nlohmann::json>>> sweeps;  // with their settings
  for (const RunSummary& run : store.runs()) {
    if (run.id == of || run.phase != Phase::Done || run.model_fingerprint != own.model_fingerprint) continue;
    const RunSpec spec = store.spec(run.id);
    if (!wasLeftAlone(spec) || aroundSettings(spec) != around) continue;
    if (const auto setting = differenceOf(own_spec.search_settings, spec.search_settings)) {
      sweeps[*setting].emplace_back(run.id, spec.search_settings);
    }
  }
  if (sweeps.empty()) return {};
  const auto& [setting, others] =
      *std::ranges::max_element(sweeps, {}, [](const auto& sweep) { return sweep.second.size(); });
  Sweep sweep{.setting = setting, .points = {}};
  std::vector<std::pair<RunId, nlohmann::json>> runs = others;
  runs.emplace_back(of, own_spec.search_settings);
  for (const auto& [run, settings] : runs) {
    const std::vector<StepEvent> steps = store.steps(run, store.run(run).step);
    if (steps.empty()) continue;
    sweep.points.push_back({run, settings.at(setting).get<double>(), steps.back()});
  }
  std::ranges::sort(sweep.points, {}, [](const Sweep::Point& point) { return std::pair(point.value, point.run); });
  return sweep.points.size() > 1 ? sweep : Sweep{};
}

std::vector<std::string> methodNamesAmong(std::span<const RunSpec> runs) {
  const auto settingsOf = [](const RunSpec& run) {
    nlohmann::json settings = essenceOf(run).at("search");
    return settings.is_object() ? settings : nlohmann::json::object();
  };
  std::map<std::string, std::set<std::string>> presets;                                 // by method
  std::map<std::pair<std::string, std::string>, std::vector<nlohmann::json>> settings;  // by method and preset
  for (const RunSpec& run : runs) {
    presets[run.method].insert(run.preset);
    settings[{run.method, run.preset}].push_back(settingsOf(run));
  }
  std::vector<std::string> names;
  for (const RunSpec& run : runs) {
    std::vector<std::string> words;
    if (presets[run.method].size() > 1) words.push_back(run.preset);
    const nlohmann::json own = settingsOf(run);
    for (auto entry = own.begin(); entry != own.end(); ++entry) {
      const bool same = std::ranges::all_of(settings[{run.method, run.preset}], [&](const nlohmann::json& other) {
        return other.value(entry.key(), nlohmann::json()) == *entry;
      });
      if (!same)
        words.push_back(entry.key() + " = " + (entry->is_string() ? entry->get<std::string>() : entry->dump()));
    }
    std::string& name = names.emplace_back(run.method);
    for (const std::string& word : words) name += (&word == &words.front() ? " (" : ", ") + word;
    if (!words.empty()) name += ")";
  }
  return names;
}

Neighbours neighboursOf(const Store& store, RunId run) { return {foundElsewhere(store, run), sweepWith(store, run)}; }

}  // namespace interleave
