// SPDX-License-Identifier: GPL-3.0-or-later
#include "gui/report/report_methods.h"

#include <algorithm>
#include <string>
#include <utility>

#include "gui/style/format.h"
#include "sessions/neighbours.h"

namespace interleave::gui {
namespace {

/// Whether it is one of the draws that seeds stand for: nobody changed it on its way.
bool isDraw(const ReportRun& run) { return run.record->changes.empty() && run.record->spec.forked_from.empty(); }

}  // namespace

std::vector<MethodRow> methodRowsOf(const Comparison& comparison) {
  std::vector<const ReportRun*> draws;
  std::vector<RunSpec> specs;
  for (const ReportRun& run : comparison.runs) {
    if (!isDraw(run)) continue;
    draws.push_back(&run);
    specs.push_back(run.record->spec);
  }
  const std::vector<std::string> names = methodNamesAmong(specs);
  std::vector<MethodRow> rows;
  for (std::size_t draw = 0; draw < draws.size(); ++draw) {
    const ReportRun& run = *draws[draw];
    const QString method = qt(names[draw]);
    for (const PlacementEvent* found : reportedOf(run)) {
      const auto same = [&](const MethodRow& row) {
        return row.method == method && row.budget == found->budget && row.searched_at == run.record->spec.budget;
      };
      auto row = std::ranges::find_if(rows, same);
      if (row == rows.end()) row = rows.insert(row, {method, found->budget, run.record->spec.budget, {}, {}});
      const auto sameSeed = [&](const ReportRun* other) { return other->summary.seed == run.summary.seed; };
      if (std::ranges::any_of(row->runs, sameSeed)) continue;  // a run made twice is one sample
      row->found.push_back(&*std::ranges::find(comparison.placements, found->placement, &ComparedPlacement::placement));
      row->runs.push_back(&run);
    }
  }
  std::ranges::stable_sort(rows, {},
                           [](const MethodRow& row) { return std::pair(row.budget.unit, row.budget.amount); });
  return rows;
}

Stability stabilityOf(const MethodRow& row) {
  std::vector<double> jaccards, overlaps, correlations;
  for (std::size_t a = 0; a < row.found.size(); ++a) {
    for (std::size_t b = a + 1; b < row.found.size(); ++b) {
      jaccards.push_back(interleave::jaccard(row.found[a]->placement, row.found[b]->placement));
      overlaps.push_back(overlapAtK(row.found[a]->placement, row.found[b]->placement));
      const auto &first = row.runs[a]->record->steps, &second = row.runs[b]->record->steps;
      if (!first.empty() && !second.empty()) {
        correlations.push_back(spearman(fullAdvantages(first.back()), fullAdvantages(second.back())));
      }
    }
  }
  return {interleave::meanOf(jaccards), interleave::meanOf(overlaps), interleave::meanOf(correlations)};
}

}  // namespace interleave::gui
