// SPDX-License-Identifier: GPL-3.0-or-later
#include <map>
#include <string>
#include <utility>

#include "gui/report/report_document.h"
#include "gui/report/report_page.h"
#include "gui/style/format.h"

namespace interleave::gui {
namespace {

using Row = ReportDocument::Row;

/// Where it becomes cheaper than the teacher, in tokens.
QString crossoverText(const CostEvent& event, const CostReading& reading) {
  const std::optional<Crossover> at = crossover(event.cost, event.teacher, reading);
  if (at) return reportText("from %1 tokens").arg(fixedText(at->tokens, 0));
  return cheaperAtLast(event.cost, event.teacher, reading) ? reportText("at every length")
                                                           : reportText("not up to the longest");
}

}  // namespace

void ReportPage::addMeasuredCosts(const std::vector<ReportRun>& runs) {
  std::map<std::string, std::pair<Table, Table>> tables;  // by manner: only what was measured alike is put together
  std::vector<ReportFigure> pictures;
  for (const ReportRun& run : runs) {
    for (const CostEvent& event : run.record->costs) {
      const QString label = reportText("%1 (run %2)").arg(qt(event.label)).arg(run.summary.id);
      auto& [costs, crossings] = tables[event.cost.manner];
      for (std::size_t i = 0; i < event.cost.points.size(); ++i) {
        const CostPoint &point = event.cost.points[i], &teacher = event.teacher.points[i];
        costs.rows.push_back({{label},
                              {QString::number(event.cost.placement.fullCount())},
                              {tokensText(static_cast<double>(point.context_tokens))},
                              {fixedText(point.prefillSeconds(), 2)},
                              {fixedText(teacher.prefillSeconds(), 2)},
                              {fixedText(computedPrefillSeconds(point, teacher), 2)},
                              {fixedText(1e3 * point.decodeSeconds(), 1)},
                              {fixedText(1e3 * teacher.decodeSeconds(), 1)},
                              {fixedText(1e3 * computedDecodeSeconds(point, teacher), 1)},
                              {bytesText(static_cast<double>(point.cache_bytes))},
                              {bytesText(static_cast<double>(point.computed_bytes))}});
      }
      if (event.cost.placement == event.teacher.placement) continue;
      crossings.rows.push_back({{label},
                                {crossoverText(event, &CostPoint::prefillSeconds)},
                                {crossoverText(event, &CostPoint::decodeSeconds)}});
    }
    if (run.record->costs.empty()) continue;
    for (ReportFigure& picture : draw_.ofCost(run.record)) pictures.push_back(std::move(picture));
  }
  if (tables.empty()) return;
  heading(3, reportText("Measured cost"));
  paragraph(
      reportText("One sequence. A placement and the teacher were measured in turn, within one run of the program. "
                 "Computed: what counting alone makes of the teacher's time, of a prefill by the ratio of FLOPs, of "
                 "decoding by that of bytes read (weights and cache). Caches are counted in bf16 and held in the "
                 "precision measured."));
  for (auto& [manner, of_manner] : tables) {
    auto& [costs, crossings] = of_manner;
    costs.head = {reportText("placement"),           reportText("K"),         reportText("context"),
                  reportText("prefill, s"),          reportText("teacher's"), reportText("computed"),
                  reportText("a token decoded, ms"), reportText("teacher's"), reportText("computed"),
                  reportText("cache held"),          reportText("as counted")};
    crossings.head = {reportText("placement"), reportText("prefill faster"), reportText("decoding faster")};
    paragraph(qt(manner));
    table(std::move(costs));
    table(std::move(crossings));
  }
  figures(std::move(pictures));
}

}  // namespace interleave::gui
