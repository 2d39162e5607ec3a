// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstddef>
#include <cstdint>
#include <mutex>
#include <optional>
#include <vector>

#include "backend/core/events.h"

namespace interleave {

/// What a window needs of a run, taken once a frame: the newest of what only the newest counts for, all of what is
/// rare, and the steps in order, thinned deterministically when the window falls behind.
struct MailboxContents {
  std::vector<StepEvent> steps;  ///< In order, without their checkpoints; the newest is always there.
  std::vector<AlignmentEvent> alignments;
  std::vector<Event>
      rare;  ///< Placement, score, layer score, trial, intervention, environment and log events, in order.
  std::optional<PhaseEvent> phase;  ///< The newest.
  std::int64_t dropped = 0;         ///< Steps thinned out and rare events lost since the last take.
  bool empty() const { return steps.empty() && alignments.empty() && rare.empty() && !phase && dropped == 0; }
};

/// Between an engine's thread and a window: the engine writes and never waits, the window takes once a frame. Bounded:
/// when more than `capacity` steps wait, every second one is dropped. Guarded by one mutex, held only to move values.
class Mailbox final : public EventSink {
 public:
  explicit Mailbox(std::size_t capacity = 4096) : capacity_(capacity) {}
  void onEvent(const Event& event) override;
  MailboxContents take();

 private:
  std::size_t capacity_;
  std::mutex mutex_;
  MailboxContents contents_;  // guarded by mutex_
};

/// Hands each event to several sinks in turn. The list is fixed at construction.
class FanOut final : public EventSink {
 public:
  explicit FanOut(std::vector<EventSink*> sinks) : sinks_(std::move(sinks)) {}
  void onEvent(const Event& event) override {
    for (EventSink* sink : sinks_) sink->onEvent(event);
  }

 private:
  std::vector<EventSink*> sinks_;
};

}  // namespace interleave
