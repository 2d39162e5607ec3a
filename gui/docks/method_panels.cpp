// SPDX-License-Identifier: GPL-3.0-or-later
#include "gui/docks/method_panels.h"

#include <QCoreApplication>
#include <algorithm>
#include <array>
#include <cmath>
#include <functional>
#include <iterator>
#include <numeric>
#include <span>

#include "backend/core/statistics.h"
#include "gui/model/readings.h"
#include "gui/style/format.h"
#include "gui/style/theme.h"

namespace interleave::gui {
namespace {

QString methodWords(const char* text) { return QCoreApplication::translate("MethodPanels", text); }

constexpr double kUndecided = 0.1;  // gates further than this from both ends leave the choice to the cut
constexpr int kGateBins = 10;
constexpr std::size_t kMostCurvePoints = 256;
constexpr std::int64_t kMaskCells = 256;  // a side, of longer prompts every so many tokens

bool isFull(const Placement& placement, std::size_t layer) {
  return static_cast<int>(layer) < placement.layers() && placement[static_cast<int>(layer)] == MixerKind::Full;
}

/// Two series of points: layers that the placement keeps, and the others.
Panel layerScatter(const QString& title, Axis x, Axis y, std::span<const double> xs, std::span<const double> ys,
                   const Placement& placement) {
  Panel panel{.title = title, .x = std::move(x), .y = std::move(y)};
  panel.series = {{.name = methodWords("kept"), .color = theme().accent, .style = Series::Style::Points},
                  {.name = methodWords("not kept"), .color = theme().muted, .style = Series::Style::Rings}};
  for (std::size_t layer = 0; layer < xs.size(); ++layer) {
    Series& series = panel.series[isFull(placement, layer) ? 0 : 1];
    series.x.push_back(xs[layer]);
    series.y.push_back(ys[layer]);
    series.labels.push_back(QString::number(layer));
  }
  std::erase_if(panel.series, [](const Series& series) { return series.x.isEmpty(); });
  return panel;
}

Panel sortedPanel(const std::vector<double>& gates, int kept) {
  std::vector<std::size_t> order(gates.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::stable_sort(order, std::greater<>(), [&](std::size_t layer) { return gates[layer]; });
  Series series{.name = methodWords("p(full)"), .color = theme().accent, .style = Series::Style::Points};
  for (std::size_t rank = 0; rank < order.size(); ++rank) {
    series.x.push_back(static_cast<double>(rank + 1));
    series.y.push_back(gates[order[rank]]);
    series.labels.push_back(QString::number(order[rank]));
  }
  return {
      .title = methodWords("Gates in order"),
      .x = {.label = methodWords("rank"), .whole = true, .least = 0.5, .most = static_cast<double>(gates.size()) + 0.5},
      .y = {.label = methodWords("p(full)"), .least = 0, .most = 1.08},
      .series = {std::move(series)},
      .marks = {{.x = kept + 0.5, .color = theme().changed},
                {.shape = Mark::Shape::Text,
                 .x = kept + 0.5,
                 .y = 0.06,
                 .text = methodWords("K = %1").arg(kept),
                 .color = theme().changed}},
      .stretch = 1.6};
}

std::ptrdiff_t undecidedOf(const std::vector<double>& gates) {
  return std::ranges::count_if(gates, [](double gate) { return gate > kUndecided && gate < 1 - kUndecided; });
}

Panel decidedPanel(const std::vector<double>& gates) {
  Series series{.name = methodWords("layers"), .color = theme().accent, .style = Series::Style::Bars};
  std::vector<int> counts(kGateBins);
  for (const double gate : gates) ++counts[static_cast<std::size_t>(std::clamp(gate, 0.0, 0.999) * kGateBins)];
  Axis bins{.label = methodWords("p(full)"), .kind = Axis::Kind::Category, .least = -0.5, .most = kGateBins - 0.5};
  for (int bin = 0; bin < kGateBins; ++bin) {
    series.x.push_back(counts[static_cast<std::size_t>(bin)]);
    series.y.push_back(bin);
    bins.categories << QStringLiteral("%1–%2").arg(bin / 10.0, 0, 'f', 1).arg((bin + 1) / 10.0, 0, 'f', 1);
  }
  return {.title = methodWords("%1 of %2 undecided").arg(undecidedOf(gates)).arg(gates.size()),
          .x = {.label = methodWords("layers"), .whole = true, .least = 0},
          .y = std::move(bins),
          .series = {std::move(series)}};
}

/// Adds an example's scores of the layers.
void addTo(std::vector<double>& sums, const LayerScoreEvent& event) {
  std::ranges::transform(sums, event.values, sums.begin(), std::plus<>());
}

std::vector<double> meanScores(std::span<const LayerScoreEvent> events) {
  std::vector<double> mean(events.front().values.size());
  for (const LayerScoreEvent& event : events) addTo(mean, event);
  for (double& value : mean) value /= static_cast<double>(events.size());
  return mean;
}

std::vector<std::size_t> largest(const std::vector<double>& values, std::size_t count) {
  std::vector<std::size_t> order(values.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::stable_sort(order, std::greater<>(), [&](std::size_t layer) { return values[layer]; });
  order.resize(std::min(count, order.size()));
  std::ranges::sort(order);
  return order;
}

/// What the first n examples alone would have said, against what all say.
Panel settlingPanel(std::span<const StepEvent> steps, int kept) {
  Panel panel{.title = methodWords("With fewer examples"),
              .x = {.label = methodWords("examples"), .whole = true},
              .y = {.label = methodWords("agreement with all"), .least = -0.05, .most = 1.05},
              .legend = true};
  Series rank{.name = methodWords("ρ"), .color = category(1), .style = Series::Style::Line};
  Series overlap{.name = methodWords("overlap@%1").arg(kept), .color = category(2)};
  const std::vector<double> all = fullAdvantages(steps.back());
  const std::vector<std::size_t> chosen = largest(all, static_cast<std::size_t>(std::max(kept, 0)));
  const std::size_t every = (steps.size() + kMostCurvePoints - 1) / kMostCurvePoints;
  for (std::size_t i = 0; i < steps.size(); ++i) {
    if ((i + 1) % every != 0 && i + 1 != steps.size()) continue;
    const std::vector<double> some = fullAdvantages(steps[i]);
    const std::vector<std::size_t> would = largest(some, chosen.size());
    std::vector<std::size_t> shared;
    std::ranges::set_intersection(chosen, would, std::back_inserter(shared));
    rank.x.push_back(static_cast<double>(i + 1));
    rank.y.push_back(interleave::spearman(some, all));
    overlap.x.push_back(static_cast<double>(i + 1));
    overlap.y.push_back(chosen.empty() ? 1 : static_cast<double>(shared.size()) / static_cast<double>(chosen.size()));
  }
  panel.series = {std::move(rank), std::move(overlap)};
  return panel;
}

/// Whether layers are ranked by something else than the mean of what was measured first: HALO joins two measures.
bool isJoined(const std::vector<double>& ranked, const std::vector<double>& means) {
  const auto close = [](double a, double b) { return std::abs(a - b) <= 1e-4 * (1 + std::abs(b)); };
  return ranked.size() == means.size() && !std::ranges::equal(ranked, means, close);
}

/// p(full) of every layer over the steps.
Panel trajectoryPanel(std::span<const StepEvent> steps, const Placement& shown) {
  Panel panel{.title = methodWords("Gates over the steps"),
              .x = {.label = methodWords("step"), .whole = true},
              .y = {.label = methodWords("p(full)"), .least = -0.02, .most = 1.02}};
  const std::size_t every = (steps.size() + kMostCurvePoints - 1) / kMostCurvePoints;
  const auto layers = static_cast<std::size_t>(shown.layers());
  for (std::size_t layer = 0; layer < layers; ++layer) {
    const bool kept = isFull(shown, layer);
    panel.series.push_back({.name = methodWords("layer %1").arg(layer),
                            .color = kept ? theme().accent : theme().muted,
                            .width = kept ? 1.4 : 0.7});
  }
  for (std::size_t i = 0; i < steps.size(); ++i) {
    if ((i + 1) % every != 0 && i + 1 != steps.size()) continue;
    const std::vector<double> gates = fullProbabilities(steps[i]);
    for (std::size_t layer = 0; layer < std::min(layers, gates.size()); ++layer) {
      panel.series[layer].x.push_back(static_cast<double>(steps[i].step));
      panel.series[layer].y.push_back(gates[layer]);
    }
  }
  std::ranges::stable_partition(panel.series, [](const Series& series) { return series.width < 1; });  // kept on top
  return panel;
}

}  // namespace

std::vector<Panel> gatePanels(const RunRecord& record, const StepEvent& step, const Placement& shown) {
  const std::vector<double> gates = fullProbabilities(step);
  std::vector<Panel> panels{sortedPanel(gates, shown.fullCount()), decidedPanel(gates)};
  const auto after = std::ranges::upper_bound(record.steps, step.step, {}, &StepEvent::step);
  if (const std::span seen(record.steps.begin(), after); seen.size() > 1) {
    panels.push_back(trajectoryPanel(seen, shown));
  }
  const std::vector<float> error = bankError(record);
  if (error.size() == gates.size()) {
    panels.push_back(layerScatter(methodWords("Gate, candidate"),
                                  {.label = methodWords("candidate's error"), .logarithmic = true},
                                  {.label = methodWords("p(full)"), .least = -0.05, .most = 1.08},
                                  std::vector<double>(error.begin(), error.end()), gates, shown));
  }
  return panels;
}

std::optional<Panel> sweepPanel(const Sweep& sweep, RunId shown) {
  if (sweep.points.empty()) return std::nullopt;
  const QString setting = settingTitle(sweep.setting);
  const double least = sweep.points.front().value, most = sweep.points.back().value;
  const bool wide = least > 0 && most >= 10 * least;
  Panel panel{.title = methodWords("Runs by %1").arg(setting),
              .x = {.label = setting, .logarithmic = wide},
              .y = {.label = methodWords("layers"), .least = 0},
              .legend = true};
  Series kept{.name = methodWords("Σ p(full)"), .color = theme().accent, .style = Series::Style::DashedPoints};
  Series undecided{.name = methodWords("undecided"), .color = theme().muted, .style = Series::Style::DashedPoints};
  for (const Sweep::Point& point : sweep.points) {
    const std::vector<double> gates = fullProbabilities(point.last);
    const double sum = std::accumulate(gates.begin(), gates.end(), 0.0);
    kept.x.push_back(point.value);
    kept.y.push_back(sum);
    undecided.x.push_back(point.value);
    undecided.y.push_back(static_cast<double>(undecidedOf(gates)));
    kept.readouts.push_back(
        methodWords("run %1, %2 = %3: Σ p %4").arg(point.run).arg(setting, numberText(point.value), fixedText(sum, 1)));
    if (point.run == shown) {
      panel.marks.push_back({.shape = Mark::Shape::Ring, .x = point.value, .y = sum, .color = theme().changed});
    }
  }
  panel.series = {std::move(kept), std::move(undecided)};
  return panel;
}

Panel selectionCostPanel(const StepEvent& step) {
  struct Published {
    const char* method;
    double tokens;
    const char* text;
  };
  constexpr std::array<Published, 4> kPublished{
      {{"FlashMorph", 20e6, "20M"}, {"HALO", 234e6, "234M"}, {"KL-LS", 20e9, "20B"}, {"PostNAS", 50e9, "50B"}}};
  Series own{.name = methodWords("this run"), .color = theme().accent, .style = Series::Style::Points};
  own.x = {static_cast<double>(step.tokens)};
  own.y = {0};
  own.labels = {tokensText(static_cast<double>(step.tokens))};
  Series others{.name = methodWords("published"), .color = theme().muted, .style = Series::Style::Rings};
  Panel panel{.title = methodWords("Selection cost, published for Qwen3-1.7B"),
              // Values stand beside the points, which need room on both sides.
              .x = {.label = methodWords("tokens"),
                    .logarithmic = true,
                    .ticks = false,
                    .least = std::max(static_cast<double>(step.tokens), 1.0) / 20,
                    .most = 20 * kPublished.back().tokens},
              .y = {.kind = Axis::Kind::Category,
                    .reversed = true,
                    .least = -0.5,
                    .most = static_cast<double>(kPublished.size()) + 0.5,
                    .categories = {methodWords("this run")}}};
  for (const Published& published : kPublished) {
    others.y.push_back(static_cast<double>(panel.y.categories.size()));
    others.x.push_back(published.tokens);
    others.labels << QString::fromLatin1(published.text);
    panel.y.categories << QString::fromLatin1(published.method);
    others.readouts << methodWords("%1: %2 tokens (arXiv 2606.30562)")
                           .arg(panel.y.categories.back(), QString::fromLatin1(published.text));
  }
  panel.series = {std::move(own), std::move(others)};
  return panel;
}

std::vector<Panel> scoringPanels(const RunRecord& record, std::size_t examples, const Placement& shown) {
  const std::vector<std::vector<LayerScoreEvent>>& measures = record.layer_scores;
  const auto first = std::span(measures.front()).first(std::min(examples, measures.front().size()));
  if (first.empty()) return {};
  std::vector<Panel> panels;
  if (measures.size() > 1 && measures[1].size() >= first.size()) {
    const auto second = std::span(measures[1]).first(first.size());
    const std::vector<double> x = meanScores(first), y = meanScores(second);
    panels.push_back(layerScatter(methodWords("Two measures: ρ = %1").arg(interleave::spearman(x, y), 0, 'f', 2),
                                  {.label = qt(first.front().score)}, {.label = qt(second.front().score)}, x, y,
                                  shown));
  }
  const auto steps = std::span(record.steps).first(std::min(examples, record.steps.size()));
  if (steps.empty()) return panels;
  if (const std::vector<double> ranked = fullAdvantages(steps.back()); isJoined(ranked, meanScores(first))) {
    std::vector<double> layers(ranked.size());
    std::iota(layers.begin(), layers.end(), 0.0);
    panels.push_back(layerScatter(methodWords("What ranks the layers"), {.label = methodWords("layer"), .whole = true},
                                  {.label = methodWords("score")}, layers, ranked, shown));
  }
  panels.push_back(settlingPanel(steps, shown.fullCount()));
  return panels;
}

bool hasGates(const RunRecord& record) {
  // What is told which layers to keep has none.
  const bool told = record.spec.isHeal() || record.spec.method == "hand-rule";
  return record.layer_scores.empty() && record.trials.empty() && !told;
}

std::vector<Panel> methodPanels(const RunRecord& record, const StepEvent& step, const Placement& shown,
                                const Sweep& sweep) {
  if (!record.layer_scores.empty()) return scoringPanels(record, static_cast<std::size_t>(step.step), shown);
  if (!hasGates(record)) return {};
  std::vector<Panel> all = gatePanels(record, step, shown);
  if (record.spec.method == "flashmorph") all.push_back(selectionCostPanel(step));
  if (std::optional<Panel> swept = sweepPanel(sweep, record.id)) all.push_back(*std::move(swept));
  return all;
}

Panel maskPanel(const MaskShape& shape) {
  const std::int64_t step = std::max<std::int64_t>(1, (shape.tokens + kMaskCells - 1) / kMaskCells);
  const auto cells = static_cast<int>((shape.tokens + step - 1) / step);
  Grid grid{.name = methodWords("seen"),
            .rows = cells,
            .columns = cells,
            .values = QVector<float>(static_cast<qsizetype>(cells) * cells)};
  for (int row = 0; row < cells; ++row) {
    for (int column = 0; column <= row; ++column) {
      const std::int64_t query = row * step, key = column * step;
      const bool answer = shape.prompt_only && query >= shape.answer_begin;
      const bool seen = answer || query - key < shape.window || key < shape.sinks;
      grid.values[static_cast<qsizetype>(row) * cells + column] = seen ? (answer ? 1.0F : 0.55F) : 0.15F;
    }
  }
  const QString unit = step > 1 ? methodWords(" (every %1th)").arg(step) : QString();
  return {.title = methodWords("Mask: last %1, first %2").arg(shape.window).arg(shape.sinks),
          .x = {.label = methodWords("key") + unit, .whole = true},
          .y = {.label = methodWords("query") + unit, .reversed = true, .whole = true},
          .grid = std::move(grid),
          .marks = {{.x = static_cast<double>(shape.answer_begin) / static_cast<double>(step) - 0.5,
                     .text = methodWords("answer"),
                     .color = theme().changed}}};
}

}  // namespace interleave::gui
