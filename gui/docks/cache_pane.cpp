// SPDX-License-Identifier: GPL-3.0-or-later
#include "gui/docks/cache_pane.h"

#include <QHBoxLayout>
#include <QLabel>
#include <QPushButton>
#include <QVBoxLayout>
#include <algorithm>

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
          [this] { studio_.measuredCost().measure(studio_.editor().placement()); });
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

void CachePane::refresh() {
  const std::vector<Line> shown = lines();
  std::vector<Panel> panels{bytesPanel(shown)};
  if (!studio_.measuredCost().costs().empty() && !shown.empty()) {
    panels.front().title = tr("cache, computed; ○ as held");
    const auto milliseconds = [](const CostPoint& point) { return 1e3 * point.decodeSeconds(); };
    panels.push_back(timePanel(tr("a token decoded, ms"), milliseconds, shown));
    panels.push_back(timePanel(tr("prefill, s"), &CostPoint::prefillSeconds, shown));
  }
  figure_->setPanels(std::move(panels));
  legend_->setText(shown.empty() ? tr("Open a model to see what its caches cost.") : legendOf(shown));
  measured_->setText(measuredText(shown));
  measured_->setVisible(!measured_->text().isEmpty());
  refreshButton();
  setHint(tr("cache and states, as decoded · log-log"));
}

void CachePane::refreshButton() {
  const bool running = studio_.measuredCost().running();
  measure_->setText(running ? tr("Measuring …") : tr("Measure"));
  measure_->setEnabled(!running && studio_.editor().placement().layers() > 0);
}

const MeasuredCost* CachePane::measuredOf(const Placement& placement) const {
  const std::vector<MeasuredCost>& costs = studio_.measuredCost().costs();
  const auto found = std::ranges::find(costs, placement, &MeasuredCost::placement);
  return found == costs.end() ? nullptr : &*found;
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
    if (const MeasuredCost* cost = measuredOf(line.placement)) {
      Series held{.name = tr("%1, held").arg(line.name), .color = line.color, .style = Series::Style::Rings};
      for (const CostPoint& point : cost->points) {
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

Panel CachePane::timePanel(const QString& title, const CostReading& time, const std::vector<Line>& lines) const {
  Panel panel{.title = title,
              .x = {.label = tr("context, tokens"), .kind = Axis::Kind::Tokens, .logarithmic = true},
              .y = {.least = 0},
              .stretch = 0.6};
  const MeasuredCost& teacher = studio_.measuredCost().costs().front();
  double most = 0;
  for (const Line& line : lines) {
    const MeasuredCost* cost = measuredOf(line.placement);
    if (cost == nullptr) continue;
    Series series{.name = line.name, .color = line.color, .style = Series::Style::DashedPoints};
    for (const CostPoint& point : cost->points) {
      series.x.push_back(static_cast<double>(point.context_tokens));
      series.y.push_back(time(point));
      most = std::max(most, time(point));
    }
    panel.series.push_back(std::move(series));
    if (const std::optional<Crossover> at = crossover(*cost, teacher, time)) {
      panel.marks.push_back({.shape = Mark::Shape::Ring,
                             .x = at->tokens,
                             .y = at->value,
                             .text = tr("%1 tokens").arg(fixedText(at->tokens, 0)),
                             .color = theme().changed});
    }
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
  const std::vector<MeasuredCost>& costs = studio_.measuredCost().costs();
  if (costs.empty() || lines.empty()) return {};
  const CostPoint& last = costs.front().points.back();
  QStringList words{tr("measured: medians, n = %1").arg(last.decode_samples.size())};
  const MeasuredCost* shown = lines.size() > 1 ? measuredOf(lines[1].placement) : nullptr;
  if (shown == nullptr) return words.front() + tr("; not of the placement shown");
  if (shown == &costs.front()) return words.front();
  const auto add = [&](const QString& what, const CostReading& reading) {
    const std::optional<Crossover> at = crossover(*shown, costs.front(), reading);
    words << (at ? tr("%1 faster from %2 tokens").arg(what, fixedText(at->tokens, 0))
              : cheaperAtLast(*shown, costs.front(), reading)
                  ? tr("%1 faster throughout").arg(what)
                  : tr("%1 not faster at %2").arg(what, tokensText(static_cast<double>(last.context_tokens))));
  };
  add(tr("decoding"), &CostPoint::decodeSeconds);
  add(tr("prefill"), &CostPoint::prefillSeconds);
  return words.join(u'\n');
}

}  // namespace interleave::gui
