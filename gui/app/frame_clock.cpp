// SPDX-License-Identifier: GPL-3.0-or-later
#include "gui/app/frame_clock.h"

#include <QElapsedTimer>
#include <QGuiApplication>
#include <algorithm>

#include "gui/widgets/pane.h"

namespace interleave::gui {
namespace {

constexpr int kFocusedInterval = 16, kUnfocusedInterval = 33, kQuietInterval = 100;
constexpr int kQuietFrames = 10;
constexpr qint64 kRepaintBudget = 8;

}  // namespace

FrameClock::FrameClock(QObject* parent) : QObject(parent) {
  timer_.setTimerType(Qt::PreciseTimer);
  connect(&timer_, &QTimer::timeout, this, &FrameClock::frame);
}

void FrameClock::wake() {
  quiet_ = 0;
  if (!timer_.isActive() || timer_.interval() == kQuietInterval) timer_.start(kFocusedInterval);
}

void FrameClock::frame() {
  bool alive = false;
  for (const Source& source : sources_) alive = source() || alive;
  const bool news = std::ranges::any_of(panes_, [](const Pane* pane) { return pane->outdated(); });
  quiet_ = news ? 0 : quiet_ + 1;
  const bool focused = QGuiApplication::applicationState() == Qt::ApplicationActive;
  timer_.setInterval(quiet_ > kQuietFrames ? kQuietInterval : focused ? kFocusedInterval : kUnfocusedInterval);
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
