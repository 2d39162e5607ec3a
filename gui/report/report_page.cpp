// SPDX-License-Identifier: GPL-3.0-or-later
#include "gui/report/report_page.h"

#include <QDateTime>
#include <algorithm>
#include <cmath>
#include <initializer_list>
#include <utility>

#include "backend/engine/machine.h"
#include "gui/style/format.h"
#include "gui/style/theme.h"

namespace interleave::gui {
namespace {

using namespace Qt::StringLiterals;

QString tr(const char* text) { return QCoreApplication::translate("Report", text); }

QString cells(std::initializer_list<QString> html, const QString& tag = u"td"_s) {
  QString row;
  for (const QString& cell : html) row += u"<%1>%2</%1>"_s.arg(tag, cell);
  return row;
}

QString row(const QString& cells) { return u"<tr>"_s + cells + u"</tr>\n"_s; }

QString table(const QString& kind, const QString& rows) {
  return u"<table class=\"%1\" cellspacing=\"0\" cellpadding=\"3\">\n%2</table>\n"_s.arg(kind, rows);
}

QString valueText(const nlohmann::json& value) {
  return value.is_string() ? qt(value.get<std::string>()) : qt(value.dump());
}

QString changeText(const Intervention& change) {
  switch (change.kind) {
    case Intervention::Kind::Set:
      return tr("from step %1: %2 = %3").arg(change.step).arg(qt(change.key), valueText(change.value));
    case Intervention::Kind::Pin:
      return tr("from step %1: layer %2 pinned to %3").arg(change.step).arg(change.layer).arg(qt(title(change.mixer)));
    case Intervention::Kind::Release:
      break;
  }
  return tr("from step %1: layer %2 released").arg(change.step).arg(change.layer);
}

QString joined(const std::vector<std::string>& words) {
  QStringList list;
  for (const std::string& word : words) list << qt(word);
  return list.join(u", "_s);
}

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

QString mannerText(const std::string& manner) {
  return manner.empty() ? tr("in a manner that was not recorded") : qt(manner);
}

}  // namespace

QString escaped(const QString& text) {
  QString fit;
  for (const char32_t c : text.toUcs4()) {
    const bool allowed = c == '\t' || c == '\n' || c == '\r' || (c >= 0x20 && c < 0xd800) ||
                         (c >= 0xe000 && c < 0xfffe) || (c >= 0x10000 && c <= 0x10ffff);
    fit += QString::fromUcs4(allowed ? &c : U"\ufffd", 1);
  }
  return fit.toHtmlEscaped();
}

QString ReportPage::figureTag(std::size_t number) const {
  const ReportFigure& figure = figures_.at(number);
  return u"<img src=\"figure:%1\" width=\"%2\" height=\"%3\" alt=\"%4\"/>"_s.arg(number)
      .arg(figure.size.width())
      .arg(figure.size.height())
      .arg(escaped(figure.text));
}

QString ReportPage::picture(ReportFigure figure) {
  figures_.push_back(std::move(figure));
  return figureTag(figures_.size() - 1);
}

void ReportPage::addFigures(std::vector<ReportFigure> figures) {
  for (ReportFigure& figure : figures) body_ += u"<p class=\"figure\">%1</p>\n"_s.arg(picture(std::move(figure)));
}

void ReportPage::addHead(const QString& title, const std::filesystem::path& store, std::size_t runs) {
  const QString when = QDateTime::currentDateTimeUtc().toString(Qt::ISODate);
  body_ += u"<h1>%1</h1>\n"_s.arg(escaped(title));
  body_ += u"<p class=\"muted\">%1</p>\n"_s.arg(
      escaped(tr("%1 of the store %2. Written %3 by %4 (Qt %5) on %6. ± is a standard error; [ ] are 95 % bootstrap "
                 "intervals; ≈ marks settings that are inferred, because the method's source gives no value.")
                  .arg(runs == 1 ? tr("1 run") : tr("%1 runs").arg(runs), qt(store.filename().string()), when,
                       qt(programVersion()), QString::fromLatin1(qVersion()), qt(machineText()))));
}

void ReportPage::addRun(const ReportRun& run) {
  const RunRecord& record = *run.record;
  body_ += u"<h2>%1</h2>\n"_s.arg(escaped(run.summary.title.empty()
                                              ? tr("Run %1").arg(record.id)
                                              : tr("Run %1: %2").arg(record.id).arg(qt(run.summary.title))));
  if (!run.summary.reason.empty()) {
    const bool failed = run.summary.phase == Phase::Failed;
    body_ += u"<p class=\"bad\">%1</p>\n"_s.arg(
        escaped(failed ? tr("Failed: %1").arg(qt(run.summary.reason)) : qt(run.summary.reason)));
  }
  addFacts(run);
  addPlacements(record);
  addFigures(draw_.ofRun(run.record));
  std::span<const SettingSpec> search;
  const std::vector<std::string> methods = workshop_.methods();  // a stored run may be of a newer program
  if (std::ranges::find(methods, record.spec.method) != methods.end())
    search = workshop_.searchSettings(record.spec.method);
  addSettings(tr("Settings of the method"), search, record.spec.search_settings);
  addSettings(tr("Recipe of the bank"), workshop_.bankSettings(), record.spec.bank_settings);
}

void ReportPage::addFacts(const ReportRun& run) {
  const RunRecord& record = *run.record;
  const RunSummary& summary = run.summary;
  QString rows;
  const auto fact = [&rows](const QString& name, const QString& value) {
    if (!value.isEmpty()) rows += row(cells({escaped(name)}, u"th"_s) + cells({escaped(value)}));
  };
  fact(tr("state"), qt(name(summary.phase)));
  fact(tr("method"), qt(workshop_.evidence(summary.method)));
  fact(tr("preset"), qt(summary.preset));
  fact(tr("budget"), qt(summary.budget.text()));
  fact(tr("seed"), QString::number(summary.seed));
  fact(tr("model"), tr("%1, fingerprint %2, %3")
                        .arg(qt(summary.model_name), qt(summary.model_fingerprint), qt(record.spec.model_path)));
  fact(tr("bank"), qt(record.spec.bank_dir));
  fact(tr("cost"), tr("%1 of %2 steps, %3 tokens, %4 s")
                       .arg(summary.step)
                       .arg(summary.steps)
                       .arg(summary.tokens)
                       .arg(fixedText(summary.seconds, 1)));
  if (const auto& environment = record.environment) {
    fact(tr("made on"), tr("%1, %2 threads, kernel %3, %4, %5")
                            .arg(qt(environment->device))
                            .arg(environment->threads)
                            .arg(qt(environment->kernel), qt(environment->precision), qt(environment->library)));
    fact(tr("machine"), qt(environment->machine));
    fact(tr("program"), qt(environment->program));
  }
  fact(tr("begun"), qt(summary.created));
  fact(tr("forked from"), qt(record.spec.forked_from));
  for (const Intervention& change : record.changes) fact(tr("changed by hand"), changeText(change));
  fact(tr("tags"), joined(summary.tags));
  fact(tr("note"), qt(summary.note));
  body_ += table(u"facts"_s, rows);
}

void ReportPage::addSettings(const QString& heading, std::span<const SettingSpec> specs, const nlohmann::json& values) {
  if (!values.is_object() || values.empty()) return;
  std::vector<QString> entries;
  const auto add = [&](const std::string& key, const nlohmann::json& value, bool inferred) {
    entries.push_back(cells({escaped(qt(key)) + (inferred ? u" <span class=\"inferred\">≈</span>"_s : QString()),
                             escaped(valueText(value))}));
  };
  const auto known = [&](const std::string& key) { return std::ranges::find(specs, key, &SettingSpec::key); };
  for (const SettingSpec& spec : specs) {
    if (values.contains(spec.key)) add(spec.key, values.at(spec.key), spec.inferred);
  }
  for (const auto& [key, value] : values.items()) {
    if (known(key) == specs.end()) add(key, value, false);
  }
  constexpr std::size_t kColumns = 3;
  const std::size_t lines = (entries.size() + kColumns - 1) / kColumns;
  QString rows;
  for (std::size_t line = 0; line < lines; ++line) {
    QString columns;
    for (std::size_t at = line; at < lines * kColumns; at += lines) {
      columns += at < entries.size() ? entries[at] : cells({{}, {}});
    }
    rows += row(columns);
  }
  body_ += u"<h3>%1</h3>\n"_s.arg(escaped(heading)) + table(u"settings"_s, rows);
}

void ReportPage::addPlacements(const RunRecord& run) {
  body_ += u"<h3>%1</h3>\n"_s.arg(tr("Placements"));
  QString rows =
      row(cells({tr("budget"), tr("K"), tr("layers"), tr("margin"), tr("loss, soft"), tr("loss, hard")}, u"th"_s));
  for (const PlacementEvent& found : run.placements) {
    rows += row(cells({escaped(qt(found.budget.text())), QString::number(found.placement.fullCount()),
                       picture(ReportFigures::ofPlacement(found.placement)),
                       numberText(found.margin) + (found.repaired ? u" "_s + tr("(repaired)") : QString()),
                       numberText(found.soft_loss), numberText(found.hard_loss)}));
  }
  if (run.placements.empty() && !run.steps.empty()) {
    const Placement& now = run.steps.back().if_stopped_now;
    rows += row(cells({tr("if stopped now"),
                       QString::number(now.fullCount()),
                       picture(ReportFigures::ofPlacement(now)),
                       {},
                       {},
                       {}}));
  }
  if (run.placements.empty() && run.steps.empty()) {
    body_ += u"<p class=\"muted\">%1</p>\n"_s.arg(tr("No placement was found."));
  } else {
    body_ += table(u"data"_s, rows);
  }
}

void ReportPage::addComparison(const Comparison& comparison) {
  const RunRecord& like = *comparison.like;
  const QString model = like.environment ? qt(like.environment->model_name) : qt(like.spec.model_path);
  body_ += u"<h2>%1</h2>\n"_s.arg(escaped(tr("Comparison: %1, bank %2").arg(model, qt(like.spec.bank_dir))));
  const CostTable* costs = like.environment ? costsAt(like.environment->costs, kQuotedContext) : nullptr;
  QString rows = row(
      cells({{}, tr("placement"), tr("layers"), tr("K"), tr("cache at %1").arg(tokensText(kQuotedContext))}, u"th"_s));
  std::vector<KnownPlacement> drawn;
  for (const ComparedPlacement& entry : comparison.placements) {
    rows += row(cells({shortLabel(static_cast<int>(drawn.size())), escaped(entry.label),
                       picture(ReportFigures::ofPlacement(entry.placement)),
                       QString::number(entry.placement.fullCount()), bytesText(cacheBytes(costs, entry.placement))}));
    KnownPlacement& known = drawn.emplace_back(entry.label, entry.placement);
    const auto scores = comparison.manners.empty() ? entry.scores.end() : entry.scores.find(comparison.manners.front());
    if (scores != entry.scores.end()) known.scores = scores->second;
  }
  body_ += table(u"data"_s, rows);
  addFigures(draw_.ofPlacements(drawn, comparison.like));
  for (const std::string& manner : comparison.manners) {
    addScores(comparison, manner);
    addDifferences(comparison, manner);
  }
}

void ReportPage::addScores(const Comparison& comparison, const std::string& manner) {
  const std::vector<const Score*> tasks = tasksOf(comparison, manner);
  body_ += u"<h3>%1</h3>\n"_s.arg(escaped(tr("Scores: %1").arg(mannerText(manner))));
  QString head = cells({{}, tr("placement")}, u"th"_s);
  for (const Score* task : tasks) head += cells({escaped(u"%1, %2"_s.arg(qt(task->task), qt(task->unit)))}, u"th"_s);
  QString rows = row(head);
  for (std::size_t i = 0; i < comparison.placements.size(); ++i) {
    const ComparedPlacement& entry = comparison.placements[i];
    if (!entry.scores.contains(manner)) continue;
    QString line = cells({shortLabel(static_cast<int>(i)), escaped(entry.label)});
    for (const Score* task : tasks) {
      const Score* score = scoreIn(entry, manner, task->task);
      QString text = u"–"_s;
      if (score != nullptr) {
        text = withError(score->value, score->standard_error);
        if (!score->per_sample.empty()) text += u" "_s + intervalText(bootstrapMean(score->per_sample));
        text += tr(", n = %1").arg(score->samples);
      }
      line += cells({escaped(text)});
    }
    rows += row(line);
  }
  body_ += table(u"data"_s, rows);
}

/// The others against the first placement that was judged in this manner, on the same samples.
void ReportPage::addDifferences(const Comparison& comparison, const std::string& manner) {
  if (manner.empty()) return;  // nobody knows whether the samples are the same
  const auto judged = [&](const ComparedPlacement& entry) { return entry.scores.contains(manner); };
  const auto first = std::ranges::find_if(comparison.placements, judged);
  const std::vector<const Score*> tasks = tasksOf(comparison, manner);
  QString head = cells({{}, tr("placement")}, u"th"_s);
  for (const Score* task : tasks) head += cells({escaped(u"Δ %1, %2"_s.arg(qt(task->task), qt(task->unit)))}, u"th"_s);
  QString rows;
  for (std::size_t i = 0; i < comparison.placements.size(); ++i) {
    const ComparedPlacement& entry = comparison.placements[i];
    if (!judged(entry) || entry.placement == first->placement) continue;
    QString line;
    bool any = false;
    for (const Score* task : tasks) {
      const Score *base = scoreIn(*first, manner, task->task), *score = scoreIn(entry, manner, task->task);
      const auto difference = base && score ? differenceFrom(*base, *score) : std::nullopt;
      any = any || difference;
      line += cells(
          {difference ? escaped(numberText(difference->mean) + u" "_s + intervalText(difference->interval)) : u"–"_s});
    }
    if (any) rows += row(cells({shortLabel(static_cast<int>(i)), escaped(entry.label)}) + line);
  }
  if (rows.isEmpty()) return;
  const QString letter = shortLabel(static_cast<int>(first - comparison.placements.begin()));
  body_ += u"<h3>%1</h3>\n"_s.arg(escaped(tr("Difference from %1, sample by sample").arg(letter)));
  body_ += table(u"data"_s, row(head) + rows);
}

}  // namespace interleave::gui
