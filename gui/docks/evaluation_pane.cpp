// SPDX-License-Identifier: GPL-3.0-or-later
#include "gui/docks/evaluation_pane.h"

#include <QComboBox>
#include <QFontMetrics>
#include <QHBoxLayout>
#include <QScrollArea>
#include <QSignalBlocker>
#include <algorithm>
#include <functional>
#include <utility>

#include "backend/core/tasks.h"
#include "backend/core/verdict.h"
#include "gui/docks/judging_dialog.h"
#include "gui/style/format.h"
#include "gui/style/theme.h"
#include "gui/style/verdict.h"
#include "gui/widgets/labels.h"

namespace interleave::gui {
namespace {

using Compared = std::vector<const KnownPlacement*>;

constexpr std::size_t kTasksAtOnce = 6;  // more are scrolled to, and the placements' names repeat
constexpr int kTaskWidth = 110;          // pixels, of one of many
constexpr int kRowHeight = 13;           // of a placement with its value
constexpr int kPageHeight = 880;         // of a report's figure, at most

/// The tasks that any of them was judged on, in the order in which they are met.
std::vector<std::string> tasksOf(const Compared& compared) {
  std::vector<std::string> tasks;
  for (const KnownPlacement* entry : compared) {
    for (const Score& score : entry->scores) {
      if (std::ranges::find(tasks, score.task) == tasks.end()) tasks.push_back(score.task);
    }
  }
  return tasks;
}

/// Gives panels that are scrolled to the room that their titles and names need; how much that is together, in pixels.
int widen(std::vector<Panel>& panels) {
  const QFontMetrics titles(textFont(TextSize::Small));
  double stretch = 0;
  for (Panel& panel : panels) {
    const double needed = (titles.horizontalAdvance(panel.title) + 24.0) / kTaskWidth;
    panel.stretch = std::max(panel.stretch + (panel.y.ticks ? 0.8 : 0), needed);
    stretch += panel.stretch;
  }
  return static_cast<int>(stretch * kTaskWidth);
}

/// "kl, nll n = 6 · passkey n = 4–16": tasks with equal counts together.
QString countsText(const Compared& compared) {
  std::vector<std::pair<QString, QStringList>> groups;
  for (const std::string& task : tasksOf(compared)) {
    std::int64_t least = 0, most = 0;
    for (const KnownPlacement* entry : compared) {
      const Score* score = scoreOf(entry->scores, task);
      if (score == nullptr) continue;
      least = most == 0 ? score->samples : std::min(least, score->samples);
      most = std::max(most, score->samples);
    }
    const QString count = least == most ? QString::number(most) : EvaluationPane::tr("%1–%2").arg(least).arg(most);
    const auto known = std::ranges::find(groups, count, &std::pair<QString, QStringList>::first);
    (known == groups.end() ? groups.emplace_back(count, QStringList()) : *known).second << qt(task);
  }
  QStringList words;
  for (const auto& [count, tasks] : groups) {
    words << EvaluationPane::tr("%1 n = %2").arg(tasks.join(QStringLiteral(", ")), count);
  }
  return words.join(QStringLiteral(" · "));
}

QString elided(const QString& text, int pixels) {
  return QFontMetrics(textFont(TextSize::Tick)).elidedText(text, Qt::ElideMiddle, pixels);
}

void addPoint(Series& series, std::size_t row, const PairedDifference& difference, const QString& readout) {
  series.x.push_back(difference.mean);
  series.y.push_back(static_cast<double>(row));
  series.x_error.push_back(difference.interval.high - difference.mean);
  series.x_error_below.push_back(difference.mean - difference.interval.low);
  series.readouts.push_back(readout);
}

/// Why a row has no point.
Mark note(std::size_t row, const QString& text) {
  return {.shape = Mark::Shape::Text, .x = kAuto, .y = static_cast<double>(row), .text = text, .color = theme().muted};
}

/// Series without points keep the figure's structure.
void fillGaps(Series& series) {
  if (series.x.isEmpty()) series.x = series.y = series.x_error = {kAuto};
}

}  // namespace

EvaluationPane::EvaluationPane(Studio& studio)
    : Pane(tr("Evaluation"), studio.clock()),
      studio_(studio),
      figure_(new Figure(tr("Scores of placements by task"), Figure::Link::Y)),
      mode_(smallButton(tr("Difference from"))),
      references_(new QComboBox),
      samples_(mutedLabel()),
      judge_(smallButton(tr("Evaluate compared placements"))) {
  for (const TaskInfo& task : studio_.workshop().tasks()) {
    scores_.insert(scores_.end(), task.scores.begin(), task.scores.end());
  }
  mode_->setCheckable(true);
  mode_->setToolTip(tr("Differences from one placement, pair by pair on the same samples"));
  references_->setFont(textFont(TextSize::Small));
  references_->setAccessibleName(tr("Placement that others are compared with"));
  references_->setSizeAdjustPolicy(QComboBox::AdjustToMinimumContentsLengthWithIcon);
  references_->setMinimumContentsLength(12);
  samples_->setSizePolicy(QSizePolicy::Ignored, QSizePolicy::Preferred);
  samples_->setContentsMargins(6, 0, 0, 0);
  auto* tools = new QHBoxLayout;
  tools->addWidget(mode_);
  tools->addWidget(references_);
  tools->addWidget(samples_, 1);
  QPushButton* manner = smallButton(tr("By…"));
  manner->setToolTip(tr("Which tasks, and how many samples"));
  connect(manner, &QPushButton::clicked, this, &EvaluationPane::askManner);
  tools->addWidget(judge_);
  tools->addWidget(manner);
  auto* area = new QScrollArea;
  area->setWidget(figure_);
  area->setWidgetResizable(true);
  area->setFrameShape(QFrame::NoFrame);
  area->setVerticalScrollBarPolicy(Qt::ScrollBarAlwaysOff);
  setContent(area, tools);
  references_->hide();
  connect(mode_, &QPushButton::toggled, references_, &QWidget::setVisible);
  connect(mode_, &QPushButton::toggled, this, &Pane::touch);
  connect(references_, &QComboBox::activated, this, [this](int index) {
    const Compared compared = studio_.book().compared();
    if (static_cast<std::size_t>(index) >= compared.size()) return;  // of a list that is a frame old
    chosen_ = compared[static_cast<std::size_t>(index)]->placement;
    touch();
  });
  connect(judge_, &QPushButton::clicked, &studio_.comparisons(), &Comparisons::judgeCompared);
  connect(&studio_.book(), &PlacementBook::changed, this, &Pane::touch);
  connect(&studio_.library(), &RunLibrary::changed, this, &Pane::touch);  // the baseline
}

void EvaluationPane::askManner() {
  Comparisons& comparisons = studio_.comparisons();
  JudgingDialog::Prompts prompts{.as_found = comparisons.judgedAsFound()};
  if (const std::optional<Workbench::EvaluationRequest> of = comparisons.ofRun()) {
    prompts.found = of->chat;
    if (of->model == studio_.setup().modelPath()) prompts.model_info = studio_.model().info();
  }
  JudgingDialog dialog(studio_.workshop(), comparisons.judgedBy(), prompts, this);
  if (dialog.exec() == QDialog::Accepted) comparisons.judgeBy(dialog.request(), dialog.asFound());
}

bool EvaluationPane::differences() const { return mode_->isChecked(); }
void EvaluationPane::showDifferences(bool on) { mode_->setChecked(on); }

const KnownPlacement* EvaluationPane::reference(const Compared& compared) const {
  const Placement baseline = studio_.comparisons().baseline().placement;
  const std::function<bool(const KnownPlacement*)> wishes[] = {
      [&](const auto* entry) { return chosen_ && entry->placement == *chosen_; },
      [&](const auto* entry) { return entry->thorough && entry->placement == baseline; },
      [](const auto* entry) { return entry->thorough && entry->placement.fullCount() < entry->placement.layers(); }};
  for (const auto& wish : wishes) {
    const auto found = std::ranges::find_if(compared, wish);
    if (found != compared.end()) return *found;
  }
  return compared.empty() ? nullptr : compared.front();
}

void EvaluationPane::fillReferences(const Compared& compared) {
  const QSignalBlocker quiet(references_);
  for (std::size_t i = 0; i < compared.size(); ++i) {  // in place: the list may be open
    const int index = static_cast<int>(i);
    if (index == references_->count()) references_->addItem({});
    if (references_->itemText(index) != compared[i]->label) references_->setItemText(index, compared[i]->label);
  }
  while (references_->count() > static_cast<int>(compared.size())) references_->removeItem(references_->count() - 1);
  references_->setCurrentIndex(static_cast<int>(std::ranges::find(compared, reference(compared)) - compared.begin()));
}

void EvaluationPane::refresh() {
  const Compared compared = studio_.book().compared();
  fillReferences(compared);
  std::vector<Panel> panels;
  std::vector<std::string> tasks = tasksOf(compared);
  std::ranges::stable_sort(tasks, {}, [this](const std::string& task) {
    return std::ranges::find(scores_, task, &TaskInfo::ScoreInfo::name) - scores_.begin();
  });
  for (const std::string& task : tasks) {
    panels.push_back(taskPanel(task, compared, panels.size() % kTasksAtOnce == 0));
  }
  figure_->setMinimumWidth(panels.size() > kTasksAtOnce ? widen(panels) : 0);
  judge_->setEnabled(!compared.empty());
  if (panels.empty()) {
    panels.push_back(
        {.x = {.least = 0, .most = 1},
         .y = {.ticks = false, .least = 0, .most = 1},
         .marks = {{.shape = Mark::Shape::Note,
                    .y = 0.6,
                    .text = tr("Scores of the compared placements stand here, with their standard errors."),
                    .color = theme().muted}}});
  }
  figure_->setPanels(std::move(panels));
  samples_->setText(countsText(compared));
  samples_->setToolTip(differences()
                           ? tr("Bars: 95 % bootstrap interval of the mean over pairs, %1 resamples. A difference is "
                                "shown where it leaves 0 out and at least %2 pairs differ.\n%3")
                                 .arg(kBootstrapResamples)
                                 .arg(kLeastPairs)
                                 .arg(samples_->text())
                           : samples_->text());
  setHint(differences() ? tr("▲ better, ▼ worse by its 95 % interval · ○ not shown · pairs won–lost–tied")
                        : tr("tasks × placements · ± standard error"));
}

QString EvaluationPane::titleOf(const std::string& task) const {
  const auto info = std::ranges::find(scores_, task, &TaskInfo::ScoreInfo::name);
  if (info != scores_.end()) return qt(info->title);
  const TaskFacts facts = taskFacts(task);  // from a store whose tasks are others
  return tr("%1, %2").arg(qt(facts.title), qt(facts.unit));
}

Panel EvaluationPane::taskPanel(const std::string& task, const Compared& compared, bool names) const {
  const double rows = static_cast<double>(compared.size());
  Panel panel{.title = titleOf(task),
              .y = {.kind = Axis::Kind::Category,
                    .reversed = true,
                    .ticks = names || differences(),
                    .least = -0.6,
                    .most = rows - 0.4},
              .stretch = !names          ? 1
                         : differences() ? 2.1
                                         : 1.6};
  for (const KnownPlacement* entry : compared) {
    panel.y.categories << (names ? elided(entry->label, differences() ? 100 : 120) : QString());
  }
  differences() ? addDifferences(panel, task, compared) : addScores(panel, task, compared);
  return panel;
}

void EvaluationPane::addScores(Panel& panel, const std::string& task, const Compared& compared) const {
  const auto info = std::ranges::find(scores_, task, &TaskInfo::ScoreInfo::name);
  if (info != scores_.end() && (info->unit == "share" || info->unit == "match"))
    panel.x.least = -0.05, panel.x.most = 1.08;
  Series scores{.name = qt(task), .color = theme().accent, .style = Series::Style::Points};
  // Rows that lie close together have their values under the pointer alone.
  const int height = isVisible() ? figure_->height() : kPageHeight;
  const bool room = height >= kRowHeight * static_cast<int>(compared.size());
  std::vector<const Score*> all;
  for (const KnownPlacement* entry : compared) all.push_back(scoreOf(entry->scores, task));
  const QStringList counts = countsBeside(all);
  for (std::size_t row = 0; row < compared.size(); ++row) {
    const Score* score = all[row];
    if (score == nullptr) continue;
    scores.x.push_back(score->value);
    scores.y.push_back(static_cast<double>(row));
    scores.x_error.push_back(score->standard_error);
    const QString value = withError(score->value, score->standard_error);
    scores.labels.push_back(room ? value + counts[static_cast<qsizetype>(row)] : QString());
    scores.readouts.push_back(tr("%1, n = %2").arg(value).arg(score->samples));
  }
  fillGaps(scores);
  panel.series.push_back(std::move(scores));
}

/// Points left and right of a line at 0, and beside each row the pairs won, lost and tied.
void EvaluationPane::addDifferences(Panel& panel, const std::string& task, const Compared& compared) const {
  const KnownPlacement* against = reference(compared);
  const TaskFacts facts = taskFacts(task);
  const bool lower = facts.better == Better::Lower;
  const auto judged = std::ranges::find_if(compared, [&](const auto* entry) { return scoreOf(entry->scores, task); });
  const QString what = tr("%1, %2").arg(qt(facts.title), qt(scoreOf((*judged)->scores, task)->unit));  // no word more
  panel.title = lower ? tr("◂ better: %1").arg(what) : tr("better ▸: %1").arg(what);
  panel.marks.push_back({.shape = Mark::Shape::Vertical, .x = 0, .color = theme().muted});
  Series better{.name = tr("better"), .color = theme().good, .style = Series::Style::Up};
  Series worse{.name = tr("worse"), .color = theme().bad, .style = Series::Style::Down};
  Series open{.name = tr("not shown"), .color = theme().muted, .style = Series::Style::Rings};
  double reach = 0;
  for (std::size_t row = 0; row < compared.size(); ++row) {
    if (compared[row] == against) {
      addPoint(open, row, {}, tr("what the others are compared with"));
      if (scoreOf(against->scores, task) == nullptr) panel.marks.push_back(note(row, tr("not judged")));
      continue;
    }
    const ScoreDifference found = differenceOn(task, compared[row]->scores, against->scores);
    if (!found.paired) {
      if (!found.why_not.empty()) panel.marks.push_back(note(row, qt(found.why_not)));
      continue;
    }
    const PairedDifference& paired = *found.paired;
    Series& series = !paired.carries() ? open : isBetter(paired) ? better : worse;
    addPoint(series, row, paired, differenceText(paired));
    panel.y.categories[static_cast<qsizetype>(row)] +=
        tr("  %1–%2–%3").arg(paired.won).arg(paired.lost).arg(paired.tied);
    reach = std::max({reach, -paired.interval.low, paired.interval.high});
  }
  if (reach == 0) panel.x.least = -1, panel.x.most = 1;
  for (Series* series : {&better, &worse, &open}) {
    fillGaps(*series);
    panel.series.push_back(std::move(*series));
  }
}

QString EvaluationPane::csv() const {
  if (!differences()) return Pane::csv();
  QString text = QStringLiteral("task,placement,against,difference,low,high,won,lost,tied,verdict\n");
  const Compared compared = studio_.book().compared();
  const KnownPlacement* against = reference(compared);
  const auto number = [](double value) { return QString::number(value, 'g', 12); };
  for (const std::string& task : tasksOf(compared)) {
    for (const KnownPlacement* entry : compared) {
      if (entry == against) continue;
      const ScoreDifference found = differenceOn(task, entry->scores, against->scores);
      if (!found.paired && found.why_not.empty()) continue;
      QStringList cells{csvCell(qt(task)), csvCell(entry->label), csvCell(against->label)};
      if (found.paired) {
        const PairedDifference& paired = *found.paired;
        cells << number(paired.mean) << number(paired.interval.low) << number(paired.interval.high)
              << QString::number(paired.won) << QString::number(paired.lost) << QString::number(paired.tied)
              << csvCell(qt(paired.verdict()));
      } else {
        cells << QStringList(6) << csvCell(tr("not paired: %1").arg(qt(found.why_not)));
      }
      text += cells.join(QLatin1Char(',')) + QLatin1Char('\n');
    }
  }
  return text;
}

}  // namespace interleave::gui
