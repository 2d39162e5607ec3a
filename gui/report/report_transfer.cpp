// SPDX-License-Identifier: GPL-3.0-or-later
#include <cmath>
#include <utility>

#include "backend/core/tasks.h"
#include "gui/report/report_document.h"
#include "gui/report/report_page.h"
#include "gui/style/format.h"

namespace interleave::gui {

namespace {

using Look = ReportDocument::Look;
using Row = ReportDocument::Row;

}  // namespace

void ReportPage::addTransfer(const TransferTable& table) {
  if (table.rows.empty()) return;
  heading(3, reportText("Judged otherwise than found"));
  paragraph(reportText(
      "Rows: what runs found. Columns: another operator, bank, length or seed than it was found with; a column "
      "has samples of its own, the same for all rows. Below each score its difference from the best of the "
      "column, pair by pair with its 95 % interval: that best was chosen on these very samples, so its lead "
      "is flattered. ρ tells how alike a column and the first one order the rows."));
  for (const std::string& task : table.tasks()) {
    const TaskFacts facts = taskFacts(task);
    Table shown{{reportText("%1, %2").arg(qt(facts.title), qt(facts.unit))}, {}};
    for (const std::string& column : table.columns) shown.head.push_back(qt(column));
    for (std::size_t row = 0; row < table.rows.size(); ++row) {
      Row cells{{qt(table.rows[row])}};
      for (std::size_t column = 0; column < table.columns.size(); ++column) {
        const Score* score = table.score(row, column, task);
        if (score == nullptr) {
          cells.push_back({QStringLiteral("–"), Look::Muted});
          continue;
        }
        QString text = withError(score->value, score->standard_error);
        if (const auto interval = intervalOf(*score)) {
          text += reportText(" [%1, %2]").arg(numberText(interval->low), numberText(interval->high));
        }
        const ScoreDifference regret = table.regret(row, column, task);
        const bool best = table.best(column, task) == row;
        if (best) text += reportText("; the best");
        if (!best && regret.paired) text += QStringLiteral("; ") + differenceText(*regret.paired);
        const bool carried = regret.paired && regret.paired->carries();
        cells.push_back({text, carried ? reportLook(*regret.paired) : Look::Plain});
      }
      shown.rows.push_back(std::move(cells));
    }
    Row order{{reportText("order as in the first, ρ")}};
    for (std::size_t column = 0; column < table.columns.size(); ++column) {
      const double agreement = column == 0 ? std::nan("") : table.agreement(0, column, task);
      order.push_back({fixedText(agreement, 2), Look::Muted});
    }
    shown.rows.push_back(std::move(order));
    this->table(std::move(shown));
    figures({ReportFigures::ofTransfer(table, task)});
  }
}

}  // namespace interleave::gui
