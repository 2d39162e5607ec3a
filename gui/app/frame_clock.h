// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QObject>
#include <QTimer>
#include <cstddef>
#include <functional>
#include <vector>

namespace interleave::gui {

class Pane;

/// The one timer that drives the windows: every frame it lets its sources take what is new, then has the visible panes
/// that are out of date repaint until the frame's time is spent; the rest follow in the next frame. 16 ms, 33 ms while
/// no window has the focus, 100 ms while nothing new has come for a while (the engine has use for the time: a search
/// step may take seconds), and stopped when there is nothing to do.
class FrameClock final : public QObject {
  Q_OBJECT
 public:
  /// Takes what is new; true while more may come by itself.
  using Source = std::function<bool()>;

  explicit FrameClock(QObject* parent = nullptr);
  void addSource(Source source) { sources_.push_back(std::move(source)); }
  void addPane(Pane& pane) { panes_.push_back(&pane); }
  void removePane(Pane& pane) { std::erase(panes_, &pane); }
  void wake();  ///< Something may be new: starts the timer.
  bool idle() const { return !timer_.isActive(); }

 private:
  void frame();

  QTimer timer_;
  std::vector<Source> sources_;
  std::vector<Pane*> panes_;
  std::size_t next_ = 0;  ///< The pane whose turn it is.
  int quiet_ = 0;         ///< Frames in a row in which no pane was out of date.
};

}  // namespace interleave::gui
