// SPDX-License-Identifier: GPL-3.0-or-later
#include "backend/core/regret.h"

#include "gui/app/run_library.h"
#include "gui/report/report_document.h"
#include "gui/report/report_page.h"
#include "gui/style/format.h"

namespace interleave::gui {

void ReportPage::addRegret(const ReportRun& run, const std::map<Placement, std::string>& named) {
  const RunRecord& record = *run.record;
  if (record.spec.method != kEnumerationMethod || record.trials.empty()) return;
  const TrialTable trials(record.trials, TrialTable::Part::All);
  const auto standings = trials.standings(placementsOf(named));
  if (standings.empty()) return;
  const bool sample = sampleOf(record.spec) == trials.losses().size();
  const auto digits = [](double value) { return fixedText(value, 4); };
  heading(3, reportText("Regret, among all that %1 tried")
                 .arg(runTitle(run.summary.id, record.spec.title, record.spec.method)));
  paragraph(
      reportText("%1 placements of budget %2, %3, each with the same batches of held-out text and prompts. Regret: "
                 "the loss less that of the best one, %4; its interval draws batches anew, and finds the best "
                 "anew each time. %5 other placements of this report or store were not tried.")
          .arg(trials.losses().size())
          .arg(qt(record.spec.budget.text()), sample ? reportText("drawn at random") : reportText("all there are"),
               qt(trials.best()->line()))
          .arg(named.size() - standings.size()));
  const nlohmann::json& settings = record.spec.search_settings;
  if (const std::string left = settings.is_object() ? settings.value("leave", "") : ""; !left.empty()) {
    paragraph(reportText("Of these layers none was ever kept: %1.").arg(qt(left)));
  }
  Table table{{reportText("rank"), reportText("placement"), reportText("loss, nats"), reportText("regret"),
               reportText("found by, or called")},
              {}};
  if (sample) table.head.insert(table.head.begin() + 1, reportText("of all, better"));
  MarkedPlacements marked;
  for (const auto& [placement, standing] : standings) {
    const QString name = qt(named.at(placement));
    marked[placement] = name;
    ReportDocument::Row row{{QString::number(standing.rank())},
                            document_.small(ReportFigures::ofPlacement(placement)),
                            {digits(standing.loss)},
                            {reportText("%1 [%2, %3]")
                                 .arg(digits(standing.regret), digits(standing.regret_interval.low),
                                      digits(standing.regret_interval.high))},
                            {name}};
    if (sample) {
      const Interval& better = standing.share_better;
      const QString share =
          reportText("%1 to %2 %").arg(fixedText(100 * better.low, 1), fixedText(100 * better.high, 1));
      row.insert(row.begin() + 1, ReportDocument::Cell{share});
    }
    table.rows.push_back(std::move(row));
  }
  this->table(std::move(table));
  figures({ReportFigures::ofTrials(record, marked)});
}

}  // namespace interleave::gui
