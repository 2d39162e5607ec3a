// SPDX-License-Identifier: GPL-3.0-or-later
#include "gui/docks/cache_pane.h"

#include <QHBoxLayout>
#include <QLabel>
#include <algorithm>

#include "gui/style/format.h"
#include "gui/style/theme.h"
#include "gui/widgets/labels.h"

namespace interleave::gui {

CachePane::CachePane(Studio& studio)
    : Pane(tr("KV cache"), studio.clock()),
      studio_(studio),
      figure_(new Figure(tr("Cache bytes against context length"))),
      legend_(new QLabel) {
  legend_->setFont(textFont(TextSize::Small));
  legend_->setTextFormat(Qt::RichText);
  legend_->setAlignment(Qt::AlignTop | Qt::AlignLeft);
  legend_->setMinimumWidth(196);
  auto* row = new QHBoxLayout(this);
  row->setContentsMargins(4, 4, 10, 4);
  row->setSpacing(14);
  row->addWidget(figure_, 1);
  row->addWidget(legend_);
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
    const KnownPlacement baseline = studio_.baseline();
    if (studio_.library().baseline() != nullptr && baseline.placement.layers() == layers) {
      lines.push_back({tr("baseline %1").arg(baseline.label), baseline.placement, category(2), true});
    }
  }
  lines.push_back({tr("all Gated DeltaNet + window"), Placement(layers, MixerKind::GdnWindow), category(3), true});
  lines.push_back({tr("all sliding window"), Placement(layers, MixerKind::SlidingWindow), category(4), true});
  return lines;
}

void CachePane::refresh() {
  const std::vector<CostTable>& costs = studio_.costs();
  const std::vector<Line> shown = lines();
  Panel panel{.x = {.label = tr("context, tokens"), .kind = Axis::Kind::Tokens, .logarithmic = true},
              .y = {.kind = Axis::Kind::Bytes, .logarithmic = true}};
  QString legend;
  const CostTable* quoted = costsAt(costs, kQuotedContext);
  for (const Line& line : shown) {
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
    const double bytes = cacheBytes(quoted, line.placement), full = cacheBytes(quoted, shown.front().placement);
    const bool teacher = &line == &shown.front();
    legend += QStringLiteral(
                  "<div style='margin-bottom:5px'><span style='color:%1'><b>%2</b></span> %3<br>"
                  "<span style='color:%4'>%5</span></div>")
                  .arg(line.color.name(), line.dashed ? QStringLiteral("╌╌") : QStringLiteral("━━"),
                       line.name.toHtmlEscaped(), theme().muted.name(),
                       tr("%1 at %2").arg(bytesText(bytes), tokensText(kQuotedContext)) +
                           (teacher ? QString() : QStringLiteral("  ") + percentText(bytes / full - 1)));
    panel.series.push_back(std::move(series));
  }
  if (shown.size() > 1) {
    if (const std::optional<double> tokens = breakEven(costs, shown[1].placement)) {
      double bytes = 0;  // of the teacher there: its cache is linear in the length
      for (const CostTable& table : costs) {
        bytes = cacheBytes(&table, shown[0].placement) / static_cast<double>(table.context_tokens) * *tokens;
      }
      panel.marks.push_back({.shape = Mark::Shape::Ring,
                             .x = *tokens,
                             .y = bytes,
                             .text = tr("break-even %1 tokens").arg(fixedText(*tokens, 0)),
                             .color = theme().changed});
    }
    panel.marks.push_back({.x = static_cast<double>(kQuotedContext), .color = theme().muted});
  }
  figure_->setPanels({std::move(panel)});
  legend_->setText(shown.empty() ? tr("Open a model to see what its caches cost.") : legend);
  setHint(tr("cache and states, as decoded · log-log"));
}

}  // namespace interleave::gui
