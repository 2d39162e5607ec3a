// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <vector>

#include "backend/core/events.h"

namespace interleave {

/// Keeps every event, and lets a test wait for one.
class CollectingSink final : public EventSink {
 public:
  void onEvent(const Event& event) override;
  std::vector<Event> events() const;
  /// Waits until an event for which `wanted` holds has come; false after ten seconds.
  bool waitFor(const std::function<bool(const Event&)>& wanted) const;
  bool waitForPhase(Phase phase) const;
  bool waitForStep(std::int64_t step) const;  ///< Or a later one.

  template <class T>
  std::vector<T> all() const {
    std::vector<T> found;
    for (const Event& event : events()) {
      if (const auto* typed = std::get_if<T>(&event)) found.push_back(*typed);
    }
    return found;
  }

 private:
  mutable std::mutex mutex_;
  mutable std::condition_variable came_;
  std::vector<Event> events_;
};

}  // namespace interleave
