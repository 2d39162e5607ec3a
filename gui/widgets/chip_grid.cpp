// SPDX-License-Identifier: GPL-3.0-or-later
#include "gui/widgets/chip_grid.h"

#include <QContextMenuEvent>
#include <QHelpEvent>
#include <QKeyEvent>
#include <QMenu>
#include <QMouseEvent>
#include <QPainter>
#include <QToolTip>
#include <algorithm>
#include <utility>

#include "gui/style/format.h"
#include "gui/style/theme.h"
#include "gui/widgets/placement_strip.h"

namespace interleave::gui {
namespace {

constexpr int kNumberWidth = 22, kGap = 8, kLeastHeight = 17, kLeastWidth = 52;

QString shortName(MixerKind kind) {
  switch (kind) {
    case MixerKind::Full:
      return QStringLiteral("full");
    case MixerKind::SlidingWindow:
      return QStringLiteral("SWA");
    case MixerKind::Gdn:
      return QStringLiteral("GDN");
    case MixerKind::GdnWindow:
      break;
  }
  return QStringLiteral("GDN+w");
}

}  // namespace

ChipGrid::ChipGrid(QWidget* parent) : QWidget(parent) {
  setFocusPolicy(Qt::StrongFocus);
  setAccessibleName(tr("Placement"));
  setSizePolicy(QSizePolicy::Expanding, QSizePolicy::Expanding);
}

void ChipGrid::setPlacement(const Placement& placement, const std::vector<MixerKind>& operators,
                            const std::set<int>& pinned) {
  const bool others = placement.layers() != placement_.layers();
  if (others) current_ = 0, dragged_ = target_ = -1;
  placement_ = placement;
  operators_ = operators;
  pinned_ = pinned;
  setAccessibleDescription(qt(placement.line()));
  if (others) updateGeometry();
  update();
}

QSize ChipGrid::minimumSizeHint() const {
  const int rows = (std::max(placement_.layers(), 1) + mostColumns() - 1) / mostColumns();
  return {180, std::max(120, rows * kLeastHeight)};
}

void ChipGrid::resizeEvent(QResizeEvent* event) {
  QWidget::resizeEvent(event);
  if (event->oldSize().width() != event->size().width()) updateGeometry();
}

int ChipGrid::mostColumns() const { return std::max(1, width() / (kNumberWidth + kLeastWidth + kGap)); }

int ChipGrid::columns() const {
  const int layers = std::max(placement_.layers(), 1);
  // As few columns as the height allows, but tall chips are no use: at least three where there is room.
  const int by_height = std::max(1, height() / kLeastHeight);
  const int least = (layers + by_height - 1) / by_height;
  return std::clamp(std::max(least, 3), 1, mostColumns());
}

int ChipGrid::rows() const { return (std::max(placement_.layers(), 1) + columns() - 1) / columns(); }

QRect ChipGrid::chip(int layer) const {
  const double pitch_x = static_cast<double>(width() + kGap) / columns();
  const double pitch_y = std::min(static_cast<double>(height()) / rows(), 26.0);
  const int column = layer / rows(), row = layer % rows();
  return QRectF(column * pitch_x + kNumberWidth, row * pitch_y + 1, pitch_x - kGap - kNumberWidth, pitch_y - 3)
      .toRect();
}

int ChipGrid::layerAt(const QPoint& point) const {
  for (int layer = 0; layer < placement_.layers(); ++layer) {
    if (chip(layer).adjusted(-kNumberWidth, -1, 0, 1).contains(point)) return layer;
  }
  return -1;
}

void ChipGrid::paintEvent(QPaintEvent*) {
  QPainter painter(this);
  if (placement_.layers() == 0) {
    painter.setPen(theme().muted);
    painter.drawText(rect(), Qt::AlignCenter | Qt::TextWordWrap,
                     tr("A placement appears with the first step of a search."));
    return;
  }
  for (int layer = 0; layer < placement_.layers(); ++layer) {
    const QRect box = chip(layer);
    const MixerKind kind = placement_[layer];
    painter.setFont(textFont(TextSize::Tick));
    painter.setPen(theme().muted);
    painter.drawText(QRect(box.left() - kNumberWidth, box.top(), kNumberWidth - 5, box.height()),
                     Qt::AlignRight | Qt::AlignVCenter, QString::number(layer));
    painter.setFont(textFont(TextSize::Small));
    drawChip(painter, box, kind, QLatin1Char(letter(kind)) + QStringLiteral(" ") + shortName(kind));
    if (pinned_.contains(layer)) {
      painter.setPen(chipText(kind));
      painter.drawText(box.adjusted(0, 0, -5, 0), Qt::AlignRight | Qt::AlignVCenter, QStringLiteral("⚲"));
    }
    const bool dropping =
        dragged_ >= 0 && target_ >= 0 && dragged_ != target_ && (layer == target_ || layer == dragged_);
    if (dropping || (layer == current_ && hasFocus())) {
      painter.setPen(QPen(theme().changed, 2));
      painter.setBrush(Qt::NoBrush);
      painter.drawRoundedRect(QRectF(box).adjusted(-1.5, -1.5, 1.5, 1.5), 4.5, 4.5);
    }
  }
}

void ChipGrid::setCurrent(int layer) {
  if (layer < 0 || layer >= placement_.layers() || layer == current_) return;
  current_ = layer;
  update();
}

void ChipGrid::requestNext(int layer) {
  const auto at = std::ranges::find(operators_, placement_[layer]);
  if (operators_.size() < 2 || at == operators_.end()) return;
  const auto next = at + 1 == operators_.end() ? operators_.begin() : at + 1;
  Q_EMIT changeRequested(layer, *next);
}

void ChipGrid::mousePressEvent(QMouseEvent* event) {
  const int layer = layerAt(event->pos());
  if (layer < 0) return;
  setCurrent(layer);
  if (event->button() == Qt::LeftButton) dragged_ = target_ = layer;
}

void ChipGrid::mouseMoveEvent(QMouseEvent* event) {
  const int below = layerAt(event->pos());
  if (dragged_ < 0 || below == target_) return;
  target_ = below;
  setCursor(target_ >= 0 && target_ != dragged_ ? Qt::DragMoveCursor : Qt::ArrowCursor);
  update();
}

void ChipGrid::mouseReleaseEvent(QMouseEvent* event) {
  if (event->button() != Qt::LeftButton || dragged_ < 0) return;
  const int from = std::exchange(dragged_, -1), onto = layerAt(event->pos());
  target_ = -1;
  unsetCursor();
  update();
  if (onto == from) return requestNext(from);
  if (onto >= 0) Q_EMIT exchangeRequested(from, onto);
}

void ChipGrid::keyPressEvent(QKeyEvent* event) {
  if (placement_.layers() == 0) return QWidget::keyPressEvent(event);
  switch (event->key()) {
    case Qt::Key_Up:
      return setCurrent(current_ - 1);
    case Qt::Key_Down:
      return setCurrent(current_ + 1);
    case Qt::Key_Left:
      return setCurrent(current_ - rows());
    case Qt::Key_Right:
      return setCurrent(current_ + rows());
    case Qt::Key_Home:
      return setCurrent(0);
    case Qt::Key_End:
      return setCurrent(placement_.layers() - 1);
    case Qt::Key_Space:
      return requestNext(current_);
    case Qt::Key_P:
      Q_EMIT pinRequested(current_, !pinned_.contains(current_));
      return;
    default:
      break;
  }
  const QString text = event->text().toUpper();
  for (const MixerKind kind : operators_) {
    // G means the Gated DeltaNet that the bank has, with its window or without.
    const bool means =
        text == QLatin1Char(letter(kind)) || (text == QStringLiteral("G") && kind == MixerKind::GdnWindow &&
                                              std::ranges::find(operators_, MixerKind::Gdn) == operators_.end());
    if (!text.isEmpty() && means) {
      Q_EMIT changeRequested(current_, kind);
      return;
    }
  }
  QWidget::keyPressEvent(event);
}

void ChipGrid::focusInEvent(QFocusEvent* event) {
  QWidget::focusInEvent(event);
  update();
}

void ChipGrid::focusOutEvent(QFocusEvent* event) {
  QWidget::focusOutEvent(event);
  update();
}

void ChipGrid::contextMenuEvent(QContextMenuEvent* event) {
  const int layer = event->reason() == QContextMenuEvent::Keyboard ? current_ : layerAt(event->pos());
  if (layer < 0 || layer >= placement_.layers()) return;
  setCurrent(layer);
  auto* menu = new QMenu(this);
  menu->setAttribute(Qt::WA_DeleteOnClose);
  for (const MixerKind kind : operators_) {
    menu->addAction(qt(title(kind)), this, [this, layer, kind] { Q_EMIT changeRequested(layer, kind); });
  }
  menu->addSeparator();
  const bool pinned = pinned_.contains(layer);
  menu->addAction(pinned ? tr("Release") : tr("Pin to %1").arg(qt(title(placement_[layer]))), this,
                  [this, layer, pinned] { Q_EMIT pinRequested(layer, !pinned); });
  menu->popup(event->globalPos());
}

bool ChipGrid::event(QEvent* event) {
  if (event->type() != QEvent::ToolTip) return QWidget::event(event);
  const auto* help = static_cast<QHelpEvent*>(event);
  const int layer = layerAt(help->pos());
  if (layer < 0) {
    QToolTip::hideText();
  } else {
    QString text = tr("layer %1: %2").arg(layer).arg(qt(title(placement_[layer])));
    if (pinned_.contains(layer)) text += tr(" (pinned)");
    QToolTip::showText(help->globalPos(), text, this);
  }
  return true;
}

}  // namespace interleave::gui
