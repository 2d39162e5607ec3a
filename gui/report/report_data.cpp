// SPDX-License-Identifier: GPL-3.0-or-later
#include "gui/report/report_data.h"

#include <algorithm>
#include <functional>
#include <utility>

#include "backend/core/error.h"
#include "gui/app/run_library.h"
#include "gui/style/format.h"

namespace interleave::gui {
namespace {

QString budgetText(const Budget& budget) {
  return budget.unit == Budget::Unit::FullLayers ? QStringLiteral("K = %1").arg(budget.amount) : qt(budget.text());
}

ComparedPlacement& entryOf(Comparison& comparison, const QString& label, const Placement& placement) {
  auto& all = comparison.placements;
  const auto known = std::ranges::find(all, placement, &ComparedPlacement::placement);
  if (known == all.end()) return all.emplace_back(label, placement);
  const QStringList labels = known->label.split(QStringLiteral("; "));
  if (!labels.contains(label)) known->label += QStringLiteral("; ") + label;
  return *known;
}

/// Adds a placement that a run found, under the names that it has for that.
void addFound(Comparison& comparison, const ReportRun& run, const PlacementEvent& found) {
  const RunSummary& summary = run.summary;
  const QString title = runTitle(summary.id, summary.title, summary.method);
  ComparedPlacement& entry =
      entryOf(comparison, QStringLiteral("%1, %2").arg(title, budgetText(found.budget)), found.placement);
  entry.names.insert(entry.names.end(), {std::to_string(summary.id), summary.method, summary.title});
  const std::vector<StepEvent>& steps = run.record->steps;
  if (entry.layer_scores.empty() && !steps.empty()) entry.layer_scores = fullAdvantages(steps.back());
}

void addScores(ComparedPlacement& entry, const ScoreEvent& event) {
  std::vector<Score>& scores = entry.scores[event.manner];
  for (const Score& score : event.scores) {
    std::erase_if(scores, [&](const Score& known) { return known.task == score.task; });  // measured anew
    scores.push_back(score);
  }
}

void addRun(Comparison& comparison, const ReportRun& run) {
  comparison.runs.push_back(run);
  const std::vector<const PlacementEvent*> reported = reportedOf(run);
  for (const PlacementEvent* found : reported) addFound(comparison, run, *found);
  for (const ScoreEvent& event : run.record->scores) {
    if (event.placement.layers() == 0) continue;
    const bool its =
        std::ranges::any_of(reported, [&](const PlacementEvent* found) { return found->placement == event.placement; });
    auto& all = comparison.placements;
    const auto known = std::ranges::find(all, event.placement, &ComparedPlacement::placement);
    ComparedPlacement& entry = its ? *known : entryOf(comparison, qt(event.label), event.placement);
    entry.names.insert(entry.names.end(), {event.label, event.label.substr(0, event.label.find(':'))});
    addScores(entry, event);
  }
}

void orderManners(Comparison& comparison) {
  std::map<std::string, int> counts;
  for (const ComparedPlacement& entry : comparison.placements) {
    for (const auto& [manner, scores] : entry.scores) ++counts[manner];
  }
  for (const auto& [manner, count] : counts) comparison.manners.push_back(manner);
  std::ranges::stable_sort(comparison.manners, std::greater{},
                           [&](const std::string& manner) { return counts[manner]; });
}

bool hasName(const ComparedPlacement& entry, const std::string& name) {
  if (name.empty()) return entry.placement.fullCount() < entry.placement.layers();
  return std::ranges::find(entry.names, name) != entry.names.end();
}

}  // namespace

std::vector<ReportRun> reportRuns(const std::filesystem::path& file, std::span<const RunId> wanted) {
  const Store store = Store::open(file);
  std::vector<RunId> ids;
  for (const RunId id : wanted) {
    if (std::ranges::find(ids, id) == ids.end()) ids.push_back(id);
  }
  if (wanted.empty()) {
    for (const RunSummary& run : store.runs()) ids.push_back(run.id);
  }
  if (ids.empty()) throw usageError("report", "there is no run in " + file.string());
  std::vector<ReportRun> runs;
  for (const RunId id : ids) {
    runs.push_back({store.run(id), std::make_shared<RunRecord>(loadRecord(store, id))});
  }
  return runs;
}

std::vector<const PlacementEvent*> reportedOf(const ReportRun& run) {
  const RunRecord& record = *run.record;
  const auto judged = [&](const Placement& placement) {
    return std::ranges::find(record.scores, placement, &ScoreEvent::placement) != record.scores.end();
  };
  std::vector<const PlacementEvent*> reported;
  for (const PlacementEvent& found : record.placements) {
    if (reported.empty() || judged(found.placement)) reported.push_back(&found);
  }
  return reported;
}

std::vector<Comparison> comparisonsOf(const std::vector<ReportRun>& runs) {
  std::vector<Comparison> comparisons;
  for (const ReportRun& run : runs) {
    const RunRecord& record = *run.record;
    const auto sameSubject = [&](const Comparison& comparison) {
      const RunRecord& like = *comparison.like;
      return like.layers() == record.layers() && like.spec.model_fingerprint == record.spec.model_fingerprint &&
             like.spec.bank_dir == record.spec.bank_dir && like.spec.bank_settings == record.spec.bank_settings;
    };
    auto found = std::ranges::find_if(comparisons, sameSubject);
    if (found == comparisons.end()) found = comparisons.insert(found, {.like = run.record});
    addRun(*found, run);
  }
  std::erase_if(comparisons, [](const Comparison& comparison) { return comparison.placements.empty(); });
  for (Comparison& comparison : comparisons) {
    orderManners(comparison);
    std::ranges::stable_sort(comparison.placements, {}, [](const auto& entry) { return entry.placement.fullCount(); });
  }
  return comparisons;
}

bool namesAny(const Comparison& comparison, const std::string& against) {
  return against.empty() ||
         std::ranges::any_of(comparison.placements, [&](const auto& entry) { return hasName(entry, against); });
}

std::vector<std::optional<std::size_t>> referencesOf(const Comparison& comparison, const std::string& manner,
                                                     const std::string& against) {
  const std::vector<ComparedPlacement>& all = comparison.placements;
  std::optional<std::size_t> first;               // named so, of all
  std::map<int, std::size_t> first_of, count_of;  // by how many layers are kept
  for (std::size_t i = 0; i < all.size(); ++i) {
    if (!all[i].scores.contains(manner)) continue;
    const int kept = all[i].placement.fullCount();
    ++count_of[kept];
    if (!hasName(all[i], against)) continue;
    if (!first) first = i;
    first_of.try_emplace(kept, i);
  }
  std::vector<std::optional<std::size_t>> references(all.size());
  for (std::size_t i = 0; i < all.size(); ++i) {
    if (!all[i].scores.contains(manner)) continue;
    const int kept = all[i].placement.fullCount();
    const auto like = first_of.find(kept);
    references[i] = like != first_of.end() && count_of[kept] > 1 ? std::optional(like->second) : first;
    if (references[i] == i) references[i].reset();
  }
  return references;
}

}  // namespace interleave::gui
