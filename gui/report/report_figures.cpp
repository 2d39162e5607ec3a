// SPDX-License-Identifier: GPL-3.0-or-later
#include "gui/report/report_figures.h"

#include <algorithm>

#include "gui/plots/export.h"
#include "gui/style/format.h"
#include "gui/widgets/placement_strip.h"

namespace interleave::gui {
namespace {

constexpr int kWidth = 780;  ///< Pixels: a page's width at a readable size of text.

}  // namespace

ReportFigures::ReportFigures(Workshop& workshop)
    : studio_(workshop), logits_(studio_), curves_(studio_), compare_(studio_), evaluation_(studio_) {}

ReportFigure ReportFigures::draw(Pane& pane, int height) {
  pane.refreshNow();
  auto* figure = pane.findChild<Figure*>();
  const QSize size(kWidth, height);
  return {viewSvg(*figure, size), size, figure->accessibleName()};
}

std::vector<ReportFigure> ReportFigures::ofRun(const std::shared_ptr<RunRecord>& run) {
  if (run->steps.empty() && run->alignments.empty()) return {};
  studio_.run().show(run);
  const int rows = std::clamp(run->layers() * 11, 200, 560);
  return {draw(logits_, rows), draw(curves_, run->layer_scores.empty() ? 220 : rows)};
}

std::vector<ReportFigure> ReportFigures::ofPlacements(const std::vector<KnownPlacement>& placements,
                                                      const std::shared_ptr<RunRecord>& like) {
  studio_.run().show(like);
  studio_.book().setSubject("report", std::to_string(++subjects_));  // what showing the run put there goes
  for (const KnownPlacement& entry : placements) {
    studio_.book().add(entry.label, entry.placement, entry.scores);
    if (!entry.layer_scores.empty()) studio_.book().setLayerScores(entry.placement, entry.layer_scores);
  }
  const auto count = static_cast<int>(placements.size());
  std::vector<ReportFigure> figures{draw(compare_, std::clamp(120 + 22 * count, 220, 560))};
  const auto judged = [](const KnownPlacement& entry) { return !entry.scores.empty(); };
  if (std::ranges::any_of(placements, judged)) figures.push_back(draw(evaluation_, 80 + 22 * count));
  return figures;
}

ReportFigure ReportFigures::ofPlacement(const Placement& placement) {
  PlacementStrip strip({});
  strip.setPlacement(placement);
  const QSize size(std::clamp(placement.layers() * 14, 120, 420), 20);
  return {viewSvg(strip, size), size, qt(placement.line())};
}

}  // namespace interleave::gui
