// SPDX-License-Identifier: GPL-3.0-or-later
#include "gui/docks/compare_pane.h"

#include <QHBoxLayout>
#include <QHeaderView>
#include <QPainter>
#include <QSignalBlocker>
#include <QStyledItemDelegate>
#include <QTreeWidget>
#include <algorithm>
#include <cmath>
#include <iterator>
#include <utility>

#include "gui/style/format.h"
#include "gui/style/theme.h"
#include "gui/style/verdict.h"
#include "gui/widgets/placement_strip.h"

namespace interleave::gui {
namespace {

enum ListColumn { Name, Layers, Kept, Bytes, kListColumns };

/// ".27", "1", "−.40": short, for a cell.
QString cellText(double value) {
  const double size = std::abs(value);
  const QString digits = size < 0.995 ? fixedText(size, 2).mid(1) : fixedText(size, 0);
  return value < -0.005 ? QStringLiteral("−") + digits : digits;
}

/// How alike two placements are, and how alike their runs rank the layers: NaN where that is not known.
struct Agreement {
  Agreement(const KnownPlacement& a, const KnownPlacement& b)
      : jaccard(interleave::jaccard(a.placement, b.placement)), overlap_at_k(overlapAtK(a.placement, b.placement)) {
    if (a.layer_scores.empty() || b.layer_scores.empty()) return;
    spearman = interleave::spearman(a.layer_scores, b.layer_scores);
    kendall = interleave::kendall(a.layer_scores, b.layer_scores);
  }
  QString text() const {
    const QString kept =
        ComparePane::tr("Jaccard %1, overlap@K %2").arg(fixedText(jaccard, 2), fixedText(overlap_at_k, 2));
    if (std::isnan(spearman)) return kept;
    return ComparePane::tr("%1\nSpearman %2, Kendall %3").arg(kept, fixedText(spearman, 2), fixedText(kendall, 2));
  }
  double jaccard, overlap_at_k, spearman = kAuto, kendall = kAuto;
};

/// What the others are compared with: the first ticked placement that is not all full attention.
const Placement* referenceOf(const PlacementBook& book) {
  for (const KnownPlacement* entry : book.compared()) {
    if (entry->placement.fullCount() < entry->placement.layers()) return &entry->placement;
  }
  return nullptr;
}

/// The label, and of a published placement where it comes from; as rich text, which is wrapped.
QString aboutText(const KnownPlacement& entry) {
  if (entry.source.isEmpty()) return entry.label;
  const QString source = entry.source.toHtmlEscaped().replace(u'\n', QStringLiteral("<br>"));
  return QStringLiteral("<qt><b>%1</b><br>%2</qt>").arg(entry.label.toHtmlEscaped(), source);
}

/// The layers of a placement as cells; those that differ from the reference are framed.
class StripDelegate final : public QStyledItemDelegate {
 public:
  StripDelegate(const PlacementBook& book, QObject* parent) : QStyledItemDelegate(parent), book_(book) {}
  void paint(QPainter* painter, const QStyleOptionViewItem& option, const QModelIndex& index) const override {
    const std::vector<KnownPlacement>& entries = book_.entries();
    if (static_cast<std::size_t>(index.row()) >= entries.size()) return;
    const Placement& placement = entries[static_cast<std::size_t>(index.row())].placement;
    const Placement* first = referenceOf(book_);
    const bool hybrid = placement.fullCount() < placement.layers();
    const QRectF area = QRectF(option.rect).adjusted(4, 4, -4, -4);
    const double pitch = area.width() / std::max(placement.layers(), 1), gap = std::min(1.5, pitch * 0.15);
    painter->save();
    painter->setFont(textFont(TextSize::Tick));
    for (int layer = 0; layer < placement.layers(); ++layer) {
      const QRectF cell(area.left() + layer * pitch, area.top(), pitch - gap, area.height());
      drawChip(*painter, cell, placement[layer],
               pitch > 9 ? QString(QLatin1Char(letter(placement[layer]))) : QString());
      if (first == nullptr || !hybrid || (*first)[layer] == placement[layer]) continue;
      painter->setPen(QPen(theme().changed, 1.4));
      painter->setBrush(Qt::NoBrush);
      painter->drawRoundedRect(cell.adjusted(0.5, 0.5, -0.5, -0.5), 3, 3);
    }
    painter->restore();
  }

