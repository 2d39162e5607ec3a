// SPDX-License-Identifier: GPL-3.0-or-later
#include "gui/docks/curves_pane.h"

#include <QVBoxLayout>
#include <algorithm>
#include <cmath>
#include <numeric>

#include "backend/core/statistics.h"
#include "gui/style/format.h"
#include "gui/style/theme.h"

namespace interleave::gui {
namespace {

bool isHard(Metric metric) {
  return metric == Metric::HardTextLoss || metric == Metric::HardPromptLoss || metric == Metric::HeldOutLoss;
}

/// A name that fits a legend; the hint above says which mark is hard.
QString shortTitle(Metric metric) {
  switch (metric) {
    case Metric::TextLoss:
      return CurvesPane::tr("text, soft");
    case Metric::PromptLoss:
      return CurvesPane::tr("prompts, soft");
    case Metric::HardTextLoss:
      return CurvesPane::tr("text, hard");
    case Metric::HardPromptLoss:
      return CurvesPane::tr("prompts, hard");
    case Metric::Margin:
      return CurvesPane::tr("margin");
    default:
      return qt(interleave::title(metric)).toLower();
  }
}

/// λ Σ p(full) as it pressed at each step; no points where λ is 0.
Series pressureOf(const RunRecord& record) {
  Series series{.name = CurvesPane::tr("λ Σ p"), .color = theme().muted, .style = Series::Style::Dashed};
  const auto found = record.spec.search_settings.find("gate_weight");
  double weight = found != record.spec.search_settings.end() && found->is_number() ? found->get<double>() : 0;
  auto change = record.changes.begin();
  for (const StepEvent& step : record.steps) {
    for (; change != record.changes.end() && change->step <= step.step; ++change) {
      if (change->key == "gate_weight" && change->value.is_number()) weight = change->value.get<double>();
    }
    const std::vector<double> gates = fullProbabilities(step);
    const double pressure = weight * std::accumulate(gates.begin(), gates.end(), 0.0);
    if (!(pressure > 0)) continue;
    series.x.push_back(static_cast<double>(step.step));
    series.y.push_back(pressure);
  }
  return series;
}

}  // namespace

CurvesPane::CurvesPane(Studio& studio)
    : Pane(tr("Curves"), studio.clock()),
      studio_(studio),
      figure_(new Figure(tr("Curves of the search"), Figure::Link::X)) {
  auto* layout = new QVBoxLayout(this);
  layout->setContentsMargins(4, 2, 6, 4);
  layout->addWidget(figure_);
  connect(&studio_.run(), &RunModel::changed, this, &Pane::touch);
  connect(&studio_.book(), &PlacementBook::changed, this, &Pane::touch);
  connect(&studio_.neighbourhood(), &Neighbourhood::changed, this, &Pane::touch);
  connect(&studio_.library(), &RunLibrary::changed, this, &Pane::touch);
}

template <class T>
std::size_t CurvesPane::seen(const std::vector<T>& events) const {
  const StepEvent* step = studio_.run().step();
  // At the end also what was tried after it.
  if (step == nullptr || step->step == studio_.run().record().steps.back().step) return events.size();
  return static_cast<std::size_t>(std::ranges::upper_bound(events, step->step, {}, &T::step) - events.begin());
}

void CurvesPane::refresh() {
  const RunRecord& record = studio_.run().record();
  const std::span<const TrialEvent> trials = std::span(record.trials).first(seen(record.trials));
  if (!trials.empty()) {
    setHint(tr("%n placements tried; marked: those in Compare, and what other runs found", nullptr,
               static_cast<int>(trials.size())));
    return figure_->setPanels(trialPanels(trials, marked(), sampleOf(record.spec)));
  }
  setHint(record.layer_scores.empty() ? tr("◆ hard: the discrete placement · line: the soft mixture")
                                      : tr("mean over examples, 95 % bootstrap interval"));
  if (!record.layer_scores.empty() && seen(record.layer_scores.front()) > 0)
    return figure_->setPanels({scorePanel(), examplePanel()});
  if (record.steps.empty() && !record.alignments.empty()) {
    std::vector<Panel> panels;
    if (Panel curves = alignmentPanel(); !curves.series.empty()) panels.push_back(std::move(curves));
    // Kinds that the bank had before have no curve.
    const bool all_curves = std::ranges::all_of(bankKinds(record), [&](MixerKind kind) {
      return !trainingOf(record, kind, false).empty() || !trainingOf(record, kind, true).empty();
    });
    if (!all_curves) panels.push_back(bankPanel());
    return figure_->setPanels(std::move(panels));
  }
  if (record.spec.isHeal()) {
    setHint(tr("KL to the original model · ◆ on held-out data"));
    return figure_->setPanels({panelOf(tr("KL, nats"), {Metric::Loss, Metric::HeldOutLoss}, true),
                               panelOf(tr("Gradient norm"), {Metric::GradientNorm}, true),
                               panelOf(tr("Learning rate"), {Metric::LearningRate}, false),
                               panelOf(tr("Speed"), {Metric::TokensPerSecond}, false)});
  }
  Panel losses =
      panelOf(tr("Loss"), {Metric::TextLoss, Metric::PromptLoss, Metric::HardTextLoss, Metric::HardPromptLoss}, true);
  if (Series pressure = pressureOf(record); !pressure.x.isEmpty()) losses.series.push_back(std::move(pressure));
  figure_->setPanels({std::move(losses),
                      panelOf(tr("Decision"), {Metric::Entropy, Metric::Margin, Metric::Temperature}, false),
                      budgetPanel(), panelOf(tr("Speed"), {Metric::TokensPerSecond}, false)});
}

/// What is expected to be kept, and the budget that it is to meet.
Panel CurvesPane::budgetPanel() const {
  Panel panel = panelOf(tr("Budget"), {Metric::ExpectedBudget}, false);
  const RunRecord& record = studio_.run().record();
  if (record.steps.empty() || panel.series.empty() || panel.series.front().x.isEmpty()) return panel;
  Series target{.name = tr("budget"), .color = theme().changed, .style = Series::Style::Line, .width = 1};
  const auto add = [&](std::int64_t step, double amount) {
    target.x.push_back(static_cast<double>(step));
    target.y.push_back(amount);
  };
  const StepEvent* shown = studio_.run().step();
  const std::int64_t last = (shown != nullptr ? *shown : record.steps.back()).step;
  auto amount = static_cast<double>(record.spec.budget.amount);
  add(record.steps.front().step, amount);
  for (const std::vector<Intervention>* changes : {&record.spec.interventions, &record.changes}) {
    for (const Intervention& change : *changes) {
      if (change.kind != Intervention::Kind::Set || change.key != "budget" || change.step > last) continue;
      add(change.step, amount);
      add(change.step, amount = static_cast<double>(change.budget().amount));
    }
  }
  add(last, amount);
  panel.series.push_back(std::move(target));
  return panel;
}

MarkedPlacements CurvesPane::marked() const {
  MarkedPlacements marked;
  for (const auto& [placement, finders] : studio_.neighbourhood().of(studio_.run().record().id).found) {
    marked[placement] = qt(finders);
  }
  for (const KnownPlacement* known : studio_.book().compared()) marked.try_emplace(known->placement, known->label);
  return marked;
}

Panel CurvesPane::panelOf(const QString& title, std::initializer_list<Metric> metrics, bool logarithmic) const {
  const RunModel& run = studio_.run();
  Panel panel{.title = title, .x = {.label = tr("step"), .whole = true}, .y = {.logarithmic = logarithmic}};
  panel.legend = metrics.size() > 1;
  panel.stretch = metrics.size() > 1 ? 1.5 : 1;
  const bool bytes = run.record().spec.budget.unit == Budget::Unit::CacheBytes;
  if (bytes && *metrics.begin() == Metric::ExpectedBudget) panel.y.kind = Axis::Kind::Bytes;
  int colour = 1;
  for (const Metric metric : metrics) {
    Series series{.name = shortTitle(metric),
                  .color = category(isHard(metric) ? colour - 2 : colour),
                  .style = isHard(metric) ? Series::Style::DashedPoints : Series::Style::Line,
                  .width = isHard(metric) ? 1.0 : 1.4};
    ++colour;
    for (const StepEvent& step : run.record().steps) {
      const double value = step.metrics[static_cast<std::size_t>(metric)];
      if (!std::isfinite(value) || (logarithmic && value <= 0)) continue;
      series.x.push_back(static_cast<double>(step.step));
      series.y.push_back(value);
    }
    panel.series.push_back(std::move(series));
  }
  if (run.step() != nullptr && !run.following()) {
    panel.marks.push_back({.x = static_cast<double>(run.step()->step), .color = theme().text, .dashed = false});
  }
  for (const Intervention& change : run.record().changes) {
    panel.marks.push_back({.x = static_cast<double>(change.step), .color = theme().changed});
  }
  return panel;
}

Panel CurvesPane::alignmentPanel() const {
  const RunRecord& record = studio_.run().record();
  Panel panel{.title = tr("Relative error of the candidates, mean over layers"),
              .x = {.label = tr("alignment step"), .whole = true},
              .y = {.logarithmic = true},
              .legend = true};
  int colour = 1;
  for (const MixerKind kind : bankKinds(record)) {
    const QString name = qt(interleave::title(kind));
    for (const bool held_out : {false, true}) {
      Series series{.name = held_out ? tr("%1, held-out text").arg(name) : tr("%1, training batch").arg(name),
                    .color = category(colour),
                    .style = held_out ? Series::Style::DashedPoints : Series::Style::Line};
      for (const AlignmentEvent* event : trainingOf(record, kind, held_out)) {
        series.x.push_back(static_cast<double>(event->step));
        series.y.push_back(meanOf(event->relative_error));
      }
      if (!series.x.isEmpty()) panel.series.push_back(std::move(series));
    }
    ++colour;
  }
  return panel;
}

Panel CurvesPane::bankPanel() const {
  const RunRecord& record = studio_.run().record();
  const std::vector<MixerKind> kinds = bankKinds(record);
  Panel panel{.title = tr("Candidates as the bank has them: relative error, mean over layers"),
              .x = {.least = 0},
              .y = {.kind = Axis::Kind::Category,
                    .reversed = true,
                    .least = -0.5,
                    .most = static_cast<double>(std::max<std::size_t>(kinds.size(), 1)) - 0.5},
              .series = {{.color = theme().accent, .style = Series::Style::Bars}}};
  for (const MixerKind kind : kinds) {
    panel.series[0].x.push_back(meanOf(bankError(record, kind)));
    panel.series[0].y.push_back(static_cast<double>(panel.y.categories.size()));
    panel.y.categories << qt(interleave::title(kind));
  }
  return panel;
}

Panel CurvesPane::scorePanel() const {
  const auto& scores = studio_.run().record().layer_scores.front();
  const Placement& shown = studio_.run().placement();
  const std::size_t layers = scores.front().values.size();
  Panel panel{.title = qt(scores.front().score),
              .x = {.label = qt(scores.front().unit)},
              .y = {.label = tr("layer"),
                    .reversed = true,
                    .whole = true,
                    .least = -0.5,
                    .most = static_cast<double>(layers) - 0.5},
              .series = {{.name = tr("kept"), .color = theme().accent, .style = Series::Style::Points},
                         {.name = tr("not kept"), .color = theme().muted, .style = Series::Style::Rings}},
              .legend = false};
  std::vector<double> of_layer(seen(scores));
  for (std::size_t layer = 0; layer < layers; ++layer) {
    for (std::size_t i = 0; i < of_layer.size(); ++i) of_layer[i] = scores[i].values[layer];
    const Interval interval = bootstrapMean(of_layer);
    const bool kept = static_cast<int>(layer) < shown.layers() && shown[static_cast<int>(layer)] == MixerKind::Full;
    Series& series = panel.series[kept ? 0 : 1];
    series.x.push_back(interleave::meanOf(of_layer));
    series.y.push_back(static_cast<double>(layer));
    series.x_error.push_back(interval.high - series.x.back());
    series.x_error_below.push_back(series.x.back() - interval.low);
  }
  for (Series& series : panel.series) {
    if (series.x.isEmpty()) series.x = series.y = series.x_error = {kAuto};
  }
  return panel;
}

Panel CurvesPane::examplePanel() const {
  const auto& scores = studio_.run().record().layer_scores.front();
  Grid grid{.name = tr("score"),
            .rows = static_cast<int>(scores.front().values.size()),
            .columns = static_cast<int>(seen(scores)),
            .first_column = 1,
            .values = QVector<float>(static_cast<qsizetype>(seen(scores) * scores.front().values.size())),
            .map = ColorMap::Diverging,
            .scale = true};
  std::vector<float> all;
  for (int column = 0; column < grid.columns; ++column) {
    const std::vector<double>& values = scores[static_cast<std::size_t>(column)].values;
    for (int row = 0; row < grid.rows; ++row) {
      const auto value = static_cast<float>(values[static_cast<std::size_t>(row)]);
      grid.values[static_cast<qsizetype>(row) * grid.columns + column] = value;
      all.push_back(value);
    }
  }
  // One extreme example must not wash out all others.
  std::ranges::sort(all, {}, [](float value) { return std::abs(value); });
  grid.most = std::max<double>(std::abs(all[all.size() - 1 - all.size() / 50]), 1e-12);
  grid.least = -grid.most;
  return {.title = tr("Each example"),
          .x = {.label = tr("example"), .whole = true},
          .y = {.label = tr("layer"), .reversed = true, .whole = true},
          .grid = std::move(grid)};
}

}  // namespace interleave::gui
