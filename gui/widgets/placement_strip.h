// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QWidget>
#include <vector>

#include "backend/core/placement.h"

namespace interleave::gui {

/// A placement as a row of cells, one a layer, with letters; below it, layers that came in (▲) or went out (▼).
class PlacementStrip final : public QWidget {
  Q_OBJECT
 public:
  explicit PlacementStrip(const QString& accessible_name, QWidget* parent = nullptr);

  void setPlacement(const Placement& placement);
  /// Flags the layers whose full attention differs from `before`. An empty placement flags none.
  void setBefore(const Placement& before);

  QSize sizeHint() const override { return {300, 34}; }
  QSize minimumSizeHint() const override { return {120, 34}; }

 protected:
  void paintEvent(QPaintEvent* event) override;
  bool event(QEvent* event) override;

 private:
  QRectF cell(int layer) const;
  Placement placement_, before_;
};

/// Draws one chip: the operator's colour and letter.
void drawChip(QPainter& painter, const QRectF& box, MixerKind kind, const QString& text);

}  // namespace interleave::gui
