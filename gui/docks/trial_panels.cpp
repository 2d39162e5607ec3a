// SPDX-License-Identifier: GPL-3.0-or-later
#include "gui/docks/trial_panels.h"

#include <QCoreApplication>
#include <QFontMetrics>
#include <algorithm>
#include <cmath>
#include <utility>

#include "backend/core/regret.h"
#include "gui/style/format.h"
#include "gui/style/theme.h"

namespace interleave::gui {
namespace {

QString words(const char* text) { return QCoreApplication::translate("TrialPanels", text); }

constexpr int kBins = 40;
constexpr std::size_t kMostPoints = 4000;  // drawn of a larger run, evenly chosen
constexpr std::size_t kMostMarked = 40;    // of the marked placements, the best
constexpr int kNameWidth = 170;

/// How many trials lie in each of kBins intervals, as a stepped line.
Series histogram(const std::vector<double>& losses) {
  const auto [least, most] = std::ranges::minmax(losses);
  const double width = std::max((most - least) / kBins, 1e-12);
  std::vector<int> counts(kBins);
  for (const double loss : losses) ++counts[static_cast<std::size_t>(std::min((loss - least) / width, kBins - 1.0))];
  Series series{.name = words("trials"), .color = theme().accent};
  series.x.push_back(least);
  series.y.push_back(0);
  for (int bin = 0; bin < kBins; ++bin) {
    for (const int edge : {bin, bin + 1}) {
      series.x.push_back(least + edge * width);
      series.y.push_back(counts[static_cast<std::size_t>(bin)]);
    }
  }
  series.x.push_back(least + kBins * width);
  series.y.push_back(0);
  return series;
}

Panel lossPanel(const TrialTable& table, const MarkedPlacements& marked) {
  Panel panel{.title = words("Mean loss of the placements tried"),
              .x = {.label = words("loss, nats")},
              .y = {.label = words("placements"), .whole = true, .least = 0}};
  panel.series.push_back(histogram(table.losses()));
  for (const auto& [placement, label] : marked) {
    if (const auto standing = table.standing(placement)) {
      panel.marks.push_back({.shape = Mark::Shape::Vertical, .x = standing->loss, .color = theme().changed});
    }
  }
  return panel;
}

/// What marked placements lose to the best trial, the best first.
Panel regretPanel(const TrialTable& table, const MarkedPlacements& marked, std::size_t sample) {
  auto rows = table.standings(placementsOf(marked));
  if (rows.size() > kMostMarked) rows.resize(kMostMarked);
  Panel panel{.title = words("Regret, and rank among %1 tried").arg(table.losses().size()),
              .x = {.label = words("loss above the best one's, nats")},
              .y = {.kind = Axis::Kind::Category,
                    .reversed = true,
                    .least = -0.5,
                    .most = std::max(static_cast<double>(rows.size()), 1.0) - 0.5},
              .stretch = 1.6};
  Series series{.name = words("regret"), .color = theme().changed, .style = Series::Style::Points};
  for (const auto& [placement, standing] : rows) {
    const QString& label = marked.at(placement);
    QString readout = words("%1\nrank %2 of %3, regret %4 [%5, %6]")
                          .arg(label)
                          .arg(standing.rank())
                          .arg(standing.trials)
                          .arg(numberText(standing.regret), numberText(standing.regret_interval.low),
                               numberText(standing.regret_interval.high));
    if (sample > 0 && sample == table.losses().size()) {
      readout +=
          words("\nof all placements %1 to %2 % are better")
              .arg(fixedText(100 * standing.share_better.low, 1), fixedText(100 * standing.share_better.high, 1));
    }
    const QString name = QFontMetrics(textFont(TextSize::Tick)).elidedText(label, Qt::ElideRight, kNameWidth);
    panel.y.categories << words("%1  %2").arg(name).arg(standing.rank());
    series.x.push_back(standing.regret);
    series.y.push_back(static_cast<double>(series.y.size()));
    series.x_error.push_back(std::max(0.0, standing.regret_interval.high - standing.regret));
    series.x_error_below.push_back(std::max(0.0, standing.regret - standing.regret_interval.low));
    series.readouts.push_back(readout);
  }
  if (rows.empty()) {
    series.x = series.y = series.x_error = {kAuto};
    panel.x.least = 0, panel.x.most = 1;
    panel.marks.push_back({.shape = Mark::Shape::Text,
                           .x = kAuto,
                           .y = 0,
                           .text = words("what other runs found was not tried"),
                           .color = theme().muted});
  }
  panel.series.push_back(std::move(series));
  return panel;
}

Panel frontPanel(std::span<const TrialEvent> trials, const MarkedPlacements& marked) {
  Panel panel{.title = words("Text against prompts"),
              .x = {.label = words("loss on text, nats")},
              .y = {.label = words("loss on prompts, nats")}};
  Series all{.name = words("tried"), .color = theme().muted, .style = Series::Style::Rings};
  Series named{.name = words("marked"), .color = theme().changed, .style = Series::Style::Points};
  const std::size_t stride = (trials.size() + kMostPoints - 1) / kMostPoints;
  for (std::size_t i = 0; i < trials.size(); ++i) {
    const auto known = marked.find(trials[i].placement);
    if (known == marked.end() && i % stride != 0) continue;
    Series& series = known == marked.end() ? all : named;
    series.x.push_back(interleave::meanOf(trials[i].text));
    series.y.push_back(interleave::meanOf(trials[i].prompts));
    if (known != marked.end()) series.readouts.push_back(known->second);
  }
  for (Series* series : {&all, &named}) {
    if (series->x.isEmpty()) series->x = series->y = {kAuto};
    panel.series.push_back(std::move(*series));
  }
  return panel;
}

}  // namespace

std::size_t sampleOf(const RunSpec& spec) {
  const auto& settings = spec.search_settings;
  return settings.is_object() ? settings.value("sample", std::size_t{0}) : 0;
}

std::vector<Panel> trialPanels(std::span<const TrialEvent> trials, const MarkedPlacements& marked, std::size_t sample) {
  const TrialTable table(trials, TrialTable::Part::All);
  std::vector<Panel> panels;
  if (!table.losses().empty()) panels.push_back(lossPanel(table, marked));
  if (!table.losses().empty() && !marked.empty()) panels.push_back(regretPanel(table, marked, sample));
  if (!trials.front().text.empty() && !trials.front().prompts.empty()) panels.push_back(frontPanel(trials, marked));
  return panels;
}

}  // namespace interleave::gui
