// SPDX-License-Identifier: GPL-3.0-or-later
#include "gui/widgets/placement_strip.h"

#include <QHelpEvent>
#include <QPainter>
#include <QToolTip>
#include <algorithm>

#include "gui/style/format.h"
#include "gui/style/theme.h"

namespace interleave::gui {
namespace {

constexpr double kCellHeight = 19;

}  // namespace

void drawChip(QPainter& painter, const QRectF& box, MixerKind kind, const QString& text) {
  painter.setRenderHint(QPainter::Antialiasing);
  painter.setPen(Qt::NoPen);
  painter.setBrush(chipFill(kind));
  painter.drawRoundedRect(box, 3.5, 3.5);
  painter.setPen(kind == MixerKind::Full ? chipText(kind) : theme().muted);
  painter.drawText(box, Qt::AlignCenter, text);
}

PlacementStrip::PlacementStrip(const QString& accessible_name, QWidget* parent) : QWidget(parent) {
  setAccessibleName(accessible_name);
  setSizePolicy(QSizePolicy::Expanding, QSizePolicy::Fixed);
}

void PlacementStrip::setPlacement(const Placement& placement) {
  if (placement == placement_) return;
  placement_ = placement;
  setAccessibleDescription(qt(placement.line()));
  update();
}

void PlacementStrip::setBefore(const Placement& before) {
  if (before == before_) return;
  before_ = before;
  update();
}

QRectF PlacementStrip::cell(int layer) const {
  const double pitch = static_cast<double>(width()) / std::max(placement_.layers(), 1);
  const double gap = std::min(2.5, pitch * 0.2);
  return {layer * pitch + gap / 2, 0, pitch - gap, kCellHeight};
}

void PlacementStrip::paintEvent(QPaintEvent*) {
  QPainter painter(this);
  const bool flags = before_.layers() == placement_.layers();
  const bool letters = cell(0).width() >= 8;
  for (int layer = 0; layer < placement_.layers(); ++layer) {
    const bool full = placement_[layer] == MixerKind::Full;
    painter.setFont(textFont(TextSize::Tick, full));
    drawChip(painter, cell(layer), placement_[layer],
             letters ? QString(QLatin1Char(letter(placement_[layer]))) : QString());
    if (!flags || full == (before_[layer] == MixerKind::Full)) continue;
    painter.setPen(theme().changed);
    painter.setFont(textFont(TextSize::Tick));
    const QRectF below = cell(layer).translated(0, kCellHeight).adjusted(-14, 0, 14, -4);
    painter.drawText(below, Qt::AlignCenter, full ? tr("▲in") : tr("▼out"));
  }
}

bool PlacementStrip::event(QEvent* event) {
  if (event->type() != QEvent::ToolTip) return QWidget::event(event);
  const auto* help = static_cast<QHelpEvent*>(event);
  for (int layer = 0; layer < placement_.layers(); ++layer) {
    if (!cell(layer).contains(help->pos())) continue;
    QToolTip::showText(help->globalPos(), tr("layer %1: %2").arg(layer).arg(qt(title(placement_[layer]))), this);
    return true;
  }
  QToolTip::hideText();
  return true;
}

}  // namespace interleave::gui
