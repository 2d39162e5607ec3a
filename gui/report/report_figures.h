// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <memory>
#include <vector>

#include "gui/app/studio.h"
#include "gui/docks/cache_pane.h"
#include "gui/docks/compare_pane.h"
#include "gui/docks/curves_pane.h"
#include "gui/docks/evaluation_pane.h"
#include "gui/docks/front_pane.h"
#include "gui/docks/logits_pane.h"
#include "gui/docks/trial_panels.h"
#include "gui/report/report_document.h"

namespace interleave::gui {

/// Draws what the studio's views show of runs and placements, with the views themselves, off the screen. In the
/// window's thread, and in the theme that is set.
class ReportFigures final {
 public:
  static constexpr int kWidth = 780;       ///< Pixels: a page's width at a readable size of text.
  static constexpr int kMostHeight = 960;  ///< That fits on a printed page.
  static constexpr int kStripHeight = 20;  ///< Of placements in tables.
  explicit ReportFigures(Workshop& workshop);

  /// Logits over the steps, the curves, and what the method tells; those of candidates where there was no step. None of
  /// a run without either.
  std::vector<ReportFigure> ofRun(const std::shared_ptr<RunRecord>& run, const Sweep& sweep);
  /// Bytes against the context, and what was measured to take how long, of what the run found; none of a run that found
  /// nothing.
  std::vector<ReportFigure> ofCost(const std::shared_ptr<RunRecord>& run);
  /// Overlaps and quality against bytes, then the scores where there are any, and the front that they make. Costs are
  /// those of the run `like`.
  std::vector<ReportFigure> ofPlacements(const std::vector<KnownPlacement>& placements,
                                         const std::shared_ptr<RunRecord>& like);
  static ReportFigure ofPlacement(const Placement& placement);
  /// What a run tried, and where the named placements stand in it.
  static ReportFigure ofTrials(const RunRecord& run, const MarkedPlacements& named);
  static ReportFigure ofTransfer(const TransferTable& table, const std::string& task);

 private:
  static ReportFigure draw(Pane& pane, int height);
  static ReportFigure draw(const QString& what, std::vector<Panel> panels, int height);

  Studio studio_;
  LogitsPane logits_;
  CurvesPane curves_;
  ComparePane compare_;
  EvaluationPane evaluation_;
  FrontPane front_;
  CachePane cache_;
  int subjects_ = 0;  ///< How many comparisons were drawn.
};

}  // namespace interleave::gui
