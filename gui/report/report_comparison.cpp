// SPDX-License-Identifier: GPL-3.0-or-later
#include <algorithm>
#include <string>
#include <utility>

#include "backend/core/score.h"
#include "backend/core/tasks.h"
#include "backend/core/verdict.h"
#include "gui/report/report_document.h"
#include "gui/report/report_methods.h"
#include "gui/report/report_page.h"
#include "gui/style/format.h"

namespace interleave::gui {
namespace {

using namespace Qt::StringLiterals;
using Look = ReportDocument::Look;
using Cell = ReportDocument::Cell;
using Row = ReportDocument::Row;

QString letterOf(std::size_t placement) { return shortLabel(static_cast<int>(placement)); }

QString intervalText(const Interval& interval) {
  return u"[%1, %2]"_s.arg(numberText(interval.low), numberText(interval.high));
}

/// The tasks that were judged in a manner, in the order in which they come.
std::vector<const Score*> tasksOf(const Comparison& comparison, const std::string& manner) {
  std::vector<const Score*> tasks;
  for (const ComparedPlacement& entry : comparison.placements) {
    const auto found = entry.scores.find(manner);
    if (found == entry.scores.end()) continue;
    for (const Score& score : found->second) {
      const bool known = std::ranges::any_of(tasks, [&](const Score* other) { return other->task == score.task; });
      if (!known) tasks.push_back(&score);
    }
  }
  return tasks;
}

const Score* scoreIn(const ComparedPlacement& entry, const std::string& manner, const std::string& task) {
  const auto found = entry.scores.find(manner);
  return found == entry.scores.end() ? nullptr : scoreOf(found->second, task);
}

/// What a task's scores are called: as the windows call them.
QString headOf(Workshop& workshop, const Score& score) {
  for (const TaskInfo& task : workshop.tasks()) {
    const auto info = std::ranges::find(task.scores, score.task, &TaskInfo::ScoreInfo::name);
    if (info != task.scores.end()) return qt(info->title);
  }
  return u"%1, %2"_s.arg(qt(score.task), qt(score.unit));
}

/// Its last word: where a folder lies concerns nobody else.
QString folderName(const std::filesystem::path& folder) {
  return qt((folder.has_filename() ? folder : folder.parent_path()).filename().string());
}

QString mannerText(const std::string& manner) {
  return manner.empty() ? reportText("in a manner that was not recorded") : qt(manner);
}

/// "–" where nothing was measured; the interval is over samples.
QString scoreText(const Score* score) {
  if (score == nullptr) return u"–"_s;
  QString text = withError(score->value, score->standard_error);
  if (const auto interval = intervalOf(*score)) text += u' ' + intervalText(*interval);
  return text + reportText(", n = %1").arg(score->samples);
}

/// A difference is shown as one only where it carries.
Cell differenceCell(const std::string& task, const std::vector<Score>& scores, const std::vector<Score>& reference) {
  const ScoreDifference found = differenceOn(task, scores, reference);
  if (!found.paired) return {found.why_not.empty() ? u"–"_s : qt(found.why_not), Look::Muted};
  return {differenceText(*found.paired), reportLook(*found.paired)};
}

/// The interval ends where values do: no share is beyond 0 and 1, no divergence or loss below 0.
QString meanText(const std::vector<double>& values, const std::string& unit) {
  if (values.empty()) return u"–"_s;
  QString text = numberText(interleave::meanOf(values));
  if (values.size() < 2) return text;
  Interval interval = studentMean(values);
  interval.low = std::max(interval.low, 0.0);
  if (unit == "share" || unit == "match") interval.high = std::min(interval.high, 1.0);
  return text + u' ' + intervalText(interval);
}

template <class Value>
QString meanOver(const MethodRow& row, int decimals, Value value) {
  std::vector<double> values;
  for (const ReportRun* run : row.runs) values.push_back(value(run->summary));
  return fixedText(interleave::meanOf(values), decimals);
}

/// The method, its budget, and the seeds that the row is of.
Row rowHead(const MethodRow& row) {
  QStringList seeds;
  for (const ReportRun* run : row.runs) seeds << QString::number(run->summary.seed);
  const QString budget = qt(row.budget.text());
  const QString told =
      row.searched_at == row.budget ? budget : reportText("%1 (run at %2)").arg(budget, qt(row.searched_at.text()));
  return {{row.method}, {told}, {seeds.join(u", "_s)}};
}

/// Of the evenly spaced placements ("uniform:8", "uniform:8:2") of so many layers the best on a task; null: none was
/// judged. Which offset is best differs from model to model.
const ComparedPlacement* bestEven(const Comparison& comparison, int kept, const std::string& manner,
                                  const std::string& task) {
  const std::string name = "uniform:" + std::to_string(kept);
  const double sign = taskFacts(task).better == Better::Lower ? 1 : -1;
  const ComparedPlacement* best = nullptr;
  for (const ComparedPlacement& entry : comparison.placements) {
    const auto isEven = [&](const std::string& word) { return word == name || word.starts_with(name + ":"); };
    const Score* score = scoreIn(entry, manner, task);
    if (score == nullptr || std::ranges::none_of(entry.names, isEven)) continue;
    if (best == nullptr || sign * score->value < sign * scoreIn(*best, manner, task)->value) best = &entry;
  }
  return best;
}

bool hasSeveralSeeds(const std::vector<MethodRow>& rows) {
  return std::ranges::any_of(rows, [](const MethodRow& row) { return row.runs.size() > 1; });
}

}  // namespace

void ReportPage::addComparison(const Comparison& comparison, const std::string& against) {
  const RunRecord& like = *comparison.like;
  const QString model = like.environment ? qt(like.environment->model_name) : qt(like.spec.model_path);
  heading(2, reportText("Comparison: %1, bank %2").arg(model, folderName(like.spec.bank_dir)));
  const CostTable* costs = like.environment ? costsAt(like.environment->costs, kQuotedContext) : nullptr;
  Table placements{{QString(), reportText("placement"), reportText("layers"), reportText("K"),
                    reportText("cache at %1").arg(tokensText(kQuotedContext))},
                   {}};
  std::vector<KnownPlacement> drawn;
  for (const ComparedPlacement& entry : comparison.placements) {
    placements.rows.push_back({{letterOf(drawn.size())},
                               {entry.label},
                               document_.small(ReportFigures::ofPlacement(entry.placement)),
                               {QString::number(entry.placement.fullCount())},
                               {bytesText(cacheBytes(costs, entry.placement))}});
    KnownPlacement& known = drawn.emplace_back(entry.label, entry.placement);
    known.layer_scores = entry.layer_scores;
    const auto scores = comparison.manners.empty() ? entry.scores.end() : entry.scores.find(comparison.manners.front());
    if (scores != entry.scores.end()) known.scores = scores->second;
  }
  table(std::move(placements));
  figures(draw_.ofPlacements(drawn, comparison.like));
  addMethods(comparison);
  for (const std::string& manner : comparison.manners) {
    heading(3, reportText("Scores: %1").arg(mannerText(manner)));
    addMethodScores(comparison, manner);
    addVerdicts(comparison, manner);
    addScores(comparison, manner);
    addDifferences(comparison, manner, against);
  }
}

void ReportPage::addScores(const Comparison& comparison, const std::string& manner) {
  const std::vector<const Score*> tasks = tasksOf(comparison, manner);
  Table scores{{QString(), reportText("placement"), reportText("K")}, {}};
  for (const Score* task : tasks) scores.head.push_back(headOf(workshop_, *task));
  for (std::size_t i = 0; i < comparison.placements.size(); ++i) {
    const ComparedPlacement& entry = comparison.placements[i];
    if (!entry.scores.contains(manner)) continue;
    Row row{{letterOf(i)}, {entry.label}, {QString::number(entry.placement.fullCount())}};
    for (const Score* task : tasks) row.push_back({scoreText(scoreIn(entry, manner, task->task))});
    scores.rows.push_back(std::move(row));
  }
  table(std::move(scores));
}

/// Each placement less its reference, on the samples that both were judged on.
void ReportPage::addDifferences(const Comparison& comparison, const std::string& manner, const std::string& against) {
  const std::vector<std::optional<std::size_t>> references = referencesOf(comparison, manner, against);
  const std::vector<const Score*> tasks = tasksOf(comparison, manner);
  Table differences{{QString(), reportText("placement"), reportText("less")}, {}};
  for (const Score* task : tasks) differences.head.push_back(u"Δ "_s + headOf(workshop_, *task));
  for (std::size_t i = 0; i < references.size(); ++i) {
    if (!references[i]) continue;
    const ComparedPlacement &entry = comparison.placements[i], &reference = comparison.placements[*references[i]];
    Row row{{letterOf(i)}, {entry.label}, {letterOf(*references[i])}};
    for (const Score* task : tasks) {
      row.push_back(differenceCell(task->task, entry.scores.at(manner), reference.scores.at(manner)));
    }
    differences.rows.push_back(std::move(row));
  }
  if (differences.rows.empty()) return;
  heading(3, reportText("Differences, pair by pair"));
  paragraph(
      reportText("The mean over samples of the placement less the one named under “less”, which keeps as many layers "
                 "where any does; won: samples on which the placement is better. ▲ better and ▼ worse where the "
                 "interval leaves 0 out and at least %1 samples differ.")
          .arg(kLeastPairs));
  table(std::move(differences));
}

void ReportPage::addMethods(const Comparison& comparison) {
  const std::vector<MethodRow> rows = methodRowsOf(comparison);
  if (!hasSeveralSeeds(rows)) return;
  heading(3, reportText("Methods over seeds"));
  paragraph(reportText(
      "Means over all pairs of seeds: the share of layers kept by both (Jaccard, and of K), and Spearman's ρ "
      "of how the two runs rank the layers at their end. Tokens and seconds are means over the runs."));
  Table methods{{reportText("method"), reportText("budget"), reportText("seeds"), reportText("Jaccard"),
                 reportText("overlap@K"), reportText("Spearman"), reportText("tokens"), reportText("seconds")},
                {}};
  for (const MethodRow& method : rows) {
    const Stability stability = stabilityOf(method);
    Row row = rowHead(method);
    for (const double value : {stability.jaccard, stability.overlap_at_k, stability.spearman}) {
      row.push_back({fixedText(value, 2)});
    }
    row.push_back({meanOver(method, 0, [](const RunSummary& run) { return static_cast<double>(run.tokens); })});
    row.push_back({meanOver(method, 1, [](const RunSummary& run) { return run.seconds; })});
    methods.rows.push_back(std::move(row));
  }
  table(std::move(methods));
}

void ReportPage::addMethodScores(const Comparison& comparison, const std::string& manner) {
  const std::vector<MethodRow> rows = methodRowsOf(comparison);
  if (!hasSeveralSeeds(rows)) return;
  const std::vector<const Score*> tasks = tasksOf(comparison, manner);
  Table methods{{reportText("method"), reportText("budget"), reportText("seeds")}, {}};
  for (const Score* task : tasks) methods.head.push_back(headOf(workshop_, *task));
  for (const MethodRow& method : rows) {
    Row row = rowHead(method);
    bool any = false;
    for (const Score* task : tasks) {
      std::vector<double> values;
      for (const ComparedPlacement* found : method.found) {
        if (const Score* score = scoreIn(*found, manner, task->task)) values.push_back(score->value);
      }
      any = any || !values.empty();
      const bool all = values.size() == method.found.size();
      row.push_back({meanText(values, task->unit) +
                     (all || values.empty() ? QString() : reportText(" (of %1)").arg(values.size()))});
    }
    if (any) methods.rows.push_back(std::move(row));
  }
  if (methods.rows.empty()) return;
  paragraph(reportText(
      "Means over seeds; [ ] are 95 % intervals of that mean by Student's t, which know the spread of the seeds "
      "alone, not that of the samples."));
  table(std::move(methods));
}

void ReportPage::addVerdicts(const Comparison& comparison, const std::string& manner) {
  const std::vector<const Score*> tasks = tasksOf(comparison, manner);
  Table verdicts{{reportText("method"), reportText("budget"), reportText("seeds")}, {}};
  for (const Score* task : tasks) verdicts.head.push_back(headOf(workshop_, *task));
  for (const MethodRow& method : methodRowsOf(comparison)) {
    Row row = rowHead(method);
    bool any = false;
    for (const Score* task : tasks) {
      int better = 0, worse = 0, open = 0;
      for (const ComparedPlacement* found : method.found) {
        const ComparedPlacement* even = bestEven(comparison, found->placement.fullCount(), manner, task->task);
        if (even == nullptr || even->placement == found->placement) continue;
        if (scoreIn(*found, manner, task->task) == nullptr) continue;
        const ScoreDifference difference = differenceOn(task->task, found->scores.at(manner), even->scores.at(manner));
        if (!difference.paired) continue;
        ++(!difference.paired->carries() ? open : isBetter(*difference.paired) ? better : worse);
      }
      any = any || better + worse + open > 0;
      QStringList words;
      if (better > 0) words << reportText("▲ %1 better").arg(better);
      if (worse > 0) words << reportText("▼ %1 worse").arg(worse);
      if (open > 0) words << reportText("%1 not shown").arg(open);
      const bool all = better > 0 && worse + open == 0;
      row.push_back({words.isEmpty() ? QStringLiteral("–") : words.join(QStringLiteral(", ")),
                     all                        ? Look::Good
                     : better == 0 && worse > 0 ? Look::Bad
                                                : Look::Plain});
    }
    if (any) verdicts.rows.push_back(std::move(row));
  }
  if (verdicts.rows.empty()) return;
  paragraph(reportText(
      "Against as many layers evenly spaced, from whichever offset was judged and is the best on the task (uniform:K, "
      "uniform:K:OFFSET), pair by pair: of how many seeds what was found is better or worse, by its 95 % interval. "
      "What is not shown to be better than that does not work here."));
  table(std::move(verdicts));
}

}  // namespace interleave::gui
