// SPDX-License-Identifier: GPL-3.0-or-later
#include "gui/docks/transfer_pane.h"

#include <QComboBox>
#include <QHBoxLayout>
#include <QInputDialog>
#include <QSignalBlocker>
#include <algorithm>
#include <cmath>
#include <limits>

#include "backend/core/tasks.h"
#include "gui/style/format.h"
#include "gui/style/theme.h"
#include "gui/style/verdict.h"
#include "gui/widgets/labels.h"

namespace interleave::gui {
namespace {

/// Where a column's cells stand between its worst, 0, and its best, 1; NaN where nothing was judged.
std::vector<double> standings(const TransferTable& table, std::size_t column, const std::string& task) {
  constexpr double kNothing = std::numeric_limits<double>::quiet_NaN();
  std::vector<double> values;
  for (std::size_t row = 0; row < table.rows.size(); ++row) {
    const Score* score = table.score(row, column, task);
    values.push_back(score == nullptr ? kNothing : score->value);
  }
  double least = std::numeric_limits<double>::infinity(), most = -least;
  for (const double value : values) {
    if (std::isfinite(value)) least = std::min(least, value), most = std::max(most, value);
  }
  const bool lower = taskFacts(task).better == Better::Lower;
  for (double& value : values) {
    if (std::isfinite(value)) value = most > least ? (lower ? most - value : value - least) / (most - least) : 1;
  }
  return values;
}

/// "0.137 [0.12, 0.15]": the interval is over samples.
QString cellText(const Score& score) {
  const std::optional<Interval> interval = intervalOf(score);
  if (!interval) return withError(score.value, score.standard_error);
  return TransferPane::tr("%1 [%2, %3]")
      .arg(numberText(score.value), numberText(interval->low, 2), numberText(interval->high, 2));
}

}  // namespace

TransferPane::TransferPane(Studio& studio)
    : Pane(tr("Transfer"), studio.clock()),
      studio_(studio),
      task_(new QComboBox),
      judge_(smallButton(tr("Judge under…"))),
      figure_(new Figure(tr("What runs found, judged under other conditions"))) {
  task_->setFont(textFont(TextSize::Small));
  task_->setAccessibleName(tr("Task"));
  task_->setSizeAdjustPolicy(QComboBox::AdjustToContents);
  judge_->setToolTip(tr("Judges what the runs selected in Runs found under another condition, and as found"));
  auto* tools = new QHBoxLayout;
  tools->addWidget(task_);
  tools->addStretch();
  tools->addWidget(judge_);
  setContent(figure_, tools);
  connect(task_, &QComboBox::currentIndexChanged, this, &Pane::touch);
  connect(judge_, &QPushButton::clicked, this, &TransferPane::judgingWanted);
  connect(&studio_.transfer(), &TransferBoard::changed, this, &Pane::touch);
  connect(&studio_.run(), &RunModel::changed, this, &Pane::touch);
}

void TransferPane::askCondition(std::vector<RunId> runs) {
  if (runs.empty() && studio_.run().record().id != 0) runs = {studio_.run().record().id};
  bool taken = false;
  const QString condition = QInputDialog::getText(
      this, runs.size() == 1 ? tr("Judge what 1 run found") : tr("Judge what %1 runs found").arg(runs.size()),
      tr("Under which condition, beside as found: operator=…, bank=FOLDER, prompt_tokens=…, sequence=…,\n"
         "tokens=…, prompts=…, wording=…, seed=…; several with commas between"),
      QLineEdit::Normal, QStringLiteral("operator=swa"), &taken);
  if (taken)
    studio_.attempt(tr("Transfer"),
                    [&] { studio_.transfer().judge(runs, condition.toStdString(), studio_.comparisons().judgedBy()); });
}

void TransferPane::fillTasks(const std::vector<std::string>& tasks) {
  QStringList names;
  for (const std::string& task : tasks) names << qt(task);
  QStringList shown;
  for (int i = 0; i < task_->count(); ++i) shown << task_->itemData(i).toString();
  if (shown == names) return;
  const QSignalBlocker quiet(task_);
  const QString chosen = task_->currentData().toString();
  task_->clear();
  for (const std::string& task : tasks) {
    const TaskFacts facts = taskFacts(task);
    task_->addItem(tr("%1, %2").arg(qt(facts.title), qt(facts.unit)), qt(task));
  }
  task_->setCurrentIndex(std::max(0, task_->findData(chosen)));
}

void TransferPane::refresh() {
  const auto& environment = studio_.run().record().environment;  // else the newest run's model
  const std::vector<RunSummary>& runs = studio_.library().runs();
  studio_.transfer().show(environment    ? environment->model_fingerprint
                          : runs.empty() ? std::string()
                                         : runs.front().model_fingerprint);
  const TransferTable& table = studio_.transfer().table();
  fillTasks(table.tasks());
  task_->setVisible(task_->count() > 0);
  judge_->setEnabled(studio_.library().writer() != nullptr);
  if (task_->count() == 0) {
    figure_->setPanels({Panel{.x = {.ticks = false, .least = 0, .most = 1},
                              .y = {.ticks = false, .least = 0, .most = 1},
                              .marks = {{.shape = Mark::Shape::Note,
                                         .y = 0.5,
                                         .text = tr("Select runs in Runs, and judge what they found under another "
                                                    "operator, bank, length or seed."),
                                         .color = theme().muted}}}});
    return setHint(tr("does what was found hold elsewhere?"));
  }
  figure_->setPanels({matrix(table, task_->currentData().toString().toStdString())});
  setHint(
      tr("[ ] 95 % interval · ▼ worse than its column's best, by that of the difference · ρ with the first column"));
}

Panel TransferPane::matrix(const TransferTable& table, const std::string& task) {
  const auto rows = static_cast<int>(table.rows.size()), columns = static_cast<int>(table.columns.size());
  Panel panel{.x = {.kind = Axis::Kind::Category, .least = -0.5, .most = columns - 0.5},
              .y = {.kind = Axis::Kind::Category, .reversed = true, .least = -0.5, .most = rows - 0.5}};
  Grid grid{.name = qt(task),
            .rows = rows,
            .columns = columns,
            .values = QVector<float>(static_cast<qsizetype>(rows) * columns, std::numeric_limits<float>::quiet_NaN()),
            .readouts = QStringList(static_cast<qsizetype>(rows) * columns),
            .map = ColorMap::Cividis};
  for (const std::string& row : table.rows) panel.y.categories << qt(row);
  for (std::size_t column = 0; column < table.columns.size(); ++column) {
    const double agreement = column == 0 ? kAuto : table.agreement(0, column, task);
    const QString name = qt(table.columns[column]);
    panel.x.categories << (std::isfinite(agreement) ? tr("%1 (ρ %2)").arg(name, fixedText(agreement, 2)) : name);
    const std::vector<double> standing = standings(table, column, task);
    std::vector<const Score*> scores;
    for (std::size_t row = 0; row < table.rows.size(); ++row) scores.push_back(table.score(row, column, task));
    const QStringList counts = countsBeside(scores);
    for (std::size_t row = 0; row < table.rows.size(); ++row) {
      const Score* score = table.score(row, column, task);
      if (score == nullptr) continue;
      const ScoreDifference regret = table.regret(row, column, task);
      const VerdictLook look = lookOf(regret);
      const bool plain = look.mark.isEmpty();
      const auto cell = static_cast<qsizetype>(row) * columns + static_cast<qsizetype>(column);
      grid.values[cell] = static_cast<float>(standing[row]);
      grid.readouts[cell] = tr("%1\n%2: %3, n = %4")
                                .arg(panel.y.categories[static_cast<qsizetype>(row)], name,
                                     withError(score->value, score->standard_error))
                                .arg(score->samples);
      if (regret.paired) grid.readouts[cell] += tr("\nfrom the best: %1").arg(differenceText(*regret.paired));
      panel.marks.push_back({.shape = Mark::Shape::Centered,
                             .x = static_cast<double>(column),
                             .y = static_cast<double>(row),
                             .text = look.mark + cellText(*score) + counts[static_cast<qsizetype>(row)],
                             .color = !plain                 ? look.color
                                      : standing[row] > 0.55 ? QColor(Qt::black)
                                                             : QColor(Qt::white),
                             .ground = plain ? QColor() : theme().card});
    }
  }
  panel.grid = std::move(grid);
  return panel;
}

}  // namespace interleave::gui
