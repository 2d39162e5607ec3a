// SPDX-License-Identifier: GPL-3.0-or-later
#include "tests/engine/collecting_sink.h"

#include <algorithm>

namespace interleave {

void CollectingSink::onEvent(const Event& event) {
  {
    const std::lock_guard guard(mutex_);
    events_.push_back(event);
  }
  came_.notify_all();
}

std::vector<Event> CollectingSink::events() const {
  const std::lock_guard guard(mutex_);
  return events_;
}

bool CollectingSink::waitFor(const std::function<bool(const Event&)>& wanted) const {
  std::unique_lock guard(mutex_);
  return came_.wait_for(guard, std::chrono::seconds(10), [&] { return std::ranges::any_of(events_, wanted); });
}

bool CollectingSink::waitForPhase(Phase phase) const {
  return waitFor([phase](const Event& event) {
    const auto* typed = std::get_if<PhaseEvent>(&event);
    return typed != nullptr && typed->phase == phase;
  });
}

bool CollectingSink::waitForStep(std::int64_t step) const {
  return waitFor([step](const Event& event) {
    const auto* typed = std::get_if<StepEvent>(&event);
    return typed != nullptr && typed->step >= step;
  });
}

}  // namespace interleave
