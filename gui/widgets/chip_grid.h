// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QWidget>
#include <set>
#include <vector>

#include "backend/core/placement.h"

namespace interleave::gui {

/// The layers as chips in columns, to be changed by a click (the next operator), by dragging one onto another (they
/// exchange their operators), or the keyboard: arrows move, F, G, W, H choose an operator, Space the next one, P pins
/// or releases.
class ChipGrid final : public QWidget {
  Q_OBJECT
 public:
  explicit ChipGrid(QWidget* parent = nullptr);

  void setPlacement(const Placement& placement, const std::vector<MixerKind>& operators, const std::set<int>& pinned);
  int current() const { return current_; }
  void setCurrent(int layer);
  QRect chip(int layer) const;

  QSize sizeHint() const override { return {300, 240}; }
  /// Tall enough for its letters, in the columns that its width allows.
  QSize minimumSizeHint() const override;

 Q_SIGNALS:
  void changeRequested(int layer, interleave::MixerKind kind);
  void exchangeRequested(int layer, int other);
  void pinRequested(int layer, bool pinned);

 protected:
  void paintEvent(QPaintEvent* event) override;
  void mousePressEvent(QMouseEvent* event) override;
  void mouseMoveEvent(QMouseEvent* event) override;
  void mouseReleaseEvent(QMouseEvent* event) override;
  void keyPressEvent(QKeyEvent* event) override;
  void focusInEvent(QFocusEvent* event) override;
  void focusOutEvent(QFocusEvent* event) override;
  void contextMenuEvent(QContextMenuEvent* event) override;
  void resizeEvent(QResizeEvent* event) override;
  bool event(QEvent* event) override;

 private:
  int mostColumns() const;
  int columns() const;
  int rows() const;
  int layerAt(const QPoint& point) const;
  void requestNext(int layer);

  Placement placement_;
  std::vector<MixerKind> operators_;
  std::set<int> pinned_;
  int current_ = 0;
  int dragged_ = -1, target_ = -1;  ///< While the button is down: the chip that it went down on, and that below it now.
};

}  // namespace interleave::gui
