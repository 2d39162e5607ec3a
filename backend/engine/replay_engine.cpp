// SPDX-License-Identifier: GPL-3.0-or-later
#include "backend/engine/replay_engine.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "backend/engine/thread_engine.h"

namespace interleave {
namespace {

class Replay {
 public:
  Replay(std::vector<Event> events, std::shared_ptr<const ReplaySpeed> speed)
      : events_(std::move(events)), speed_(std::move(speed)) {}

  void operator()(const RunSpec&, RunControl& control) const {
    const PhaseEvent* end = nullptr;
    std::optional<double> steps, alignments;  // The clocks of the search and of the preparation.
    for (const Event& event : events_) {
      control.proceed();
      if (!control.takeAsked().empty()) {
        control.emit(LogEvent{LogEvent::Level::Warning, "a replay cannot be changed"});
      }
      if (const auto* step = std::get_if<StepEvent>(&event)) {
        pass(step->seconds - std::exchange(steps, step->seconds).value_or(step->seconds), control);
      } else if (const auto* alignment = std::get_if<AlignmentEvent>(&event)) {
        pass(alignment->seconds - std::exchange(alignments, alignment->seconds).value_or(alignment->seconds), control);
      } else if (const auto* phase = std::get_if<PhaseEvent>(&event)) {
        // Pauses and ends are the engine's own to tell; the last end decides, for a run may have been resumed.
        const bool ends = isFinal(phase->phase);
        if (ends) end = phase;
        if (ends || phase->phase == Phase::Paused) continue;
        end = nullptr;
      }
      control.emit(event);
    }
    if (end != nullptr && end->phase == Phase::Stopped) throw stopped();
    if (end != nullptr && end->phase == Phase::Failed) throw failure({}, end->title);
  }

 private:
  /// Lets the recorded time pass, in slices so that a new speed is taken up.
  void pass(double seconds, RunControl& control) const {
    constexpr double kSlice = 0.1;
    while (seconds > 0) {
      control.proceed();
      const double speed = std::max(speed_->load(), 1e-6);
      const double slice = std::min(kSlice, seconds / speed);
      if (slice > 0) control.sleep(std::chrono::duration<double>(slice));
      seconds -= kSlice * speed;
    }
    control.proceed();
  }

  std::vector<Event> events_;
  std::shared_ptr<const ReplaySpeed> speed_;
};

}  // namespace

std::unique_ptr<Engine> makeReplayEngine(std::vector<Event> events, std::shared_ptr<const ReplaySpeed> speed) {
  return std::make_unique<ThreadEngine>(Replay(std::move(events), std::move(speed)));
}

}  // namespace interleave
