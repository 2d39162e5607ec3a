// SPDX-License-Identifier: GPL-3.0-or-later
#include "gui/plots/canvas.h"

#include <QScopedValueRollback>
#include <algorithm>
#include <cmath>
#include <numeric>

#include "gui/plots/extent.h"
#include "gui/plots/tickers.h"
#include "gui/style/format.h"
#include "gui/style/theme.h"

namespace interleave::gui {
namespace {

using namespace Qt::StringLiterals;

QCPColorGradient gradient(ColorMap map) {
  QCPColorGradient stops;
  stops.clearColorStops();
  constexpr int kStops = 64;
  for (int i = 0; i <= kStops; ++i) {
    const double t = static_cast<double>(i) / kStops;
    stops.setColorStopAt(t, mapped(map, t));
  }
  stops.setLevelCount(256);
  stops.setNanHandling(QCPColorGradient::nhNanColor);
  stops.setNanColor(theme().window);
  return stops;
}

constexpr double kBarWidth = 0.72;   // Of a row.
constexpr double kLegendRoom = 0.5;  // Of the range, kept free above the curves.

}  // namespace

Figure::Canvas::Canvas(Figure& figure, Link link) : figure_(figure), link_(link), plot_(new QCustomPlot(&figure)) {
  plot_->setFocusPolicy(Qt::NoFocus);
  plot_->setAntialiasedElements(QCP::aeAll);
  plot_->setNoAntialiasingOnDrag(true);
  plot_->setSelectionRectMode(QCP::srmZoom);
  plot_->setInteractions(QCP::iRangeZoom);
  plot_->layer(u"overlay"_s)->setMode(QCPLayer::lmBuffered);
  plot_->setAutoAddPlottableToLegend(false);
  plot_->setMouseTracking(true);
  plot_->plotLayout()->clear();
  QObject::connect(plot_, &QCustomPlot::afterLayout, &figure_, [this] { settle(); });
  QObject::connect(plot_, &QCustomPlot::mouseMove, &figure_, [this](QMouseEvent* event) { hover(event->position()); });
  QObject::connect(plot_, &QCustomPlot::mouseDoubleClick, &figure_, [this] { resetZoom(); });
  QObject::connect(plot_, &QCustomPlot::mousePress, &figure_, [this](QMouseEvent* event) {
    figure_.setFocus(Qt::MouseFocusReason);
    if (event->button() == Qt::LeftButton) pressed_ = event->position();
  });
  QObject::connect(plot_, &QCustomPlot::mouseRelease, &figure_, [this](QMouseEvent* event) { release(*event); });
}

void Figure::Canvas::show(std::vector<Panel> panels) {
  const bool same = sameStructure(panels);
  panels_ = std::move(panels);
  if (!same) build();
  for (std::size_t i = 0; i < panels_.size(); ++i) fill(i);
  plot_->replot(QCustomPlot::rpQueuedReplot);
}

bool Figure::Canvas::sameStructure(const std::vector<Panel>& panels) const {
  return std::ranges::equal(panels, panels_, [](const Panel& a, const Panel& b) {
    return a.grid.has_value() == b.grid.has_value() && (!a.grid || a.grid->scale == b.grid->scale) &&
           a.title.isEmpty() == b.title.isEmpty() && a.legend == b.legend && a.stretch == b.stretch &&
           std::ranges::equal(a.series, b.series, [](const Series& s, const Series& t) {
             return s.style == t.style && s.x_error.isEmpty() == t.x_error.isEmpty() &&
                    s.y_error.isEmpty() == t.y_error.isEmpty();
           });
  });
}

void Figure::Canvas::build() {
  plot_->clearItems();
  plot_->clearPlottables();
  plot_->plotLayout()->clear();
  views_.clear();
  hovered_ = -1;
  zoomed_ = false;
  auto* margins = new QCPMarginGroup(plot_);  // owned by the plot
  plot_->plotLayout()->setColumnSpacing(4);
  plot_->plotLayout()->setRowSpacing(0);
  for (std::size_t i = 0; i < panels_.size(); ++i) {
    views_.push_back(buildPanel(panels_[i], *margins));
  }
  restyle();
}

Figure::Canvas::PanelView Figure::Canvas::buildPanel(const Panel& panel, QCPMarginGroup& margins) {
  PanelView view;
  view.rect = new QCPAxisRect(plot_, true);  // owned by the layout
  view.rect->setMarginGroup(QCP::msTop | QCP::msBottom, &margins);
  view.rect->setMinimumMargins({6, 4, 8, 2});
  QCPLayoutGrid& layout = *plot_->plotLayout();
  const int column = layout.columnCount();
  if (std::ranges::any_of(panels_, [](const Panel& each) { return !each.title.isEmpty(); })) {
    view.title = new QCPTextElement(plot_, panel.title);  // owned by the layout
    view.title->setTextFlags(Qt::AlignLeft | Qt::AlignVCenter);
    view.title->setMargins({8, 2, 2, 0});
    layout.addElement(0, column, view.title);
    layout.setRowStretchFactor(0, 0.001);
    layout.addElement(1, column, view.rect);
  } else {
    layout.addElement(0, column, view.rect);
  }
  layout.setColumnStretchFactor(column, panel.stretch);
  QCPAxis *x = view.rect->axis(QCPAxis::atBottom), *y = view.rect->axis(QCPAxis::atLeft);
  for (QCPAxis* axis : {x, y}) {
    axis->setLayer(u"axes"_s);
    axis->grid()->setLayer(u"grid"_s);
    QObject::connect(axis, qOverload<const QCPRange&>(&QCPAxis::rangeChanged), &figure_,
                     [this, axis](const QCPRange& range) { shareRange(*axis, range); });
  }
  if (panel.grid) {
    view.map = new QCPColorMap(x, y);  // owned by the plot
    view.map->setInterpolate(false);
    view.map->setTightBoundary(false);
    view.map->setAntialiased(false);
    view.map->removeFromLegend();
    if (panel.grid->scale) {
      view.scale = buildScale(margins);
      view.rect->setMinimumMargins({6, 8, 8, 2});  // else the figure's edge hides the scale's topmost label
    }
  }
  if (panel.legend) {
    view.legend = new QCPLegend;  // owned by the inset layout
    view.rect->insetLayout()->addElement(view.legend, Qt::AlignTop | Qt::AlignRight);
    view.rect->insetLayout()->setMargins({4, 4, 4, 4});
    view.legend->setLayer(u"legend"_s);
    view.legend->setMargins({2, 2, 2, 2});
    view.legend->setRowSpacing(1);
    view.legend->setIconSize(11, 8);
    view.legend->setFillOrder(QCPLegend::foColumnsFirst);
    view.legend->setWrap(2);
    view.legend->setColumnSpacing(4);
  }
  for (const Series& series : panel.series) view.series.push_back(buildSeries(series, view));

  view.down = new QCPItemLine(plot_);
  view.across = new QCPItemLine(plot_);
  for (QCPItemLine* line : {view.down, view.across}) {
    for (QCPItemPosition* position : {line->start, line->end}) {
      position->setAxes(x, y);
      position->setAxisRect(view.rect);
    }
  }
  for (QCPItemPosition* position : {view.down->start, view.down->end}) {
    position->setTypeX(QCPItemPosition::ptPlotCoords);
    position->setTypeY(QCPItemPosition::ptAxisRectRatio);
  }
  for (QCPItemPosition* position : {view.across->start, view.across->end}) {
    position->setTypeX(QCPItemPosition::ptAxisRectRatio);
    position->setTypeY(QCPItemPosition::ptPlotCoords);
  }
  view.readout = new QCPItemText(plot_);
  view.readout->position->setType(QCPItemPosition::ptAbsolute);
  for (QCPAbstractItem* item : std::initializer_list<QCPAbstractItem*>{view.down, view.across, view.readout}) {
    item->setLayer(u"overlay"_s);
    item->setSelectable(false);
    item->setVisible(false);
  }
  view.readout->setClipToAxisRect(false);
  return view;
}

QCPColorScale* Figure::Canvas::buildScale(QCPMarginGroup& margins) {
  QCPLayoutGrid& layout = *plot_->plotLayout();
  const int row = layout.rowCount() - 1, column = layout.columnCount();
  auto* scale = new QCPColorScale(plot_);  // owned by the layout
  layout.addElement(row, column, scale);
  layout.setColumnStretchFactor(column, 0.001);
  scale->setType(QCPAxis::atRight);
  scale->setBarWidth(8);
  scale->setMarginGroup(QCP::msTop | QCP::msBottom, &margins);
  scale->setRangeDrag(false);
  scale->setRangeZoom(false);
  return scale;
}

Figure::Canvas::SeriesView Figure::Canvas::buildSeries(const Series& series, const PanelView& view) {
  SeriesView built;
  QCPAxis *x = view.rect->axis(QCPAxis::atBottom), *y = view.rect->axis(QCPAxis::atLeft);
  QCPAbstractPlottable* drawn = nullptr;
  if (series.style == Series::Style::Bars) {
    built.bars = new QCPBars(y, x);  // keys along y: the bars lie
    built.bars->setAntialiased(false);
    drawn = built.bars;
  } else {
    built.graph = new QCPGraph(x, y);
    drawn = built.graph;
    for (auto [errors, bars, type] : {std::tuple{&series.x_error, &built.x_error, QCPErrorBars::etKeyError},
                                      std::tuple{&series.y_error, &built.y_error, QCPErrorBars::etValueError}}) {
      if (errors->isEmpty()) continue;
      *bars = new QCPErrorBars(x, y);
      (*bars)->removeFromLegend();
      (*bars)->setDataPlottable(built.graph);
      (*bars)->setErrorType(type);
      (*bars)->setSymbolGap(4);
      (*bars)->setWhiskerWidth(5);
    }
  }
  if (view.legend != nullptr && !series.name.isEmpty()) drawn->addToLegend(view.legend);
  return built;
}

void Figure::Canvas::fill(std::size_t index) {
  const Panel& panel = panels_[index];
  PanelView& view = views_[index];
  if (view.title != nullptr) view.title->setText(panel.title);
  view.rect->axis(QCPAxis::atBottom)->setLabel(panel.x.label);
  view.rect->axis(QCPAxis::atLeft)->setLabel(panel.y.label);
  styleAxis(*view.rect->axis(QCPAxis::atBottom), panel.x);
  styleAxis(*view.rect->axis(QCPAxis::atLeft), panel.y);
  if (panel.grid) fillMap(*panel.grid, view);
  for (std::size_t i = 0; i < panel.series.size(); ++i) fillSeries(panel.series[i], view.series[i]);
  if (!zoomed_) setRanges(panel, view);
  fillMarks(panel, view);
}

void Figure::Canvas::fillSeries(const Series& series, SeriesView& view) {
  const QPen pen(series.color, series.width);
  if (view.bars != nullptr) {
    view.bars->setName(series.name);
    const double width = kBarWidth / series.lanes;
    QVector<double> rows = series.y;
    for (double& row : rows) row += width * (series.lane - (series.lanes - 1) / 2.0);
    view.bars->setWidth(width);
    view.bars->setData(rows, series.x, false);
    view.bars->setPen(Qt::NoPen);
    view.bars->setBrush(series.color);
    return;
  }
  using Style = Series::Style;
  const bool triangles = series.style == Style::Up || series.style == Style::Down;
  const bool points = triangles || series.style == Style::Points || series.style == Style::Rings;
  QPen line = pen;
  if (series.style == Style::Dashed || series.style == Style::DashedPoints) line.setDashPattern({4, 3});
  view.graph->setName(series.name);
  view.graph->setPen(line);
  view.graph->setLineStyle(points ? QCPGraph::lsNone : QCPGraph::lsLine);
  view.graph->setAdaptiveSampling(!points);
  if (points || series.style == Style::DashedPoints) {
    const bool ring = series.style == Style::Rings;
    const QCPScatterStyle::ScatterShape shape = series.style == Style::DashedPoints ? QCPScatterStyle::ssDiamond
                                                : series.style == Style::Up         ? QCPScatterStyle::ssTriangle
                                                : series.style == Style::Down ? QCPScatterStyle::ssTriangleInverted
                                                                              : QCPScatterStyle::ssCircle;
    view.graph->setScatterStyle(QCPScatterStyle(shape, QPen(series.color, 1.5),
                                                QBrush(ring ? theme().card : series.color),
                                                series.style == Style::DashedPoints ? 6 : 8));
  }
  // Error bars belong to points by position, so the points must not be sorted behind their back.
  std::vector<qsizetype> order(static_cast<std::size_t>(series.x.size()));
  std::iota(order.begin(), order.end(), 0);
  std::ranges::stable_sort(order, {}, [&](qsizetype i) { return std::isnan(series.x[i]) ? 0.0 : series.x[i]; });
  const auto sorted = [&](const QVector<double>& values) {
    QVector<double> copy;
    for (const qsizetype i : order) copy.push_back(values.value(i, kAuto));
    return copy;
  };
  view.graph->setData(sorted(series.x), sorted(series.y), true);
  const QVector<double>& x_below = series.x_error_below.isEmpty() ? series.x_error : series.x_error_below;
  for (auto [below, above, bars] : {std::tuple{&x_below, &series.x_error, view.x_error},
                                    std::tuple{&series.y_error, &series.y_error, view.y_error}}) {
    if (bars == nullptr) continue;
    bars->setPen(QPen(series.color, 1.2));
    bars->setData(sorted(*below), sorted(*above));
  }
}

void Figure::Canvas::fillMap(const Grid& grid, PanelView& view) {
  QCPColorMap& map = *view.map;
  QCPColorMapData& data = *map.data();
  if (data.keySize() != grid.columns || data.valueSize() != grid.rows) data.setSize(grid.columns, grid.rows);
  // One column or row would leave QCustomPlot without a cell size: its range then spans one cell.
  const double last = grid.first_column + std::max(grid.columns - 1, 1) * grid.column_step;
  data.setRange({grid.first_column, last}, {0, static_cast<double>(std::max(grid.rows - 1, 1))});
  for (int row = 0; row < grid.rows; ++row) {
    for (int column = 0; column < grid.columns; ++column) {
      data.setCell(column, row, static_cast<double>(grid.values[static_cast<qsizetype>(row) * grid.columns + column]));
    }
  }
  map.setName(grid.name);
  map.setGradient(gradient(grid.map));
  map.setDataRange({grid.least, grid.most});
  if (view.scale == nullptr) return;
  view.scale->setGradient(gradient(grid.map));
  view.scale->setDataRange({grid.least, grid.most});
  auto ticker = tickerFor({});
  ticker->setTickCount(2);
  view.scale->axis()->setTicker(ticker);
}

void Figure::Canvas::fillMarks(const Panel& panel, PanelView& view) {
  for (QCPAbstractItem* mark : view.marks) plot_->removeItem(mark);
  view.marks.clear();
  view.labels.clear();
  view.ring_labels.clear();
  view.notes.clear();
  view.cells.clear();
  QCPAxis *x = view.rect->axis(QCPAxis::atBottom), *y = view.rect->axis(QCPAxis::atLeft);
  const auto keep = [&](QCPAbstractItem* item) {
    item->setClipAxisRect(view.rect);
    item->setSelectable(false);
    view.marks.push_back(item);
  };
  const auto text = [&](const QString& words, const QColor& colour, double at_x, double at_y, Qt::Alignment side) {
    auto* label = new QCPItemText(plot_);
    label->position->setAxes(x, y);
    label->position->setCoords(at_x, at_y);
    label->setPositionAlignment(side);
    label->setPadding({7, 3, 7, 3});
    label->setText(words);
    label->setColor(colour);
    label->setFont(textFont(TextSize::Tick));
    keep(label);
    label->setClipToAxisRect(false);
    return label;
  };
  for (const Mark& mark : panel.marks) {
    QCPItemTracer* ring = nullptr;
    if (mark.shape == Mark::Shape::Vertical) {
      auto* line = new QCPItemStraightLine(plot_);
      line->point1->setAxes(x, y);
      line->point2->setAxes(x, y);
      line->point1->setCoords(mark.x, 0.5);
      line->point2->setCoords(mark.x, 2.0);
      QPen pen(mark.color, 1.2);
      if (mark.dashed) pen.setDashPattern({3, 3});
      line->setPen(pen);
      keep(line);
    } else if (mark.shape == Mark::Shape::Ring) {
      ring = new QCPItemTracer(plot_);
      ring->position->setAxes(x, y);
      ring->position->setCoords(mark.x, mark.y);
      ring->setStyle(QCPItemTracer::tsCircle);
      ring->setSize(9);
      ring->setPen(QPen(mark.color, 1.8));
      ring->setBrush(theme().card);
      keep(ring);
    }
    if (mark.shape == Mark::Shape::Centered) {
      view.cells.push_back(text(mark.text, mark.color, mark.x, mark.y, Qt::AlignCenter));
      view.cells.back()->setPadding({});
      if (mark.ground.isValid()) view.cells.back()->setBrush(mark.ground);
    } else if (mark.shape == Mark::Shape::Note || std::isnan(mark.x)) {
      QCPItemText* label = text(mark.text, mark.color, 0, mark.y, Qt::AlignCenter);
      label->setPadding({2, 0, 2, 0});
      label->setBrush(theme().card);
      label->position->setAxisRect(view.rect);
      label->position->setTypeX(QCPItemPosition::ptAxisRectRatio);
      label->position->setCoords(0.5, mark.y);
      if (mark.shape == Mark::Shape::Note) view.notes.push_back({label, mark.text});
    } else if (!mark.text.isEmpty()) {
      // The text keeps to the side that has room.
      const QCPRange range = x->range();
      const bool left_half = x->scaleType() == QCPAxis::stLogarithmic ? mark.x * mark.x < range.lower * range.upper
                                                                      : mark.x < (range.lower + range.upper) / 2;
      const Qt::Alignment level = mark.shape == Mark::Shape::Text ? Qt::AlignVCenter : Qt::AlignTop;
      QCPItemText* label =
          text(mark.text, mark.color, mark.x, mark.y, (left_half ? Qt::AlignLeft : Qt::AlignRight) | level);
      if (ring == nullptr) continue;
      // A ring lies on curves, which must not run through its text.
      label->setPadding({2, 0, 2, 0});
      label->setBrush(theme().card);
      label->position->setType(QCPItemPosition::ptAbsolute);
      label->position->setParentAnchor(ring->position);
      label->setPositionAlignment(Qt::AlignLeft | Qt::AlignTop);
      view.ring_labels.push_back({label, ring, !left_half});
    }
  }
  for (const Series& series : panel.series) {
    for (qsizetype i = 0; i < std::min(series.labels.size(), series.x.size()); ++i) {
      if (series.labels[i].isEmpty() || !std::isfinite(series.x[i])) continue;
      QCPItemText* label = text(series.labels[i], series.color, series.x[i], series.y[i], Qt::AlignCenter);
      label->setPadding({});
      label->position->setType(QCPItemPosition::ptAbsolute);
      const double above = series.x_error.value(i, 0), below = series.x_error_below.value(i, above);
      view.labels.push_back({label, series.x[i], series.y[i], below, above, series.y_error.value(i, 0)});
    }
  }
}

void Figure::Canvas::settle() {
  bool moved = false;
  for (std::size_t i = 0; i < views_.size(); ++i) {
    PanelView& view = views_[i];
    moved = fitTicks(*view.rect->axis(QCPAxis::atBottom), panels_[i].x) || moved;
    moved = fitTicks(*view.rect->axis(QCPAxis::atLeft), panels_[i].y) || moved;
    placeLabels(view);
    placeRingLabels(view);
    breakNotes(view);
    fitCells(view);
  }
  if (moved) plot_->replot(QCustomPlot::rpQueuedReplot);
}

bool Figure::Canvas::fitTicks(QCPAxis& axis, const Axis& as) const {
  const bool across = axis.orientation() == Qt::Horizontal, names = as.kind == Axis::Kind::Category;
  const QRect room = axis.axisRect()->rect();
  const int each = across ? (names ? 20 : as.kind == Axis::Kind::Bytes ? 68 : 52) : (names ? 14 : 26);
  const int fitting = std::clamp((across ? room.width() : room.height()) / each, 2, names ? 99 : 9);
  if (axis.ticker()->tickCount() == fitting) return false;
  axis.ticker()->setTickCount(fitting);
  return true;
}

void Figure::Canvas::placeLabels(PanelView& view) {
  const QCPAxis *x = view.rect->axis(QCPAxis::atBottom), *y = view.rect->axis(QCPAxis::atLeft);
  const QRectF room = QRectF(view.rect->rect()).adjusted(1, 1, -1, -1);
  constexpr double kPoint = 7;
  std::vector<QRectF> taken;
  for (const PointLabel& label : view.labels) {
    const QPointF at(x->coordToPixel(label.x), y->coordToPixel(label.y));
    taken.emplace_back(at.x() - kPoint, at.y() - kPoint, 2 * kPoint, 2 * kPoint);
  }
  for (const PointLabel& label : view.labels) {
    const QPointF at(x->coordToPixel(label.x), y->coordToPixel(label.y));
    const double right = kPoint + 1 + std::abs(x->coordToPixel(label.x + label.above) - at.x());
    const double left = kPoint + 1 + std::abs(x->coordToPixel(label.x - label.below) - at.x());
    const double reach_y = kPoint + std::abs(y->coordToPixel(label.y + label.y_error) - at.y());
    const QSizeF size = QFontMetricsF(label.text->font()).boundingRect(label.text->text()).size();
    const double half_w = size.width() / 2, half_h = size.height() / 2;
    // Beside the point where there is room, else above or below it; a text without room waits for the crosshair.
    const QPointF places[] = {{right + half_w, 0},
                              {-left - half_w, 0},
                              {0, -reach_y - half_h},
                              {0, reach_y + half_h},
                              {kPoint + half_w, -kPoint - half_h},
                              {-kPoint - half_w, -kPoint - half_h},
                              {kPoint + half_w, kPoint + half_h},
                              {-kPoint - half_w, kPoint + half_h}};
    const auto free = [&](const QRectF& box) {
      return room.contains(box) &&
             std::ranges::none_of(taken, [&](const QRectF& other) { return other.intersects(box); });
    };
    label.text->setVisible(false);
    for (const QPointF& place : places) {
      const QRectF box(at + place - QPointF(half_w, half_h), size);
      if (!free(box)) continue;
      label.text->position->setPixelPosition(at + place);
      label.text->setVisible(true);
      taken.push_back(box);
      break;
    }
  }
}

void Figure::Canvas::placeRingLabels(PanelView& view) const {
  constexpr double kBeside = 6, kBelow = 4;
  for (const RingLabel& label : view.ring_labels) {
    const double at = label.ring->position->pixelPosition().x();
    const double width = QFontMetricsF(label.text->font()).horizontalAdvance(label.text->text()) + 4;
    const double wanted = label.before ? at - kBeside - width : at + kBeside;
    const double left = std::max(std::min(wanted, plot_->viewport().right() - width), double(view.rect->left()));
    label.text->position->setCoords(left - at, left == wanted ? kBelow : 2 * kBelow);  // else it would cover the ring
  }
}

void Figure::Canvas::breakNotes(PanelView& view) {
  for (const Note& note : view.notes) {
    const QFontMetricsF metrics(note.text->font());
    QString lines, line;
    for (const QString& word : note.words.split(u' ')) {
      const QString longer = line.isEmpty() ? word : line + u' ' + word;
      if (line.isEmpty() || metrics.horizontalAdvance(longer) <= view.rect->width() - 8) {
        line = longer;
        continue;
      }
      lines += line + u'\n';
      line = word;
    }
    note.text->setText(lines + line);
    note.text->setTextAlignment(Qt::AlignCenter);
  }
}

void Figure::Canvas::fitCells(PanelView& view) {
  const QCPAxis *x = view.rect->axis(QCPAxis::atBottom), *y = view.rect->axis(QCPAxis::atLeft);
  const QSizeF cell(std::abs(x->coordToPixel(1) - x->coordToPixel(0)),
                    std::abs(y->coordToPixel(1) - y->coordToPixel(0)));
  for (QCPItemText* text : view.cells) {
    const QSizeF size = QFontMetricsF(text->font()).boundingRect(text->text()).size();
    text->setVisible(size.width() + 2 < cell.width() && size.height() < cell.height() + 2);
  }
}

void Figure::Canvas::setRanges(const Panel& panel, PanelView& view) {
  Extent xs, ys;
  if (panel.grid) {
    const Grid& grid = *panel.grid;
    xs.add(grid.first_column - grid.column_step / 2);
    xs.add(grid.first_column + (grid.columns - 0.5) * grid.column_step);
    ys.add(-0.5);
    ys.add(grid.rows - 0.5);
  }
  for (const Series& series : panel.series) {
    for (qsizetype i = 0; i < series.x.size(); ++i) {
      if (!std::isfinite(series.x[i]) || !std::isfinite(series.y[i])) continue;
      const double x_error = series.x_error.value(i, 0), y_error = series.y_error.value(i, 0);
      xs.add(series.x[i], series.x_error_below.value(i, x_error), x_error);
      ys.add(series.y[i], y_error, y_error);
    }
  }
  const QScopedValueRollback guard(setting_, true);
  view.rect->axis(QCPAxis::atBottom)->setRange(xs.range(panel.x));
  QCPRange upwards = ys.range(panel.y);
  if (panel.legend && panel.y.logarithmic) upwards.upper *= std::pow(upwards.upper / upwards.lower, kLegendRoom);
  if (panel.legend && !panel.y.logarithmic) upwards.upper += upwards.size() * kLegendRoom;
  view.rect->axis(QCPAxis::atLeft)->setRange(upwards);
}

void Figure::Canvas::styleAxis(QCPAxis& axis, const Axis& as) {
  const QScopedValueRollback guard(setting_, true);
  const bool logarithmic = axis.scaleType() == QCPAxis::stLogarithmic;
  if (logarithmic != as.logarithmic) {
    axis.setScaleType(as.logarithmic ? QCPAxis::stLogarithmic : QCPAxis::stLinear);
  }
  axis.setRangeReversed(as.reversed);
  axis.setTickLabels(as.ticks);
  axis.setTicker(tickerFor(as));
  fitTicks(axis, as);
}

void Figure::Canvas::restyle() {
  const Theme& t = theme();
  plot_->setBackground(t.card);
  for (std::size_t i = 0; i < views_.size(); ++i) {
    PanelView& view = views_[i];
    view.rect->setBackground(QBrush(panels_[i].grid ? t.window : t.card));
    for (const QCPAxis::AxisType side : {QCPAxis::atBottom, QCPAxis::atLeft, QCPAxis::atTop, QCPAxis::atRight}) {
      QCPAxis& axis = *view.rect->axis(side);
      const bool ours = side == QCPAxis::atBottom || side == QCPAxis::atLeft;
      axis.setVisible(true);
      axis.setTicks(ours);
      axis.setBasePen(QPen(t.border, 1));
      axis.setTickPen(QPen(t.border, 1));
      axis.setSubTickPen(Qt::NoPen);
      axis.setSubTicks(false);
      axis.setTickLengthIn(0);
      axis.setTickLengthOut(3);
      axis.setTickLabelFont(textFont(TextSize::Tick));
      axis.setTickLabelColor(t.muted);
      axis.setLabelFont(textFont(TextSize::Tick));
      axis.setLabelColor(t.muted);
      axis.setTickLabelPadding(3);
      axis.setLabelPadding(2);
      if (!ours) axis.setTickLabels(false);
      axis.grid()->setVisible(ours && !panels_[i].grid);
      axis.grid()->setPen(QPen(t.grid, 1));
      axis.grid()->setZeroLinePen(Qt::NoPen);
    }
    if (view.scale != nullptr) {
      QCPAxis& axis = *view.scale->axis();
      for (QCPAxis* side : axis.axisRect()->axes()) side->setBasePen(QPen(t.border, 1));
      axis.setTickPen(QPen(t.border, 1));
      axis.setSubTicks(false);
      axis.setTickLengthIn(0);
      axis.setTickLengthOut(2);
      axis.setTickLabelFont(textFont(TextSize::Tick));
      axis.setTickLabelColor(t.muted);
      axis.setTickLabelPadding(2);
    }
    if (view.title != nullptr) {
      view.title->setFont(textFont(TextSize::Small));
      view.title->setTextColor(t.muted);
    }
    if (view.legend != nullptr) {
      QColor back = t.card;
      back.setAlpha(215);
      view.legend->setBrush(back);
      view.legend->setBorderPen(Qt::NoPen);
      view.legend->setFont(textFont(TextSize::Tick));
      view.legend->setTextColor(t.text);
    }
    QPen hair(t.muted, 1);
    hair.setDashPattern({2, 2});
    view.down->setPen(hair);
    view.across->setPen(hair);
    view.readout->setFont(textFont(TextSize::Small));
    view.readout->setColor(t.text);
    view.readout->setBrush(t.card);
    view.readout->setPen(QPen(t.border, 1));
    view.readout->setPadding({6, 3, 6, 3});
  }
  if (plot_->selectionRect() != nullptr) {
    QColor box = t.accent;
    plot_->selectionRect()->setPen(QPen(box, 1));
    box.setAlpha(40);
    plot_->selectionRect()->setBrush(box);
  }
  for (std::size_t i = 0; i < views_.size(); ++i) fill(i);
  plot_->replot(QCustomPlot::rpQueuedReplot);
}

void Figure::Canvas::settleAt(QSize size) {
  plot_->resize(size);
  plot_->setViewport(QRect(QPoint(), size));
  plot_->replot(QCustomPlot::rpImmediateRefresh);  // finds how many ticks fit, …
  plot_->replot(QCustomPlot::rpImmediateRefresh);  // … and draws those
}

void Figure::Canvas::draw(QCPPainter& painter) {
  painter.setMode(QCPPainter::pmVectorized);
  plot_->toPainter(&painter, plot_->width(), plot_->height());
}

}  // namespace interleave::gui
