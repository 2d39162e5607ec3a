// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>

#include "backend/core/events.h"

namespace interleave {

/// How long a unit of something takes, told from its last ones: at least eight, and those of the last twenty seconds.
/// Times are any clock's that does not go back. Not thread-safe.
class RecentPace {
 public:
  /// So much is done by now. Going back begins anew.
  void observe(double done, double at);
  void clear() { samples_.clear(); }

  bool known() const { return samples_.size() > 1 && samples_.back().done > samples_.front().done; }
  /// Seconds a unit; one under way that takes longer than its forerunners counts for as long as it has taken. Only
  /// where it is known().
  double secondsPer(double now) const;
  double done() const { return samples_.empty() ? 0 : samples_.back().done; }
  double at() const { return samples_.empty() ? 0 : samples_.back().at; }

 private:
  struct Sample {
    double done, at;
  };
  std::deque<Sample> samples_;
};

/// How long a run still takes, as a whole: its bank where it makes one, its steps at the pace of the last ones, and
/// what comes behind them. It stands still while the run is paused. Not thread-safe.
class TimeLeft {
 public:
  /// Of a run that begins now, or goes on. `seconds_per_step`: as runs like it took, if any did.
  TimeLeft(const RunSpec& run, std::optional<double> seconds_per_step, double now);
  void observe(const Event& event, double now);

  struct Left {
    double seconds = -1;  ///< Below 0: not known. Never 0 before the run has ended.
    bool rough = false;   ///< Some of it by how much it computes (see work.h): nothing like it has been timed.
  };
  Left left(double now) const;
  double elapsed(double now) const { return working(now); }  ///< Since it began, pauses left out.

 private:
  double working(double now) const;  ///< The time that the run has worked for.
  double secondsAfterSteps() const;
  std::optional<double> secondsPerStep(double at, bool& rough) const;
  Left leftOfSearch(double at) const;

  RunSpec run_;
  std::optional<double> like_it_;
  double began_, paused_ = 0;  ///< paused_: in all, until the last pause's end.
  std::optional<double> paused_since_;
  Phase phase_ = Phase::Loading;
  std::string title_;
  int layers_ = 0;
  std::int64_t bank_steps_ = 0, steps_ = 0;
  bool bank_done_ = false, stepped_ = false;
  double part_began_ = 0;            ///< Of what is reported now, in working().
  RecentPace bank_, search_, part_;  ///< Steps, steps, fractions.
  double bank_began_ = 0;
};

}  // namespace interleave
