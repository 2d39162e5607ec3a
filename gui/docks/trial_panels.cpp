// SPDX-License-Identifier: GPL-3.0-or-later
#include "gui/docks/trial_panels.h"

#include <QCoreApplication>
#include <algorithm>
#include <cmath>

#include "backend/core/regret.h"
#include "gui/style/format.h"
#include "gui/style/theme.h"

namespace interleave::gui {
namespace {

QString words(const char* text) { return QCoreApplication::translate("TrialPanels", text); }

constexpr int kBins = 40;
constexpr std::size_t kMostPoints = 4000;  // drawn of a larger run, evenly chosen

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

Panel lossPanel(const TrialTable& table, const std::vector<const KnownPlacement*>& compared) {
  Panel panel{.title = words("Mean loss of the placements tried"),
              .x = {.label = words("loss, nats")},
              .y = {.label = words("placements"), .whole = true, .least = 0},
              .stretch = 1.4};
  panel.series.push_back(histogram(table.losses()));
  const double top = *std::ranges::max_element(panel.series[0].y);
  double height = top;  // one name below the other: lines may lie close together
  for (const KnownPlacement* known : compared) {
    const auto standing = table.standing(known->placement);
    if (!standing) continue;
    panel.marks.push_back({.shape = Mark::Shape::Vertical, .x = standing->loss, .color = theme().changed});
    panel.marks.push_back({.shape = Mark::Shape::Text,
                           .x = standing->loss,
                           .y = height,
                           .text = words("%1: %2 of %3").arg(known->label).arg(standing->rank()).arg(standing->trials),
                           .color = theme().changed});
    height = std::max(height - top / 6, top / 6);
  }
  return panel;
}

Panel frontPanel(std::span<const TrialEvent> trials, const std::vector<const KnownPlacement*>& compared) {
  Panel panel{.title = words("Text against prompts"),
              .x = {.label = words("loss on text, nats")},
              .y = {.label = words("loss on prompts, nats")}};
  Series all{.name = words("tried"), .color = theme().muted, .style = Series::Style::Rings};
  Series marked{.name = words("compared"), .color = theme().changed, .style = Series::Style::Points};
  const std::size_t stride = (trials.size() + kMostPoints - 1) / kMostPoints;
  for (std::size_t i = 0; i < trials.size(); ++i) {
    const auto known =
        std::ranges::find(compared, trials[i].placement, [](const KnownPlacement* entry) { return entry->placement; });
    if (known == compared.end() && i % stride != 0) continue;
    Series& series = known == compared.end() ? all : marked;
    series.x.push_back(interleave::meanOf(trials[i].text));
    series.y.push_back(interleave::meanOf(trials[i].prompts));
    series.labels.push_back(known == compared.end() ? QString() : (*known)->label);
  }
  for (Series* series : {&all, &marked}) {
    if (series->x.isEmpty()) series->x = series->y = {kAuto}, series->labels = {QString()};
    panel.series.push_back(std::move(*series));
  }
  return panel;
}

}  // namespace

std::vector<Panel> trialPanels(std::span<const TrialEvent> trials, const std::vector<const KnownPlacement*>& compared) {
  const TrialTable table(trials, TrialTable::Part::All);
  std::vector<Panel> panels;
  if (!table.losses().empty()) panels.push_back(lossPanel(table, compared));
  if (!trials.front().text.empty() && !trials.front().prompts.empty()) panels.push_back(frontPanel(trials, compared));
  return panels;
}

}  // namespace interleave::gui
