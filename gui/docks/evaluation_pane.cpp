// SPDX-License-Identifier: GPL-3.0-or-later
#include "gui/docks/evaluation_pane.h"

#include <QHBoxLayout>
#include <QVBoxLayout>
#include <algorithm>
#include <utility>

#include "gui/style/format.h"
#include "gui/style/theme.h"
#include "gui/widgets/labels.h"

namespace interleave::gui {

EvaluationPane::EvaluationPane(Studio& studio)
    : Pane(tr("Evaluation"), studio.clock()),
      studio_(studio),
      figure_(new Figure(tr("Scores of placements by task"), Figure::Link::Y)),
      samples_(mutedLabel()),
      judge_(smallButton(tr("Evaluate compared placements"))) {
  for (const TaskInfo& task : studio_.workshop().tasks()) {
    scores_.insert(scores_.end(), task.scores.begin(), task.scores.end());
  }
  auto* tools = new QHBoxLayout;
  tools->addWidget(samples_);
  tools->addStretch();
  tools->addWidget(judge_);
  auto* column = new QVBoxLayout(this);
  column->setContentsMargins(6, 4, 8, 6);
  column->setSpacing(2);
  column->addWidget(figure_, 1);
  column->addLayout(tools);
  samples_->setContentsMargins(6, 0, 0, 0);
  connect(judge_, &QPushButton::clicked, &studio_, &Studio::judgeCompared);
  connect(&studio_.book(), &PlacementBook::changed, this, &Pane::touch);
}

void EvaluationPane::refresh() {
  std::vector<Panel> panels;
  QStringList counts;
  for (const TaskInfo::ScoreInfo& info : scores_) {
    std::int64_t least = 0, most = 0;
    for (const KnownPlacement* entry : studio_.book().compared()) {
      const Score* score = scoreOf(entry->scores, info.name);
      if (score == nullptr) continue;
      least = most == 0 ? score->samples : std::min(least, score->samples);
      most = std::max(most, score->samples);
    }
    if (most == 0) continue;
    counts << (least == most ? tr("%1 n = %2").arg(qt(info.name)).arg(most)
                             : tr("%1 n = %2–%3").arg(qt(info.name)).arg(least).arg(most));
    panels.push_back(scorePanel(info, panels.empty()));
  }
  judge_->setEnabled(!studio_.book().compared().empty());
  if (panels.empty()) {
    panels.push_back(
        {.x = {.least = 0, .most = 1},
         .y = {.ticks = false, .least = 0, .most = 1},
         .marks = {{.shape = Mark::Shape::Text,
                    .x = 0.2,
                    .y = 0.6,
                    .text = tr("Scores of the compared placements stand here, with their standard errors."),
                    .color = theme().muted}}});
  }
  figure_->setPanels(std::move(panels));
  samples_->setText(counts.isEmpty() ? QString() : tr("± standard error; %1").arg(counts.join(QStringLiteral(" · "))));
  setHint(tr("tasks × placements"));
}

Panel EvaluationPane::scorePanel(const TaskInfo::ScoreInfo& info, bool names) const {
  const std::vector<const KnownPlacement*> compared = studio_.book().compared();
  const double rows = static_cast<double>(compared.size());
  Panel panel{.title = qt(info.title),
              .y = {.kind = Axis::Kind::Category, .reversed = true, .ticks = names, .least = -0.6, .most = rows - 0.4},
              .stretch = names ? 1.6 : 1};
  if (info.unit == "share" || info.unit == "match") panel.x.least = -0.05, panel.x.most = 1.08;
  Series scores{.name = qt(info.name), .color = theme().accent, .style = Series::Style::Points};
  for (std::size_t row = 0; row < compared.size(); ++row) {
    panel.y.categories << QFontMetrics(textFont(TextSize::Tick)).elidedText(compared[row]->label, Qt::ElideMiddle, 120);
    const Score* score = scoreOf(compared[row]->scores, info.name);
    if (score == nullptr) continue;
    scores.x.push_back(score->value);
    scores.y.push_back(static_cast<double>(row));
    scores.x_error.push_back(score->standard_error);
    scores.labels.push_back(withError(score->value, score->standard_error));
  }
  if (scores.x.isEmpty()) scores.x = scores.y = scores.x_error = {kAuto};
  panel.series.push_back(std::move(scores));
  return panel;
}

}  // namespace interleave::gui
