// SPDX-License-Identifier: GPL-3.0-or-later
// The canvas under mouse and keyboard: zoom, crosshair, clicks.
#include <QApplication>
#include <QScopedValueRollback>
#include <algorithm>
#include <cmath>
#include <utility>

#include "gui/plots/canvas.h"
#include "gui/plots/tickers.h"

namespace interleave::gui {

using namespace Qt::StringLiterals;

void Figure::Canvas::shareRange(QCPAxis& from, const QCPRange& range) {
  if (setting_) return;
  zoomed_ = true;
  const QCPAxis::AxisType shared = link_ == Link::X ? QCPAxis::atBottom : QCPAxis::atLeft;
  if (link_ == Link::None || from.axisType() != shared) return;
  const QScopedValueRollback guard(setting_, true);
  for (PanelView& view : views_) view.rect->axis(shared)->setRange(range);
}

void Figure::Canvas::resetZoom() {
  zoomed_ = false;
  for (std::size_t i = 0; i < views_.size(); ++i) setRanges(panels_[i], views_[i]);
  plot_->replot(QCustomPlot::rpQueuedReplot);
}

void Figure::Canvas::zoom(double factor) {
  if (views_.empty()) return;
  for (QCPAxis* axis : views_[static_cast<std::size_t>(std::max(hovered_, 0))].rect->axes()) {
    if (axis->axisType() == QCPAxis::atBottom || axis->axisType() == QCPAxis::atLeft) axis->scaleRange(factor);
  }
  plot_->replot(QCustomPlot::rpQueuedReplot);
}

int Figure::Canvas::panelAt(const QPointF& position) const {
  const auto found = std::ranges::find_if(
      views_, [&](const PanelView& view) { return view.rect->rect().contains(position.toPoint()); });
  return found == views_.end() ? -1 : static_cast<int>(found - views_.begin());
}

void Figure::Canvas::release(const QMouseEvent& event) {
  if (event.button() != Qt::LeftButton || !pressed_) return;
  const QPointF from = *std::exchange(pressed_, std::nullopt);
  if ((event.position() - from).manhattanLength() >= QApplication::startDragDistance()) return;
  if (plot_->selectionRect() != nullptr && plot_->selectionRect()->isActive()) plot_->selectionRect()->cancel();
  const int index = panelAt(from);
  if (index < 0) return;
  const QCPAxisRect& rect = *views_[static_cast<std::size_t>(index)].rect;
  Q_EMIT figure_.clicked(index, rect.axis(QCPAxis::atBottom)->pixelToCoord(from.x()),
                         rect.axis(QCPAxis::atLeft)->pixelToCoord(from.y()));
}

void Figure::Canvas::hover(const QPointF& position) {
  const int index = panelAt(position);
  if (index < 0) return hideCrosshair();
  const QCPAxisRect& rect = *views_[static_cast<std::size_t>(index)].rect;
  showCrosshair(static_cast<std::size_t>(index), rect.axis(QCPAxis::atBottom)->pixelToCoord(position.x()),
                rect.axis(QCPAxis::atLeft)->pixelToCoord(position.y()));
}

void Figure::Canvas::hideCrosshair() {
  if (hovered_ < 0) return;
  hovered_ = -1;
  for (PanelView& view : views_) {
    for (QCPAbstractItem* item : std::initializer_list<QCPAbstractItem*>{view.down, view.across, view.readout}) {
      item->setVisible(false);
    }
  }
  plot_->layer(u"overlay"_s)->replot();
}

void Figure::Canvas::showCrosshair(std::size_t index, double x, double y) {
  hideCrosshair();
  hovered_ = static_cast<int>(index);
  crosshair_ = {x, y};
  PanelView& view = views_[index];
  view.down->start->setCoords(x, 0);
  view.down->end->setCoords(x, 1);
  view.across->start->setCoords(0, y);
  view.across->end->setCoords(1, y);
  view.down->setVisible(true);
  view.across->setVisible(true);
  const QString words = readoutAt(panels_[index], x, y);
  view.readout->setVisible(!words.isEmpty());
  view.readout->setText(words);
  const double at_x = view.rect->axis(QCPAxis::atBottom)->coordToPixel(x);
  const double at_y = view.rect->axis(QCPAxis::atLeft)->coordToPixel(y);
  const bool left = at_x < plot_->width() / 2.0, top = at_y < plot_->height() / 2.0;
  view.readout->setPositionAlignment((left ? Qt::AlignLeft : Qt::AlignRight) | (top ? Qt::AlignTop : Qt::AlignBottom));
  view.readout->position->setPixelPosition({at_x + (left ? 10 : -10), at_y + (top ? 10 : -10)});
  plot_->layer(u"overlay"_s)->replot();
  Q_EMIT figure_.hovered(hovered_, x, y);
}

void Figure::Canvas::moveCrosshair(int columns, int rows) {
  if (views_.empty()) return;
  const std::size_t index = static_cast<std::size_t>(std::max(hovered_, 0));
  const QCPRange x = views_[index].rect->axis(QCPAxis::atBottom)->range();
  const QCPRange y = views_[index].rect->axis(QCPAxis::atLeft)->range();
  const Panel& panel = panels_[index];
  if (hovered_ < 0) crosshair_ = {x.center(), y.center()};
  const double step_x = panel.grid ? panel.grid->column_step : x.size() / 40;
  const double step_y = panel.grid ? 1 : -y.size() / 40;
  QPointF to(crosshair_.x() + columns * step_x, crosshair_.y() + rows * step_y);
  if (panel.grid) {
    const double column = std::round((to.x() - panel.grid->first_column) / step_x);
    to = {panel.grid->first_column + column * step_x, std::round(to.y())};
  }
  showCrosshair(index, std::clamp(to.x(), x.lower, x.upper), std::clamp(to.y(), y.lower, y.upper));
}

void Figure::Canvas::changePanel(int by) {
  if (views_.empty()) return;
  const int count = static_cast<int>(views_.size());
  const int from = hovered_ < 0 ? (by > 0 ? -1 : 0) : hovered_;
  const auto index = static_cast<std::size_t>((from + by + count) % count);
  hideCrosshair();
  hovered_ = static_cast<int>(index);
  crosshair_ = {views_[index].rect->axis(QCPAxis::atBottom)->range().center(),
                views_[index].rect->axis(QCPAxis::atLeft)->range().center()};
  moveCrosshair(0, 0);
}

}  // namespace interleave::gui
