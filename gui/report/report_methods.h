// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QString>
#include <vector>

#include "gui/report/report_data.h"

namespace interleave::gui {

/// What the runs of one method that differ in nothing but their seed found at one budget.
struct MethodRow {
  QString method;  ///< With its settings where others of its name have other ones.
  Budget budget, searched_at;
  std::vector<const ComparedPlacement*> found;  ///< By seed; those of a Comparison.
  std::vector<const ReportRun*> runs;           ///< Likewise.
};
/// Of one comparison, which outlives them; in the order of budgets, then of runs. Without runs that were changed on
/// their way.
std::vector<MethodRow> methodRowsOf(const Comparison& comparison);

/// How alike the placements of a row are: means over all pairs of seeds. NaN where there are none, or no layer scores.
struct Stability {
  double jaccard, overlap_at_k, spearman;
};
Stability stabilityOf(const MethodRow& row);

}  // namespace interleave::gui
