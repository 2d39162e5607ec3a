// SPDX-License-Identifier: GPL-3.0-or-later
#include "gui/report/report_figures.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "gui/docks/method_panels.h"
#include "gui/docks/transfer_pane.h"
#include "gui/plots/export.h"
#include "gui/style/format.h"
#include "gui/style/theme.h"

namespace interleave::gui {
namespace {

/// Whether there is a point or a map in any of the figure's panels: a method that takes one step has no curves.
bool drawsAnything(const Pane& pane) {
  return std::ranges::any_of(pane.findChild<Figure*>()->panels(), [](const Panel& panel) {
    return panel.grid || std::ranges::any_of(panel.series, [](const Series& series) {
             return std::ranges::any_of(series.x, [](double x) { return std::isfinite(x); });
           });
  });
}

}  // namespace

ReportFigures::ReportFigures(Workshop& workshop)
    : studio_(workshop),
      logits_(studio_),
      curves_(studio_),
      compare_(studio_),
      evaluation_(studio_),
      front_(studio_),
      cache_(studio_) {}

ReportFigure ReportFigures::draw(Pane& pane, int height) {
  pane.refreshNow();
  auto* figure = pane.findChild<Figure*>();
  const QSize size(kWidth, height);
  return {figureSvg(*figure, size), size, figure->accessibleName()};
}

ReportFigure ReportFigures::draw(const QString& what, std::vector<Panel> panels, int height) {
  Figure figure(what);
  figure.setPanels(std::move(panels));
  const QSize size(kWidth, height);
  return {figureSvg(figure, size), size, figure.accessibleName()};
}

std::vector<ReportFigure> ReportFigures::ofRun(const std::shared_ptr<RunRecord>& run, const Sweep& sweep) {
  if (run->steps.empty() && run->alignments.empty()) return {};
  studio_.run().show(run);
  const int rows = std::clamp(run->layers() * 11, 200, 560);
  std::vector<ReportFigure> figures{draw(logits_, rows)};
  ReportFigure curves = draw(curves_, run->layer_scores.empty() ? 220 : rows);
  if (drawsAnything(curves_)) figures.push_back(std::move(curves));
  if (run->steps.empty()) return figures;
  std::vector<Panel> told = methodPanels(*run, run->steps.back(), studio_.run().placement(), sweep);
  constexpr std::size_t kBeside = 2;  // that a page has room for
  for (std::size_t first = 0; first < told.size(); first += kBeside) {
    const auto begin = told.begin() + static_cast<std::ptrdiff_t>(first);
    const auto end = told.begin() + static_cast<std::ptrdiff_t>(std::min(first + kBeside, told.size()));
    figures.push_back(draw(reportText("What the method tells"), {begin, end}, 280));
  }
  return figures;
}

std::vector<ReportFigure> ReportFigures::ofCost(const std::shared_ptr<RunRecord>& run) {
  studio_.run().show(run);
  if (studio_.editor().placement().layers() == 0) return {};
  return {draw(cache_, 260)};
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
  std::vector<ReportFigure> figures{draw(compare_, std::clamp(120 + 22 * count, 220, kMostHeight))};
  const auto judged = [](const KnownPlacement& entry) { return !entry.scores.empty(); };
  if (std::ranges::any_of(placements, judged)) {
    figures.push_back(draw(evaluation_, std::min(80 + 22 * count, kMostHeight)));
    ReportFigure front = draw(front_, 420);
    if (drawsAnything(front_)) figures.push_back(std::move(front));
  }
  return figures;
}

ReportFigure ReportFigures::ofTrials(const RunRecord& run, const MarkedPlacements& named) {
  return draw(reportText("Losses of the placements tried, and what others found among them"),
              trialPanels(run.trials, named, sampleOf(run.spec)),
              std::clamp(100 + 16 * static_cast<int>(named.size()), 320, kMostHeight));
}

ReportFigure ReportFigures::ofTransfer(const TransferTable& table, const std::string& task) {
  return draw(reportText("What runs found, judged under other conditions: %1").arg(qt(task)),
              {TransferPane::matrix(table, task)},
              std::clamp(60 + 24 * static_cast<int>(table.rows.size()), 160, kMostHeight));
}

/// As PlacementStrip draws it, but written out: a report has hundreds, and a painter writes ten times as much.
ReportFigure ReportFigures::ofPlacement(const Placement& placement) {
  const QSize size(std::clamp(placement.layers() * 14, 120, 420), kStripHeight);
  const double pitch = static_cast<double>(size.width()) / std::max(placement.layers(), 1);
  const double gap = std::min(2.5, pitch * 0.2);
  const auto number = [](double value) { return QByteArray::number(value, 'f', 2); };
  QByteArray cells;
  for (int layer = 0; layer < placement.layers(); ++layer) {
    const MixerKind kind = placement[layer];
    const QByteArray left = number(layer * pitch + gap / 2), width = number(pitch - gap);
    cells += "<rect x='" + left + "' width='" + width + "' height='19' rx='" +
             number(std::min(3.5, (pitch - gap) / 2)) + "' fill='" + chipFill(kind).name().toLatin1() + "'/>";
    if (pitch - gap < 8) continue;  // too narrow for a letter
    const bool full = kind == MixerKind::Full;
    cells += "<text x='" + number((layer + 0.5) * pitch) + "' y='12.5'" + (full ? " font-weight='bold'" : "") +
             " fill='" + (full ? chipText(kind) : theme().muted).name().toLatin1() + "'>" + letter(kind) + "</text>";
  }
  const QByteArray svg = "<svg xmlns='http://www.w3.org/2000/svg' width='" + QByteArray::number(size.width()) +
                         "' height='" + QByteArray::number(size.height()) +
                         "'>\n<g font-family='sans-serif' font-size='7.5' text-anchor='middle'>" + cells + "</g></svg>";
  return {svg, size, qt(placement.line())};
}

}  // namespace interleave::gui
