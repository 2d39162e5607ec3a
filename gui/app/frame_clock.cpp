// SPDX-License-Identifier: GPL-3.0-or-later
#include "gui/app/frame_clock.h"

#include <QElapsedTimer>
#include <QGuiApplication>

#include "gui/widgets/pane.h"

namespace interleave::gui {
namespace {

constexpr int kFocusedInterval = 16, kUnfocusedInterval = 33;
constexpr qint64 kRepaintBudget = 8;

}  // namespace

FrameClock::FrameClock(QObject* parent) : QObject(parent) {
  timer_.setTimerType(Qt::PreciseTimer);
  connect(&timer_, &QTimer::timeout, this, &FrameClock::frame);
}

void FrameClock::wake() {
  if (!timer_.isActive()) timer_.start(kFocusedInterval);
}

void FrameClock::frame() {
  const bool focused = QGuiApplication::applicationState() == Qt::ApplicationActive;
  timer_.setInterval(focused ? kFocusedInterval : kUnfocusedInterval);
  bool alive = false;
  for (const Source& source : sources_) alive = source() || alive;
  QElapsedTimer clock;
  clock.start();
  bool left = false;
  const std::size_t count = panes_.size(), first = next_;
  for (std::size_t i = 0; i < count; ++i) {
    const std::size_t at = (first + i) % count;
    if (!panes_[at]->outdated()) continue;
    if (clock.elapsed() >= kRepaintBudget) {
      next_ = at;
      left = true;
      break;
    }
    panes_[at]->refreshNow();
  }
  if (!alive && !left) timer_.stop();
}

}  // namespace interleave::gui