 private:
  const PlacementBook& book_;
};

}  // namespace

QString shortLabel(int index) {
  return QString(QChar(u'A' + index % 26)) + (index >= 26 ? QString::number(index / 26) : QString());
}

ComparePane::ComparePane(Studio& studio)
    : Pane(tr("Compare"), studio.clock()),
      studio_(studio),
      list_(new QTreeWidget),
      figure_(new Figure(tr("Overlap of placements, and quality against bytes"))) {
  list_->setHeaderLabels({tr("placement"), tr("layers (framed: differ)"), tr("K"), tr("cache")});
  list_->headerItem()->setToolTip(1, tr("Framed: another operator than in the first hybrid of the list"));
  list_->setRootIsDecorated(false);
  list_->setUniformRowHeights(true);
  list_->setAccessibleName(tr("Placements to compare"));
  list_->setFont(textFont(TextSize::Small));
  list_->setItemDelegateForColumn(Layers, new StripDelegate(studio_.book(), list_));
  list_->header()->setFont(textFont(TextSize::Tick));
  list_->header()->setStretchLastSection(false);
  list_->header()->setSectionResizeMode(Layers, QHeaderView::Stretch);
  list_->setColumnWidth(Name, 132);
  list_->setColumnWidth(Kept, 30);
  list_->setColumnWidth(Bytes, 66);
  list_->setHorizontalScrollBarPolicy(Qt::ScrollBarAlwaysOff);
  auto* row = new QHBoxLayout(this);
  row->setContentsMargins(8, 4, 6, 4);
  row->setSpacing(6);
  row->addWidget(list_, 5);
  row->addWidget(figure_, 4);
  connect(list_, &QTreeWidget::itemChanged, this, [this](QTreeWidgetItem* item) {
    studio_.book().setCompared(static_cast<std::size_t>(list_->indexOfTopLevelItem(item)),
                               item->checkState(Name) == Qt::Checked);
  });
  connect(list_, &QTreeWidget::itemActivated, this, [this](QTreeWidgetItem* item) {
    const auto at = static_cast<std::size_t>(list_->indexOfTopLevelItem(item));
    if (at >= studio_.book().entries().size()) return;  // the list is a frame old
    const KnownPlacement& entry = studio_.book().entries()[at];
    studio_.editor().replace(entry.placement, tr("take %1").arg(entry.label));
  });
  connect(&studio_.book(), &PlacementBook::changed, this, &Pane::touch);
  connect(&studio_.model(), &OpenModel::changed, this, &Pane::touch);
}

void ComparePane::refresh() {
  fillList();
  figure_->setPanels({agreementPanel(), bytesPanel()});
  setHint(tr("italic: published · tick to compare · Enter takes one into Placement"));
}

void ComparePane::fillList() {
  const QSignalBlocker quiet(list_);
  const std::vector<KnownPlacement>& entries = studio_.book().entries();
  const CostTable* costs = costsAt(studio_.costs(), kQuotedContext);
  const int current = list_->indexOfTopLevelItem(list_->currentItem());
  list_->clear();
  int shown = 0;
  for (const KnownPlacement& entry : entries) {
    auto* item = new QTreeWidgetItem(list_);  // owned by the list
    item->setCheckState(Name, entry.compared ? Qt::Checked : Qt::Unchecked);
    item->setText(Name, entry.compared ? tr("%1  %2").arg(shortLabel(shown++), entry.label) : entry.label);
    item->setToolTip(Name, aboutText(entry));
    if (!entry.source.isEmpty()) {
      QFont font = list_->font();
      font.setItalic(true);
      item->setFont(Name, font);
      item->setData(Name, Qt::AccessibleDescriptionRole, entry.source);
    }
    item->setText(Kept, QString::number(entry.placement.fullCount()));
    item->setTextAlignment(Kept, Qt::AlignRight | Qt::AlignVCenter);
    item->setText(Bytes, bytesText(cacheBytes(costs, entry.placement)));
    item->setTextAlignment(Bytes, Qt::AlignRight | Qt::AlignVCenter);
    item->setData(Layers, Qt::AccessibleTextRole, qt(entry.placement.line()));
    item->setSizeHint(Layers, {200, 24});
  }
  if (current >= 0) list_->setCurrentItem(list_->topLevelItem(current));
}

/// Jaccard overlaps; once there are two whose runs' layer scores are known, rank correlations below the diagonal.
Panel ComparePane::agreementPanel() const {
  const std::vector<const KnownPlacement*> compared = studio_.book().compared();
  const int count = static_cast<int>(compared.size());
  const bool ranked =
      std::ranges::count_if(compared, [](const auto* entry) { return !entry->layer_scores.empty(); }) > 1;
  Grid grid{.name = tr("Jaccard"), .rows = count, .columns = count, .map = ColorMap::Cividis};
  const Axis axis{.kind = Axis::Kind::Category, .least = -0.5, .most = std::max(count, 1) - 0.5};
  Panel panel{.title = ranked ? tr("◥ Jaccard · ◣ rank correlation") : tr("Jaccard overlap of kept layers"),
              .x = axis,
              .y = axis};
  panel.y.reversed = true;
  for (int row = 0; row < count; ++row) {
    panel.x.categories << shortLabel(row);
    for (int column = 0; column < count; ++column) {
      const Agreement pair(*compared[static_cast<std::size_t>(row)], *compared[static_cast<std::size_t>(column)]);
      const double shown = ranked && row > column ? pair.spearman : pair.jaccard;
      grid.values.push_back(static_cast<float>(shown));
      grid.readouts << tr("%1 and %2\n%3").arg(shortLabel(row), shortLabel(column), pair.text());
      if (std::isnan(shown)) continue;
      panel.marks.push_back({.shape = Mark::Shape::Centered,
                             .x = static_cast<double>(column),
                             .y = static_cast<double>(row),
                             .text = cellText(shown),
                             .color = shown > 0.55 ? QColor(Qt::black) : QColor(Qt::white)});
    }
  }
  panel.y.categories = panel.x.categories;
  panel.grid = std::move(grid);
  return panel;
}

Panel ComparePane::bytesPanel() const {
  Panel panel{.title = tr("Quality against bytes"),
              .x = {.label = tr("cache at %1").arg(tokensText(kQuotedContext)), .kind = Axis::Kind::Bytes},
              .y = {.label = tr("KL on text")}};
  Series points{.color = theme().accent, .style = Series::Style::Points};
  const CostTable* costs = costsAt(studio_.costs(), kQuotedContext);
  std::vector<const Score*> scores;
  for (const KnownPlacement* entry : studio_.book().compared()) scores.push_back(scoreOf(entry->scores, "kl"));
  const QStringList counts = countsBeside(scores);
  const Placement* first = referenceOf(studio_.book());
  const KnownPlacement* against = first == nullptr ? nullptr : studio_.book().find(*first);
  int shown = 0;
  for (const KnownPlacement* entry : studio_.book().compared()) {
    const int index = shown++;
    const Score* kl = scores[static_cast<std::size_t>(index)];
    if (kl == nullptr) continue;
    ScoreDifference from;
    if (against != nullptr && against != entry) from = differenceOn("kl", entry->scores, against->scores);
    points.x.push_back(cacheBytes(costs, entry->placement));
    points.y.push_back(kl->value);
    points.y_error.push_back(kl->standard_error);
    points.labels.push_back(lookOf(from).mark + shortLabel(index) + counts[index]);
    points.readouts.push_back(
        from.paired
            ? tr("%1: KL %2; from the first hybrid %3")
                  .arg(entry->label, withError(kl->value, kl->standard_error), differenceText(*from.paired))
            : tr("%1: KL %2, n = %3").arg(entry->label, withError(kl->value, kl->standard_error)).arg(kl->samples));
  }
  if (points.x.isEmpty()) points.x = points.y = points.y_error = {kAuto};
  panel.series.push_back(std::move(points));
  return panel;
}

QString ComparePane::csv() const {
  QString text = QStringLiteral("placement,compared,layers,kept,source\n");
  for (const KnownPlacement& entry : studio_.book().entries()) {
    text += QStringLiteral("%1,%2,%3,%4,%5\n")
                .arg(csvCell(entry.label), entry.compared ? QStringLiteral("1") : QStringLiteral("0"),
                     csvCell(qt(entry.placement.line())), QString::number(entry.placement.fullCount()),
                     csvCell(QString(entry.source).replace(u'\n', QStringLiteral("; "))));
  }
  text += QStringLiteral("placement,other,jaccard,overlap_at_k,spearman,kendall\n");
  const std::vector<const KnownPlacement*> compared = studio_.book().compared();
  const auto number = [](double value) { return std::isfinite(value) ? QString::number(value, 'g', 12) : QString(); };
  for (auto a = compared.begin(); a != compared.end(); ++a) {
    for (auto b = std::next(a); b != compared.end(); ++b) {
      const Agreement pair(**a, **b);
      text += QStringLiteral("%1,%2,%3,%4,%5,%6\n")
                  .arg(csvCell((*a)->label), csvCell((*b)->label), number(pair.jaccard), number(pair.overlap_at_k),
                       number(pair.spearman), number(pair.kendall));
    }
  }
  return text + Pane::csv();
}

}  // namespace interleave::gui
