// SPDX-License-Identifier: GPL-3.0-or-later
#include "gui/report/report_data.h"

#include <algorithm>
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

void addRun(Comparison& comparison, const ReportRun& run) {
  const RunRecord& record = *run.record;
  const QString title = runTitle(record.id, run.summary.title, run.summary.method);
  const auto labelOf = [&](const Placement& placement, const std::string& otherwise) {
    const auto found = std::ranges::find(record.placements, placement, &PlacementEvent::placement);
    return found == record.placements.end() ? qt(otherwise)
                                            : QStringLiteral("%1, %2").arg(title, budgetText(found->budget));
  };
  if (!record.placements.empty()) {
    const Placement& own = record.placements.front().placement;
    entryOf(comparison, labelOf(own, {}), own);
  }
  for (const ScoreEvent& event : record.scores) {
    if (event.placement.layers() == 0) continue;
    ComparedPlacement& entry = entryOf(comparison, labelOf(event.placement, event.label), event.placement);
    std::vector<Score>& scores = entry.scores[event.manner];
    for (const Score& score : event.scores) {
      std::erase_if(scores, [&](const Score& known) { return known.task == score.task; });  // measured anew
      scores.push_back(score);
    }
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
  for (Comparison& comparison : comparisons) orderManners(comparison);
  return comparisons;
}

std::optional<Difference> differenceFrom(const Score& first, const Score& other) {
  if (first.per_sample.empty() || first.per_sample.size() != other.per_sample.size()) return std::nullopt;
  std::vector<double> differences(first.per_sample.size());
  for (std::size_t i = 0; i < differences.size(); ++i) differences[i] = other.per_sample[i] - first.per_sample[i];
  return Difference{interleave::meanOf(differences), bootstrapMean(differences)};
}

}  // namespace interleave::gui
