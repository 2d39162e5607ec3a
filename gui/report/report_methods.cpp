// SPDX-License-Identifier: GPL-3.0-or-later
#include "gui/report/report_methods.h"

#include <QStringList>
#include <algorithm>
#include <map>
#include <string>
#include <utility>

#include "gui/style/format.h"

namespace interleave::gui {
namespace {

/// All that makes two runs the same method: but for the seed, and the further budgets that are told.
nlohmann::json settingsOf(const RunSpec& spec) {
  nlohmann::json settings = spec.search_settings;
  if (settings.is_object()) settings.erase("extract");
  return settings;
}

/// Whether it is one of the draws that seeds stand for: nobody changed it on its way.
bool isDraw(const ReportRun& run) { return run.record->changes.empty() && run.record->spec.forked_from.empty(); }

/// What tells settings from others of the same method: "steps = 200".
QString differing(const nlohmann::json& settings, const std::vector<nlohmann::json>& others) {
  QStringList words;
  if (!settings.is_object()) return {};
  for (const auto& [key, value] : settings.items()) {
    const bool same = std::ranges::all_of(others, [&](const nlohmann::json& other) {
      return other.is_object() && other.value(key, nlohmann::json()) == value;
    });
    if (!same)
      words << QStringLiteral("%1 = %2").arg(qt(key), qt(value.is_string() ? value.get<std::string>() : value.dump()));
  }
  return words.join(QStringLiteral(", "));
}

}  // namespace

std::vector<MethodRow> methodRowsOf(const Comparison& comparison) {
  std::map<std::string, std::vector<nlohmann::json>> settings;  // by method, each once
  for (const ReportRun& run : comparison.runs) {
    if (!isDraw(run)) continue;
    std::vector<nlohmann::json>& known = settings[run.summary.method];
    const nlohmann::json own = settingsOf(run.record->spec);
    if (std::ranges::find(known, own) == known.end()) known.push_back(own);
  }
  std::vector<MethodRow> rows;
  for (const ReportRun& run : comparison.runs) {
    if (!isDraw(run)) continue;
    QString method = qt(run.summary.method);
    const QString own = differing(settingsOf(run.record->spec), settings[run.summary.method]);
    if (!own.isEmpty()) method += QStringLiteral(" (%1)").arg(own);
    for (const PlacementEvent* found : reportedOf(run)) {
      const auto same = [&](const MethodRow& row) {
        return row.method == method && row.budget == found->budget && row.searched_at == run.record->spec.budget;
      };
      auto row = std::ranges::find_if(rows, same);
      if (row == rows.end()) row = rows.insert(row, {method, found->budget, run.record->spec.budget, {}, {}});
      const auto sameSeed = [&](const ReportRun* other) { return other->summary.seed == run.summary.seed; };
      if (std::ranges::any_of(row->runs, sameSeed)) continue;  // a run made twice is one sample
      row->found.push_back(&*std::ranges::find(comparison.placements, found->placement, &ComparedPlacement::placement));
      row->runs.push_back(&run);
    }
  }
  std::ranges::stable_sort(rows, {},
                           [](const MethodRow& row) { return std::pair(row.budget.unit, row.budget.amount); });
  return rows;
}

Stability stabilityOf(const MethodRow& row) {
  std::vector<double> jaccards, overlaps, correlations;
  for (std::size_t a = 0; a < row.found.size(); ++a) {
    for (std::size_t b = a + 1; b < row.found.size(); ++b) {
      jaccards.push_back(interleave::jaccard(row.found[a]->placement, row.found[b]->placement));
      overlaps.push_back(overlapAtK(row.found[a]->placement, row.found[b]->placement));
      const auto &first = row.runs[a]->record->steps, &second = row.runs[b]->record->steps;
      if (!first.empty() && !second.empty()) {
        correlations.push_back(spearman(fullAdvantages(first.back()), fullAdvantages(second.back())));
      }
    }
  }
  return {interleave::meanOf(jaccards), interleave::meanOf(overlaps), interleave::meanOf(correlations)};
}

}  // namespace interleave::gui
