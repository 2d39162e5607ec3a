// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "backend/core/events.h"

namespace interleave {

/// A row of the table `events`: any event but a step, a score event being a row for each task.
struct EventRow {
  std::size_t kind = 0;   ///< Index in Event.
  std::string topic;      ///< A newer event of the same topic replaces those from its step on; "": it replaces nothing.
  std::int64_t step = 0;  ///< Of the run or the preparation; 0 when the event has none.
  std::string data;       ///< JSON; numbers that are not finite are null (NaN), "inf" and "-inf".
};

template <class T>
inline constexpr std::size_t kEventKind = [] {
  std::size_t kind = 0;
  [&]<std::size_t... I>(std::index_sequence<I...>) {
    ((std::is_same_v<std::variant_alternative_t<I, Event>, T> ? kind = I : 0), ...);
  }
  (std::make_index_sequence<std::variant_size_v<Event>>{});
  return kind;
}();

std::vector<EventRow> rowsOf(const Event& event);  ///< None for a step.

/// The event of a row. BadInput naming `place`.
Event eventFrom(std::size_t kind, const std::string& data, const std::string& place);

/// Joins a score event that was split with the tasks that follow it; false when `next` is of another placement.
bool join(ScoreEvent& event, const ScoreEvent& next);

}  // namespace interleave
