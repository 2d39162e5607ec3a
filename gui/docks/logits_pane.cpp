// SPDX-License-Identifier: GPL-3.0-or-later
#include "gui/docks/logits_pane.h"

#include <QGridLayout>
#include <QSignalBlocker>
#include <QSlider>
#include <algorithm>
#include <cmath>
#include <numeric>

#include "gui/style/format.h"
#include "gui/style/theme.h"
#include "gui/widgets/labels.h"

namespace interleave::gui {
namespace {

Axis layerAxis(int layers, bool ticks) {
  return {.label = ticks ? LogitsPane::tr("layer") : QString(),
          .reversed = true,
          .ticks = ticks,
          .whole = true,
          .least = -0.5,
          .most = layers - 0.5};
}

/// The errors of the candidates, a bar for each kind and layer.
Panel bankPanelOf(const RunRecord& record, bool ticks) {
  const std::vector<MixerKind> kinds = bankKinds(record);
  int layers = record.layers();
  Panel panel{.x = {.label = LogitsPane::tr("candidate error"), .least = 0}, .stretch = 1.2};
  for (const MixerKind kind : kinds) {
    const std::vector<float> error = bankError(record, kind);
    const int lane = static_cast<int>(panel.series.size());
    Series bars{.name = qt(interleave::title(kind)),
                .color = kinds.size() == 1 ? theme().track : category(lane + 3),
                .style = Series::Style::Bars,
                .x = {error.begin(), error.end()},
                .y = QVector<double>(static_cast<qsizetype>(error.size())),
                .lane = lane,
                .lanes = static_cast<int>(kinds.size())};
    std::iota(bars.y.begin(), bars.y.end(), 0.0);
    const AlignmentEvent* measure = bankMeasure(record, kind);
    for (std::size_t layer = 0; layer < error.size(); ++layer) {
      QString text = LogitsPane::tr("%1: error %2").arg(bars.name, fixedText(error[layer], 3));
      if (layer < measure->cosine.size())
        text += LogitsPane::tr(", cosine %1").arg(fixedText(measure->cosine[layer], 3));
      bars.readouts << text;
    }
    layers = std::max(layers, static_cast<int>(error.size()));
    panel.series.push_back(std::move(bars));
  }
  panel.y = layerAxis(layers, ticks);
  return panel;
}

/// The errors of one kind of candidates over the steps of their training.
Panel trainingPanelOf(const std::vector<const AlignmentEvent*>& events, bool ticks) {
  const int columns = static_cast<int>(events.size()), layers = static_cast<int>(events.front()->relative_error.size());
  const double first = static_cast<double>(events.front()->step), last = static_cast<double>(events.back()->step);
  Grid grid{.name = LogitsPane::tr("relative error"),
            .rows = layers,
            .columns = columns,
            .first_column = first,
            .column_step = columns > 1 ? std::max(last - first, 1.0) / (columns - 1) : 1,
            .values = QVector<float>(static_cast<qsizetype>(layers) * columns, 0),
            .most = 0.1,
            .map = ColorMap::Cividis,
            .scale = true};
  for (int column = 0; column < columns; ++column) {
    const std::vector<float>& error = events[static_cast<std::size_t>(column)]->relative_error;
    for (int layer = 0; layer < std::min(layers, static_cast<int>(error.size())); ++layer) {
      grid.values[static_cast<qsizetype>(layer) * columns + column] = error[static_cast<std::size_t>(layer)];
      grid.most = std::max(grid.most, static_cast<double>(error[static_cast<std::size_t>(layer)]));
    }
  }
  return {.x = {.label = LogitsPane::tr("alignment step of %1").arg(qt(interleave::title(events.back()->kind))),
                .whole = true,
                .least = first - 0.5,
                .most = static_cast<double>(std::max(events.back()->steps, events.back()->step)) + 0.5},
          .y = layerAxis(layers, ticks),
          .grid = std::move(grid),
          .stretch = 4.6};
}

/// Lying bars, one a layer, in two series: those of `chosen` and the others.
std::vector<Series> layerBars(const std::vector<double>& values, const std::vector<bool>& chosen,
                              const QString& chosen_name, const QString& other_name) {
  Series yes{.name = chosen_name, .color = theme().accent, .style = Series::Style::Bars};
  Series no{.name = other_name, .color = theme().track, .style = Series::Style::Bars};
  for (std::size_t layer = 0; layer < values.size(); ++layer) {
    Series& series = chosen[layer] ? yes : no;
    series.x.push_back(values[layer]);
    series.y.push_back(static_cast<double>(layer));
  }
  return {yes, no};
}

}  // namespace

LogitsPane::LogitsPane(Studio& studio)
    : Pane(tr("Layer logits"), studio.clock()),
      studio_(studio),
      figure_(new Figure(tr("Layer logits over the steps of the search"), Figure::Link::Y)),
      strip_(new PlacementStrip(tr("Layers selected if stopped now"))),
      strip_name_(mutedLabel()),
      reading_(mutedLabel()),
      where_(mutedLabel()),
      time_(new QSlider(Qt::Horizontal)) {
  time_->setAccessibleName(tr("Step shown"));
  time_->setToolTip(tr("Go back in time; the end follows the run"));
  figure_->setMinimumHeight(120);  // layers can be told apart
  auto* grid = new QGridLayout(this);
  grid->setContentsMargins(6, 4, 8, 6);
  grid->setHorizontalSpacing(10);
  grid->setVerticalSpacing(2);
  grid->addWidget(figure_, 0, 0, 1, 3);
  grid->addWidget(strip_name_, 1, 0, Qt::AlignTop);
  grid->addWidget(strip_, 1, 1, 1, 2);
  grid->addWidget(where_, 2, 0);
  grid->addWidget(time_, 2, 1);
  grid->addWidget(reading_, 2, 2);
  grid->setColumnStretch(1, 1);
  grid->setRowStretch(0, 1);
  strip_name_->setContentsMargins(4, 2, 0, 0);
  where_->setContentsMargins(4, 0, 0, 0);
  connect(time_, &QSlider::valueChanged, this, [this](int value) { studio_.run().setPosition(value); });
  connect(&studio_.run(), &RunModel::changed, this, &Pane::touch);
  connect(figure_, &Figure::clicked, this, [this](int panel, double x, double) {
    if (panel != 0) return;
    const auto& steps = studio_.run().record().steps;
    const auto at = std::ranges::lower_bound(steps, static_cast<std::int64_t>(std::llround(x)), {}, &StepEvent::step);
    if (at != steps.end()) studio_.run().setPosition(static_cast<int>(at - steps.begin()));
  });
}

void LogitsPane::refresh() {
  const RunRecord& record = studio_.run().record();
  if (!record.steps.empty()) {
    figure_->setPanels(searchPanels());
    setHint(tr("p(full attention) · hover for values · drag to zoom"));
  } else if (!record.alignments.empty()) {
    figure_->setPanels(preparationPanels());
    const bool training = record.alignments.back().step > 0;
    setHint(training ? tr("preparing candidates: relative error of each layer")
                     : tr("candidates of the bank: relative error of each layer"));
  } else {
    figure_->setPanels({Panel{.x = {.label = tr("step"), .whole = true, .least = 0, .most = 60},
                              .y = layerAxis(std::max(record.layers(), 30), true),
                              .marks = {{.shape = Mark::Shape::Note,
                                         .y = (std::max(record.layers(), 30) - 1) / 2.0,
                                         .text = tr("The search draws itself here. Start one, or choose a run."),
                                         .color = theme().muted}}}});
    setHint({});
  }
  refreshFoot();
}

std::vector<Panel> LogitsPane::searchPanels() const {
  const RunRecord& record = studio_.run().record();
  const StepEvent& step = *studio_.run().step();
  const FullHistory history = fullHistory(record);
  const int layers = history.layers;
  Grid grid{.name = tr("p(full)"),
            .rows = layers,
            .columns = history.columns,
            .first_column = static_cast<double>(history.first),
            .column_step = static_cast<double>(history.stride),
            .values = {history.values.begin(), history.values.end()},
            .scale = true};
  Panel map{.x = {.label = tr("step"),
                  .whole = true,
                  .least = static_cast<double>(history.first) - 0.5,
                  .most = static_cast<double>(std::max(record.steps.back().steps, record.steps.back().step)) + 0.5},
            .y = layerAxis(layers, true),
            .grid = std::move(grid),
            .marks = {{.x = static_cast<double>(step.step), .color = theme().text, .dashed = false}},
            .stretch = 4.6};
  const Placement placement = studio_.run().placement();
  std::vector<bool> kept(static_cast<std::size_t>(layers));
  for (int layer = 0; layer < layers; ++layer)
    kept[static_cast<std::size_t>(layer)] = placement[layer] == MixerKind::Full;
  Panel now{.x = {.label = tr("p(full) now"), .least = 0, .most = 1.0},
            .y = layerAxis(layers, false),
            .series = layerBars(fullProbabilities(step), kept, tr("kept"), tr("not kept")),
            .marks = {{.x = 0.5, .color = theme().muted}},
            .stretch = 1.5};
  std::vector<Panel> panels{std::move(map), std::move(now)};
  if (!record.alignments.empty()) panels.push_back(bankPanelOf(record, false));
  return panels;
}

std::vector<Panel> LogitsPane::preparationPanels() const {
  const RunRecord& record = studio_.run().record();
  std::vector<Panel> panels;
  for (const MixerKind kind : bankKinds(record)) {
    const std::vector<const AlignmentEvent*> events = trainingOf(record, kind, false);
    if (!events.empty()) panels.push_back(trainingPanelOf(events, panels.empty()));
  }
  panels.push_back(bankPanelOf(record, panels.empty()));
  return panels;
}

void LogitsPane::refreshFoot() {
  const RunModel& run = studio_.run();
  const StepEvent* step = run.step();
  const int last = static_cast<int>(run.record().steps.size()) - 1;
  const QSignalBlocker quiet(time_);
  time_->setRange(0, std::max(last, 0));
  time_->setValue(std::max(run.position(), 0));
  time_->setEnabled(last > 0);
  strip_->setPlacement(run.placement());
  if (step == nullptr) {
    QStringList errors;
    for (const MixerKind kind : bankKinds(run.record())) {
      errors << tr("%1 %2").arg(QString(QLatin1Char(letter(kind))), numberText(meanOf(bankError(run.record(), kind))));
    }
    strip_name_->setText(tr("If stopped now"));
    where_->setText(tr("step –"));
    reading_->setText(errors.isEmpty() ? QString() : tr("mean error %1").arg(errors.join(QStringLiteral(" · "))));
    return;
  }
  strip_name_->setText(run.placementIsFound()  ? tr("Placement found")
                       : run.placementIsRuns() ? tr("If stopped now")
                                               : tr("Keeping %1").arg(run.kept()));
  strip_->setBefore(run.placementBefore());
  where_->setText(run.following() ? tr("step %1 (newest)").arg(step->step) : tr("step %1").arg(step->step));
  const int kept = run.kept();
  const double reported = step->metrics[static_cast<std::size_t>(Metric::Margin)];
  const double margin = run.placementIsRuns() && std::isfinite(reported) ? reported : marginAt(*step, kept);
  reading_->setText(tr("margin at the cut %1 · entropy %2")
                        .arg(numberText(margin), numberText(step->metrics[static_cast<std::size_t>(Metric::Entropy)])));
}

}  // namespace interleave::gui
