// SPDX-License-Identifier: GPL-3.0-or-later
#include "sessions/neighbours.h"

#include <algorithm>
#include <optional>
#include <utility>

namespace interleave {
namespace {

std::string finderOf(const RunSummary& run) {
  std::string text = run.method;
  if (!run.preset.empty()) text.append(" ").append(run.preset);
  return text.append(" seed ").append(std::to_string(run.seed)).append(" (run ").append(std::to_string(run.id) + ")");
}

/// All that determines a run but for its method's settings, which are compared one by one.
nlohmann::json essenceOf(RunSpec spec) {
  spec.search_settings = nullptr;
  spec.title.clear();
  spec.preset.clear();
  nlohmann::json essence = toJson(spec);
  essence["changes"] = spec.interventions.size();
  return essence;
}

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

Neighbours neighboursOf(const Store& store, RunId of) {
  const RunSummary own = store.run(of);
  const RunSpec own_spec = store.spec(of);
  const nlohmann::json essence = essenceOf(own_spec);
  Neighbours neighbours;
  std::map<std::string, std::vector<RunId>> sweeps;
  for (const RunSummary& run : store.runs()) {
    if (run.id == of || run.model_fingerprint != own.model_fingerprint) continue;
    const RunSpec spec = store.spec(run.id);
    if (spec.isHeal()) continue;
    for (const PlacementEvent& event : store.placements(run.id)) {
      std::string& finders = neighbours.found[event.placement];
      finders.append(finders.empty() ? "" : "; ").append(finderOf(run));
    }
    if (run.phase != Phase::Done || essenceOf(spec) != essence) continue;
    if (const auto setting = differenceOf(own_spec.search_settings, spec.search_settings)) {
      sweeps[*setting].push_back(run.id);
    }
  }
  if (sweeps.empty()) return neighbours;
  const auto largest = std::ranges::max_element(sweeps, {}, [](const auto& sweep) { return sweep.second.size(); });
  neighbours.setting = largest->first;
  largest->second.push_back(of);
  for (const RunId run : largest->second) {
    const std::vector<StepEvent> steps = store.steps(run, store.run(run).step);
    const auto value = store.spec(run).search_settings.at(neighbours.setting).get<double>();
    if (!steps.empty()) neighbours.sweep.push_back({run, value, steps.back()});
  }
  std::ranges::sort(neighbours.sweep, {}, [](const auto& swept) { return std::pair(swept.value, swept.run); });
  if (neighbours.sweep.size() < 2) neighbours.sweep.clear(), neighbours.setting.clear();
  return neighbours;
}

}  // namespace interleave
