// SPDX-License-Identifier: GPL-3.0-or-later
#include "backend/engine/mailbox.h"

#include <algorithm>
#include <utility>

namespace interleave {
namespace {

/// Drops every second value when there are more than `capacity`; the first and the newest stay. How many went.
template <class T>
std::int64_t thin(std::vector<T>& values, std::size_t capacity) {
  if (values.size() <= capacity) return 0;
  const std::size_t before = values.size(), newest = before - 1;
  std::size_t kept = 0;
  for (std::size_t i = 0; i < before; ++i) {
    if (i % 2 != 0 && i != newest) continue;
    if (i != kept) values[kept] = std::move(values[i]);
    ++kept;
  }
  values.resize(kept);
  return static_cast<std::int64_t>(before - kept);
}

/// Drops the older half of the log lines, and of the rest as well when that is not enough.
std::int64_t shorten(std::vector<Event>& events, std::size_t capacity) {
  if (events.size() <= capacity) return 0;
  const std::size_t before = events.size();
  std::size_t index = 0;
  std::erase_if(events,
                [&](const Event& event) { return index++ < before / 2 && std::holds_alternative<LogEvent>(event); });
  if (events.size() > capacity) {
    events.erase(events.begin(), events.begin() + static_cast<std::ptrdiff_t>(events.size() / 2));
  }
  return static_cast<std::int64_t>(before - events.size());
}

}  // namespace

void Mailbox::onEvent(const Event& event) {
  if (const auto* step = std::get_if<StepEvent>(&event)) {
    StepEvent copy = *step;
    copy.checkpoint = {};
    const std::lock_guard guard(mutex_);
    contents_.steps.push_back(std::move(copy));
    contents_.dropped += thin(contents_.steps, capacity_);
  } else if (const auto* alignment = std::get_if<AlignmentEvent>(&event)) {
    AlignmentEvent copy = *alignment;
    const std::lock_guard guard(mutex_);
    contents_.alignments.push_back(std::move(copy));
    contents_.dropped += thin(contents_.alignments, capacity_);
  } else if (const auto* phase = std::get_if<PhaseEvent>(&event)) {
    PhaseEvent copy = *phase;
    const std::lock_guard guard(mutex_);
    contents_.phase = std::move(copy);
  } else {
    Event copy = event;
    const std::lock_guard guard(mutex_);
    contents_.rare.push_back(std::move(copy));
    contents_.dropped += shorten(contents_.rare, capacity_);
  }
}

MailboxContents Mailbox::take() {
  MailboxContents taken;
  const std::lock_guard guard(mutex_);
  std::swap(taken, contents_);
  return taken;
}

}  // namespace interleave
