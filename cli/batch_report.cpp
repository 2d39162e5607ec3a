// SPDX-License-Identifier: GPL-3.0-or-later
#include "cli/batch_report.h"

#include <fmt/format.h>

#include <algorithm>

#include "cli/run_report.h"
#include "cli/terminal.h"

namespace interleave::cli {
namespace {

using nlohmann::json;
using Entry = BatchQueue::Entry;

const ScoreEvent* scoreOf(const Entry& entry, const Placement& placement) {
  const auto found = std::ranges::find(entry.scores, placement, &ScoreEvent::placement);
  return found == entry.scores.end() ? nullptr : &*found;
}

std::string joined(const std::vector<Budget>& budgets) {
  std::string text;
  for (const Budget& budget : budgets) text.append(text.empty() ? "" : ",").append(budget.text());
  return text;
}

/// The baselines of the batch, each once, with a run that has its scores; null: none has.
struct Baseline {
  Judging::Reference reference;
  const ScoreEvent* score = nullptr;
};
std::vector<Baseline> baselinesOf(const BatchQueue& queue) {
  std::vector<Baseline> baselines;
  for (const Entry& entry : queue.entries()) {
    if (!entry.judging) continue;
    for (const Judging::Reference& reference : entry.judging->references) {
      const auto same = [&](const Baseline& known) { return known.reference.placement == reference.placement; };
      auto known = std::ranges::find_if(baselines, same);
      if (known == baselines.end()) known = baselines.insert(known, {reference, nullptr});
      if (known->score == nullptr) known->score = scoreOf(entry, reference.placement);
    }
  }
  return baselines;
}

json jsonOf(const PlacementEvent& found, const Entry& entry) {
  json object = toJson(found.placement);
  object["budget"] = found.budget.text();
  const ScoreEvent* score = scoreOf(entry, found.placement);
  object["tasks"] = score != nullptr ? toJson(score->scores) : json(nullptr);
  return object;
}

json jsonOf(const Entry& entry) {
  const RunSpec& spec = entry.planned.spec;
  json object{{"run", entry.run == 0 ? json(nullptr) : json(entry.run)},
              {"title", spec.title},
              {"method", spec.method},
              {"preset", spec.preset},
              {"seed", spec.seed},
              {"budgets", json::array()},
              {"state", name(entry.state)},
              {"reason", entry.reason},
              {"step", entry.step},
              {"tokens", entry.tokens},
              {"seconds", entry.seconds},
              {"placements", json::array()},
              {"not_judged", json::array()}};
  for (const Budget& budget : entry.planned.budgets) object["budgets"].push_back(budget.text());
  for (const PlacementEvent& found : entry.found) object["placements"].push_back(jsonOf(found, entry));
  for (const auto& [placement, reason] : entry.unjudged) {
    object["not_judged"].push_back({{"line", placement.line()}, {"reason", reason}});
  }
  return object;
}

}  // namespace

std::string batchText(const BatchQueue& queue) {
  std::string text =
      fmt::format("{:<8} {:>4}  {:<28} {:<14} {:>11} {:>9}", "state", "run", "title", "budgets", "step", "time");
  std::string scores;
  for (const Entry& entry : queue.entries()) {
    const std::string steps = entry.steps > 0 ? fmt::format("{}/{}", entry.step, entry.steps) : "";
    text += fmt::format("\n{:<8} {:>4}  {:<28} {:<14} {:>11} {:>9}", name(entry.state),
                        entry.run == 0 ? "" : std::to_string(entry.run), entry.planned.spec.title,
                        joined(entry.planned.budgets), steps, entry.seconds > 0 ? clockText(entry.seconds) : "");
    if (!entry.reason.empty()) text += "  " + entry.reason;
    for (const auto& [placement, reason] : entry.unjudged) {
      text += fmt::format("\n{:>15}{} was not judged: {}", "", placement.line(), reason);
    }
    for (const PlacementEvent& found : entry.found) {
      if (const ScoreEvent* score = scoreOf(entry, found.placement)) {
        scores += scoreRows(score->label, found.placement, score->scores);
      }
    }
  }
  for (const Baseline& baseline : baselinesOf(queue)) {
    if (baseline.score == nullptr) continue;
    scores += scoreRows(baseline.reference.label, baseline.reference.placement, baseline.score->scores);
  }
  return scores.empty() ? text : text + "\n\n" + scoreHeader() + scores;
}

json batchJson(const BatchQueue& queue, const Estimate& remaining) {
  json runs = json::array(), placements = json::array();
  for (const Entry& entry : queue.entries()) runs.push_back(jsonOf(entry));
  for (const Baseline& baseline : baselinesOf(queue)) {
    json object = toJson(baseline.reference.placement);
    object["placement"] = baseline.reference.label;
    object["tasks"] = baseline.score != nullptr ? toJson(baseline.score->scores) : json(nullptr);
    placements.push_back(std::move(object));
  }
  return {{"runs", std::move(runs)},
          {"placements", std::move(placements)},
          {"remaining", {{"seconds", remaining.seconds}, {"unknown", remaining.unknown}, {"rough", remaining.rough}}}};
}

std::string timeText(const Estimate& estimate) {
  std::string about = (estimate.rough ? "roughly " : "about ") + clockText(estimate.seconds);
  if (estimate.unknown == 0) return about;
  if (estimate.seconds == 0) return "unknown";
  return fmt::format("{} and {} {} of unknown time", about, estimate.unknown, estimate.unknown == 1 ? "job" : "jobs");
}

}  // namespace interleave::cli
