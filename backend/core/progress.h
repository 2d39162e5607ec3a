// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <string>
#include <string_view>

#include "backend/core/error.h"

namespace interleave {

/// What a long job tells its owner, and how the owner stops it. report() is called by the job's own thread, which it
/// may hold while the job is paused; stopRequested() by any of its threads, often enough to act within seconds.
class Progress {
 public:
  virtual ~Progress() = default;
  virtual void report(std::string_view title, double fraction) = 0;  ///< fraction in [0, 1]; below 0: unknown.
  virtual bool stopRequested() const = 0;
  /// Something is odd and the job goes on all the same; the same line may come again. Who keeps no log lets it go.
  virtual void warn(const std::string& line) { static_cast<void>(line); }
  void throwIfStopped() const {
    if (stopRequested()) throw stopped();
  }
};

/// For callers who neither watch nor stop.
class NoProgress final : public Progress {
 public:
  void report(std::string_view, double) override {}
  bool stopRequested() const override { return false; }
};

}  // namespace interleave
