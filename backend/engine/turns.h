// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <string_view>

#include "backend/core/progress.h"

namespace interleave {

/// How much of the time jobs may have beside a run. What a job takes beyond it is a debt: the run then works for long
/// enough that the share holds over both.
class TurnRule {
 public:
  explicit TurnRule(double share) : share_(share) {}
  /// The run has worked for so long; while no job waits nothing is saved up for one.
  void runWorked(double seconds, bool wanted);
  void jobWorked(double seconds) { credit_ -= seconds; }
  bool jobIsDue() const { return credit_ > 0; }
  bool jobIsOver(double seconds) const { return seconds >= credit_; }  ///< After so many seconds of its turn.

 private:
  double share_, credit_ = 0;
};

/// A run and the jobs beside it take turns: either fills the machine by itself, and both at once are slower than one
/// after the other. Jobs come one at a time, compute freely while no run does, and else between two of its steps, as
/// TurnRule says. Any thread.
class Turns {
 public:
  /// Over the whole; a piece of work that cannot be interrupted may take longer, and is made up for.
  static constexpr double kShare = 0.1;

  struct State {
    bool run = false;  ///< A run computes: one goes on, and is not paused.
    int jobs = 0;      ///< That compute, or wait.
  };
  State state() const;

  /// On the run's thread: it computes from now on, …
  void runBegins(const std::function<bool()>& hurry);
  /// … comes between two steps, where a job may have its turn; returns when the run is to go on, or `hurry` says that
  /// it has something else to do, …
  void runRests(const std::function<bool()>& hurry);
  void runEnds();  ///< … and does not compute any more: it holds, or has ended.

 private:
  friend class TurnProgress;
  using Clock = std::chrono::steady_clock;
  void giveTurn(std::unique_lock<std::mutex>& guard, const std::function<bool()>& hurry);
  void takeTurnBack();

  mutable std::mutex mutex_;  // guards what follows
  std::condition_variable changed_;
  TurnRule rule_{kShare};
  bool run_ = false;   // it computes
  bool seat_ = false;  // a job has begun
  bool turn_ = false;  // it has its turn beside the run
  int jobs_ = 0;       // that are there
  int waiting_ = 0;    // threads of theirs that hold
  Clock::time_point run_since_{}, turn_since_{};
};

/// A job's progress that holds where it is not the job's turn. Made on the job's thread before it computes, for as long
/// as it does; throws Stopped when it is stopped before its first turn.
class TurnProgress final : public Progress {
 public:
  /// At: where it may hold. Of what is timed only where it reports: anything else would be part of the time.
  enum class At { Anywhere, Reports };
  TurnProgress(Turns& turns, Progress& inner, At at = At::Anywhere);
  ~TurnProgress() override;
  TurnProgress(const TurnProgress&) = delete;
  TurnProgress& operator=(const TurnProgress&) = delete;

  void report(std::string_view title, double fraction) override;
  bool stopRequested() const override;
  void warn(const std::string& line) override { inner_.warn(line); }

 private:
  void hold(double grace) const;

  Turns& turns_;
  Progress& inner_;
  At at_;
};

}  // namespace interleave
