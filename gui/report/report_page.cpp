// SPDX-License-Identifier: GPL-3.0-or-later
#include "gui/report/report_page.h"

#include <QDateTime>
#include <algorithm>
#include <exception>
#include <map>
#include <utility>

#include "backend/engine/machine.h"
#include "gui/app/run_library.h"
#include "gui/style/format.h"

namespace interleave::gui {
namespace {

using namespace Qt::StringLiterals;
using Look = ReportDocument::Look;
using Cell = ReportDocument::Cell;
using Row = ReportDocument::Row;

QString valueText(const nlohmann::json& value) {
  return value.is_string() ? qt(value.get<std::string>()) : qt(value.dump());
}

QString changeText(const Intervention& change) {
  switch (change.kind) {
    case Intervention::Kind::Set:
      return reportText("from step %1: %2 = %3").arg(change.step).arg(qt(change.key), valueText(change.value));
    case Intervention::Kind::Pin:
      return reportText("from step %1: layer %2 pinned to %3")
          .arg(change.step)
          .arg(change.layer)
          .arg(qt(title(change.mixer)));
    case Intervention::Kind::Release:
      break;
  }
  return reportText("from step %1: layer %2 released").arg(change.step).arg(change.layer);
}

QString joined(const std::vector<std::string>& words) {
  QStringList list;
  for (const std::string& word : words) list << qt(word);
  return list.join(u", "_s);
}

/// What stands behind a method; of one that this program does not know, its name.
QString evidenceOf(Workshop& workshop, const std::string& method) {
  const std::vector<std::string> methods = workshop.methods();
  return qt(std::ranges::find(methods, method) != methods.end() ? workshop.evidence(method) : method);
}

}  // namespace

void ReportPage::figures(std::vector<ReportFigure> figures) {
  for (ReportFigure& figure : figures) {
    document_.figures.push_back(std::move(figure));
    document_.blocks.emplace_back(ReportDocument::Picture{document_.figures.size() - 1});
  }
}

void ReportPage::addHead(const QString& title, const std::filesystem::path& store, const std::vector<ReportRun>& runs) {
  const QString when = QDateTime::currentDateTimeUtc().toString(Qt::ISODate);
  heading(1, title);
  paragraph(reportText(
                "%1 of the store %2. Written %3 by %4 (Qt %5) on %6. ± is a standard error; [ ] are 95 % intervals, by "
                "bootstrap over samples unless it says otherwise; ≈ marks settings that are inferred, because the "
                "method's source gives no value.")
                .arg(runs.size() == 1 ? reportText("1 run") : reportText("%1 runs").arg(runs.size()),
                     qt(store.filename().string()), when, qt(programVersion()), QString::fromLatin1(qVersion()),
                     qt(machineText())));
  addCosts(runs);
}

/// What was run, and what it took.
void ReportPage::addCosts(const std::vector<ReportRun>& runs) {
  Table costs{{reportText("run"), reportText("method"), reportText("budget"), reportText("seed"), reportText("state"),
               reportText("steps"), reportText("tokens"), reportText("seconds")},
              {}};
  for (const ReportRun& run : runs) {
    const RunSummary& of = run.summary;
    const bool failed = of.phase == Phase::Failed;
    costs.rows.push_back({{reportText("%1: %2").arg(of.id).arg(runTitle(of.id, of.title, of.method))},
                          {qt(of.method)},
                          {qt(of.budget.text())},
                          {QString::number(of.seed)},
                          {qt(name(of.phase)), failed ? Look::Bad : Look::Plain},
                          {QString::number(of.step)},
                          {QString::number(of.tokens)},
                          {fixedText(of.seconds, 1)}});
  }
  table(std::move(costs));
}

void ReportPage::addChanges(const std::vector<ReportRun>& runs) {
  std::map<QStringList, QStringList> made;  // method, preset, changes, machine: the numbers of the runs
  for (const ReportRun& run : runs) {
    const RunSpec& spec = run.record->spec;
    QStringList changes;
    try {
      const nlohmann::json usual = workshop_.preset(spec.preset, spec.method).search.json();
      for (const auto& [key, value] : spec.search_settings.items()) {
        if (key != "extract" && usual.value(key, nlohmann::json()) != value) {
          changes << u"%1 = %2"_s.arg(qt(key), valueText(value));
        }
      }
    } catch (const std::exception&) {  // a preset of the user's, or of a newer program
      changes = {reportText("not known: the preset is not at hand")};
    }
    const auto& environment = run.record->environment;
    const QString where = environment ? reportText("%1, %2 threads, %3, %4")
                                            .arg(qt(environment->program))
                                            .arg(environment->threads)
                                            .arg(qt(environment->precision), qt(environment->machine))
                                      : QString();
    const QString changed = changes.isEmpty() ? reportText("nothing") : changes.join(u"; "_s);
    made[{qt(spec.method), qt(spec.preset), changed, where}] << QString::number(run.summary.id);
  }
  Table table{{reportText("method"), reportText("preset"), reportText("what the runs change of it"),
               reportText("made by and on"), reportText("runs")},
              {}};
  for (const auto& [how, ids] : made) {
    Row& row = table.rows.emplace_back();
    for (const QString& word : how) row.push_back({word});
    row.push_back({ids.join(u", "_s)});
  }
  heading(2, reportText("Settings"));
  this->table(std::move(table));
}

void ReportPage::addRun(const ReportRun& run, const Sweep& sweep) {
  const RunRecord& record = *run.record;
  heading(2, run.summary.title.empty() ? reportText("Run %1").arg(record.id)
                                       : reportText("Run %1: %2").arg(record.id).arg(qt(run.summary.title)));
  if (!run.summary.reason.empty()) {
    const bool failed = run.summary.phase == Phase::Failed;
    paragraph(failed ? reportText("Failed: %1").arg(qt(run.summary.reason)) : qt(run.summary.reason), Look::Bad);
  }
  addFacts(run);
  addPlacements(record);
  figures(draw_.ofRun(run.record, sweep));
  std::span<const SettingSpec> search;
  const std::vector<std::string> methods = workshop_.methods();  // a stored run may be of a newer program
  if (std::ranges::find(methods, record.spec.method) != methods.end())
    search = workshop_.searchSettings(record.spec.method);
  addSettings(reportText("Settings of the method"), search, record.spec.search_settings);
  addSettings(reportText("Recipe of the bank"), workshop_.bankSettings(), record.spec.bank_settings);
}

void ReportPage::addFacts(const ReportRun& run) {
  const RunRecord& record = *run.record;
  const RunSummary& summary = run.summary;
  Table facts;
  const auto fact = [&facts](const QString& name, const QString& value) {
    if (!value.isEmpty()) facts.rows.push_back({{name}, {value}});
  };
  fact(reportText("state"), qt(name(summary.phase)));
  fact(reportText("method"), evidenceOf(workshop_, summary.method));
  fact(reportText("preset"), qt(summary.preset));
  fact(reportText("budget"), qt(summary.budget.text()));
  fact(reportText("seed"), QString::number(summary.seed));
  fact(reportText("model"),
       reportText("%1, fingerprint %2, %3")
           .arg(qt(summary.model_name), qt(summary.model_fingerprint), qt(record.spec.model_path)));
  fact(reportText("bank"), qt(record.spec.bank_dir));
  fact(reportText("cost"), reportText("%1 of %2 steps, %3 tokens, %4 s")
                               .arg(summary.step)
                               .arg(summary.steps)
                               .arg(summary.tokens)
                               .arg(fixedText(summary.seconds, 1)));
  if (const auto& environment = record.environment) {
    fact(reportText("made on"),
         reportText("%1, %2 threads, kernel %3, %4, %5")
             .arg(qt(environment->device))
             .arg(environment->threads)
             .arg(qt(environment->kernel), qt(environment->precision), qt(environment->library)));
    fact(reportText("prompts"), qt(environment->chat));
    fact(reportText("machine"), qt(environment->machine));
    fact(reportText("program"), qt(environment->program));
  }
  fact(reportText("begun"), qt(summary.created));
  fact(reportText("forked from"), qt(record.spec.forked_from));
  for (const Intervention& change : record.changes) fact(reportText("changed by hand"), changeText(change));
  fact(reportText("tags"), joined(summary.tags));
  fact(reportText("note"), qt(summary.note));
  table(std::move(facts));
}

void ReportPage::addSettings(const QString& title, std::span<const SettingSpec> specs, const nlohmann::json& values) {
  if (!values.is_object() || values.empty()) return;
  Row entries;  // a name, a value, the next name, …
  const auto add = [&](const std::string& key, const nlohmann::json& value, bool inferred) {
    entries.push_back({inferred ? qt(key) + u" ≈"_s : qt(key), inferred ? Look::Inferred : Look::Plain});
    entries.push_back({valueText(value)});
  };
  const auto known = [&](const std::string& key) { return std::ranges::find(specs, key, &SettingSpec::key); };
  for (const SettingSpec& spec : specs) {
    if (values.contains(spec.key)) add(spec.key, values.at(spec.key), spec.inferred);
  }
  for (const auto& [key, value] : values.items()) {
    if (known(key) == specs.end()) add(key, value, false);
  }
  constexpr std::size_t kColumns = 3;
  const std::size_t lines = (entries.size() / 2 + kColumns - 1) / kColumns;
  Table settings;
  for (std::size_t line = 0; line < lines; ++line) {
    Row& row = settings.rows.emplace_back();
    for (std::size_t at = line; at < lines * kColumns; at += lines) {
      const bool there = 2 * at < entries.size();
      row.push_back(there ? entries[2 * at] : Cell());
      row.push_back(there ? entries[2 * at + 1] : Cell());
    }
  }
  heading(3, title);
  table(std::move(settings));
}

void ReportPage::addPlacements(const RunRecord& run) {
  heading(3, reportText("Placements"));
  Table found{{reportText("budget"), reportText("K"), reportText("layers"), reportText("margin"),
               reportText("loss, soft"), reportText("loss, hard")},
              {}};
  for (const PlacementEvent& event : run.placements) {
    found.rows.push_back({{qt(event.budget.text())},
                          {QString::number(event.placement.fullCount())},
                          document_.small(ReportFigures::ofPlacement(event.placement)),
                          {numberText(event.margin) + (event.repaired ? u' ' + reportText("(repaired)") : QString())},
                          {numberText(event.soft_loss)},
                          {numberText(event.hard_loss)}});
  }
  if (run.placements.empty() && !run.steps.empty()) {
    const Placement& now = run.steps.back().if_stopped_now;
    found.rows.push_back({{reportText("if stopped now")},
                          {QString::number(now.fullCount())},
                          document_.small(ReportFigures::ofPlacement(now)),
                          {},
                          {},
                          {}});
  }
  if (found.rows.empty()) paragraph(reportText("No placement was found."));
  table(std::move(found));
}

}  // namespace interleave::gui
