// SPDX-License-Identifier: GPL-3.0-or-later
#include "gui/docks/cache_pane.h"

#include <QHBoxLayout>
#include <QLabel>
#include <QPushButton>
#include <QVBoxLayout>
#include <algorithm>
#include <cmath>
#include <utility>

#include "gui/style/format.h"
#include "gui/style/theme.h"
#include "gui/widgets/labels.h"

namespace interleave::gui {

CachePane::CachePane(Studio& studio)
    : Pane(tr("KV cache"), studio.clock()),
      studio_(studio),
      figure_(new Figure(tr("Cache bytes against context length"))),
      legend_(new QLabel),
      measured_(mutedLabel()),
      measure_(smallButton(tr("Measure"))) {
  legend_->setFont(textFont(TextSize::Small));
  legend_->setTextFormat(Qt::RichText);
  legend_->setAlignment(Qt::AlignTop | Qt::AlignLeft);
  legend_->setMinimumWidth(196);
  auto* row = new QHBoxLayout(this);
  row->setContentsMargins(4, 4, 10, 4);
  row->setSpacing(14);
  row->addWidget(figure_, 1);
  auto* side = new QVBoxLayout;
  side->addWidget(legend_);
  side->addStretch();
  side->addWidget(measured_);
  side->addWidget(measure_, 0, Qt::AlignLeft);
  row->addLayout(side);
  measured_->setWordWrap(true);
  measure_->setToolTip(tr("Time of prefill and decoding on this machine, for the placement shown and the teacher"));
  connect(measure_, &QPushButton::clicked, this,
          [this] { studio_.measuredCost().measure(studio_.comparisons().shown()); });
  connect(&studio_.measuredCost(), &CostMeasurement::changed, this, &Pane::touch);
  connect(&studio_.jobs(), &JobList::started, this, &CachePane::refreshButton);
  connect(&studio_.jobs(), &JobList::finished, this, &CachePane::refreshButton);
  connect(&studio_.editor(), &PlacementEditor::changed, this, &Pane::touch);
  connect(&studio_.model(), &OpenModel::changed, this, &Pane::touch);
  connect(&studio_.setup(), &SetupModel::changed, this, &Pane::touch);
  connect(&studio_.library(), &RunLibrary::changed, this, &Pane::touch);
  connect(&studio_.run(), &RunModel::shownChanged, this, &Pane::touch);
}

std::vector<CachePane::Line> CachePane::lines() const {
  Placement shown = studio_.editor().placement();
  const int layers = shown.layers() > 0 ? shown.layers() : studio_.model().layers();
  if (layers == 0) return {};
  std::vector<Line> lines{{tr("teacher"), Placement(layers, MixerKind::Full), category(0), false}};
  const Budget& budget = studio_.setup().budget();
  if (shown.layers() == 0 && budget.unit == Budget::Unit::FullLayers) {
    const int kept = static_cast<int>(std::min<std::int64_t>(budget.amount, layers));
    shown = Placement::uniform(layers, kept, 0, MixerKind::GdnWindow);
  }
  if (shown.layers() > 0) {
    const QString name = studio_.editor().edited() ? tr("edited, K = %1") : tr("this search, K = %1");
    lines.push_back({name.arg(shown.fullCount()), shown, category(1), false});
    const KnownPlacement baseline = studio_.comparisons().baseline();
    if (studio_.library().baseline() != nullptr && baseline.placement.layers() == layers) {
      lines.push_back({tr("baseline %1").arg(baseline.label), baseline.placement, category(2), true});
    }
  }
  lines.push_back({tr("all Gated DeltaNet + window"), Placement(layers, MixerKind::GdnWindow), category(3), true});
  lines.push_back({tr("all sliding window"), Placement(layers, MixerKind::SlidingWindow), category(4), true});
  return lines;
}

/// A time that is measured: how it is read, and computed from the teacher's.
struct CachePane::Time {
  QString title;
  double scale;  ///< From seconds to what is drawn.
  double (CostPoint::*read)() const;
  double (*computed)(const CostPoint& point, const CostPoint& teacher);
};

void CachePane::refresh() {
  const std::vector<Line> shown = lines();
  std::vector<Panel> panels{bytesPanel(shown)};
  if (const CostEvent* cost = measured(shown)) {
    panels.front().title = tr("cache, computed; ○ as held");
    const Time decoding{tr("a token decoded, ms"), 1e3, &CostPoint::decodeSeconds, &computedDecodeSeconds};
    const Time prefill{tr("prefill, s"), 1, &CostPoint::prefillSeconds, &computedPrefillSeconds};
    for (const Time& time : {decoding, prefill}) panels.push_back(timePanel(time, *cost, shown));
  }
  figure_->setPanels(std::move(panels));
  legend_->setText(shown.empty() ? tr("Open a model to see what its caches cost.") : legendOf(shown));
  measured_->setText(measuredText(shown));
  measured_->setVisible(!measured_->text().isEmpty());
  const CostEvent* told = measured(shown);
  measured_->setToolTip(told != nullptr ? qt(told->cost.manner) : QString());
  refreshButton();
  setHint(tr("cache and states, as decoded · log-log"));
}

void CachePane::refreshButton() {
  const bool running = studio_.measuredCost().running();
  measure_->setText(running ? tr("Measuring …") : tr("Measure"));
  measure_->setEnabled(!running && studio_.editor().placement().layers() > 0);
}

const CostEvent* CachePane::measured(const std::vector<Line>& lines) const {
  return lines.size() > 1 ? studio_.measuredCost().of(lines[1].placement) : nullptr;
}

Panel CachePane::bytesPanel(const std::vector<Line>& lines) const {
  const std::vector<CostTable>& costs = studio_.costs();
  Panel panel{.x = {.label = tr("context, tokens"), .kind = Axis::Kind::Tokens, .logarithmic = true},
              .y = {.kind = Axis::Kind::Bytes, .logarithmic = true}};
  for (const Line& line : lines) {
    Series series{.name = line.name,
                  .color = line.color,
                  .style = line.dashed ? Series::Style::Dashed : Series::Style::Line,
                  .width = line.dashed ? 1.4 : 1.9};
    for (const CostTable& table : costs) {
      const double bytes = cacheBytes(&table, line.placement);
      if (!(bytes > 0)) continue;
      series.x.push_back(static_cast<double>(table.context_tokens));
      series.y.push_back(bytes);
    }
    panel.series.push_back(std::move(series));
  }
  if (const CostEvent* cost = measured(lines)) {
    for (const auto& [line, of] : {std::pair(&lines[0], &cost->teacher), std::pair(&lines[1], &cost->cost)}) {
      Series held{.name = tr("%1, held").arg(line->name), .color = line->color, .style = Series::Style::Rings};
      for (const CostPoint& point : of->points) {
        held.x.push_back(static_cast<double>(point.context_tokens));
        held.y.push_back(static_cast<double>(point.cache_bytes));
      }
      panel.series.push_back(std::move(held));
    }
  }
  if (lines.size() < 2) return panel;
  if (const std::optional<double> tokens = breakEven(costs, lines[1].placement)) {
    double bytes = 0;  // of the teacher there: its cache is linear in the length
    for (const CostTable& table : costs) {
      bytes = cacheBytes(&table, lines[0].placement) / static_cast<double>(table.context_tokens) * *tokens;
    }
    panel.marks.push_back({.shape = Mark::Shape::Ring,
                           .x = *tokens,
                           .y = bytes,
                           .text = tr("break-even %1 tokens").arg(fixedText(*tokens, 0)),
                           .color = theme().changed});
  }
  panel.marks.push_back({.x = static_cast<double>(kQuotedContext), .color = theme().muted});
  return panel;
}

Panel CachePane::timePanel(const Time& time, const CostEvent& measured, const std::vector<Line>& lines) {
  Panel panel{.title = time.title,
              .x = {.label = tr("context, tokens"), .kind = Axis::Kind::Tokens, .logarithmic = true},
              .y = {.least = 0},
              .stretch = 0.6};
  const auto read = [&time](const CostPoint& point) { return time.scale * (point.*time.read)(); };
  double most = 0;
  const auto add = [&](const QString& name, const QColor& color, Series::Style style, const auto& value) {
    Series series{.name = name, .color = color, .style = style};
    for (std::size_t i = 0; i < measured.cost.points.size(); ++i) {
      const double seconds = value(i);
      if (!std::isfinite(seconds)) continue;
      series.x.push_back(static_cast<double>(measured.cost.points[i].context_tokens));
      series.y.push_back(seconds);
      most = std::max(most, seconds);
    }
    if (!series.x.isEmpty()) panel.series.push_back(std::move(series));
  };
  const std::vector<CostPoint>&points = measured.cost.points, &teachers = measured.teacher.points;
  add(lines[0].name, lines[0].color, Series::Style::DashedPoints, [&](std::size_t i) { return read(teachers[i]); });
  if (measured.cost.placement != measured.teacher.placement) {
    add(lines[1].name, lines[1].color, Series::Style::DashedPoints, [&](std::size_t i) { return read(points[i]); });
    add(tr("%1, as computed").arg(lines[1].name), theme().muted, Series::Style::Line,
        [&](std::size_t i) { return time.scale * time.computed(points[i], teachers[i]); });
  }
  if (const std::optional<Crossover> at = crossover(measured.cost, measured.teacher, read)) {
    panel.marks.push_back({.shape = Mark::Shape::Ring,
                           .x = at->tokens,
                           .y = at->value,
                           .text = tr("%1 tokens").arg(fixedText(at->tokens, 0)),
                           .color = theme().changed});
  }
  panel.y.most = 1.08 * most;
  return panel;
}

QString CachePane::legendOf(const std::vector<Line>& lines) const {
  const CostTable* quoted = costsAt(studio_.costs(), kQuotedContext);
  const double full = cacheBytes(quoted, lines.front().placement);
  QString legend;
  for (const Line& line : lines) {
    const double bytes = cacheBytes(quoted, line.placement);
    const bool teacher = &line == &lines.front();
    legend += QStringLiteral(
                  "<div style='margin-bottom:5px'><span style='color:%1'><b>%2</b></span> %3<br>"
                  "<span style='color:%4'>%5</span></div>")
                  .arg(line.color.name(), line.dashed ? QStringLiteral("╌╌") : QStringLiteral("━━"),
                       line.name.toHtmlEscaped(), theme().muted.name(),
                       tr("%1 at %2").arg(bytesText(bytes), tokensText(kQuotedContext)) +
                           (teacher ? QString() : QStringLiteral("  ") + percentText(bytes / full - 1)));
  }
  return legend;
}

QString CachePane::measuredText(const std::vector<Line>& lines) const {
  const CostEvent* measured = this->measured(lines);
  if (measured == nullptr) return {};
  const MeasuredCost &cost = measured->cost, &teacher = measured->teacher;
  const CostPoint& last = teacher.points.back();
  QStringList words{tr("measured: medians, n = %1").arg(last.decode_samples.size())};
  if (cost.placement == teacher.placement) return words.front();
  const auto add = [&](const QString& what, const CostReading& reading) {
    const std::optional<Crossover> at = crossover(cost, teacher, reading);
    words << (at ? tr("%1 faster from %2 tokens").arg(what, fixedText(at->tokens, 0))
              : cheaperAtLast(cost, teacher, reading)
                  ? tr("%1 faster throughout").arg(what)
                  : tr("%1 not faster at %2").arg(what, tokensText(static_cast<double>(last.context_tokens))));
  };
  add(tr("decoding"), &CostPoint::decodeSeconds);
  add(tr("prefill"), &CostPoint::prefillSeconds);
  words << tr("grey: computed, from the teacher's");
  return words.join(u'\n');
}

}  // namespace interleave::gui
