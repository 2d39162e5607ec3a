// SPDX-License-Identifier: GPL-3.0-or-later
#include "backend/engine/turns.h"

#include <algorithm>
#include <string>

namespace interleave {
namespace {

using Seconds = std::chrono::duration<double>;

constexpr std::chrono::milliseconds kLook{20};  // how often whoever waits looks whether it is to stop
constexpr double kGrace = 1;                    // seconds over, after which a job holds also where it does not report

}  // namespace

void TurnRule::runWorked(double seconds, bool wanted) {
  credit_ += share_ / (1 - share_) * seconds;
  if (!wanted) credit_ = std::min(credit_, 0.0);
}

Turns::State Turns::state() const {
  const std::lock_guard guard(mutex_);
  return {run_, jobs_};
}

/// Ends a job's turn beside the run.
void Turns::takeTurnBack() {
  rule_.jobWorked(Seconds(Clock::now() - turn_since_).count());
  turn_ = false;
  changed_.notify_all();
}

/// Until the job has had its turn.
void Turns::giveTurn(std::unique_lock<std::mutex>& guard, const std::function<bool()>& hurry) {
  turn_ = true;
  turn_since_ = Clock::now();
  changed_.notify_all();
  while (turn_ && !hurry()) changed_.wait_for(guard, kLook);
  if (turn_) takeTurnBack();
  run_since_ = Clock::now();
}

void Turns::runBegins(const std::function<bool()>& hurry) {
  std::unique_lock guard(mutex_);
  run_ = true;
  run_since_ = Clock::now();
  if (seat_ && waiting_ == 0) giveTurn(guard, hurry);  // it ends where the job holds next: nothing is saved up for it
}

void Turns::runRests(const std::function<bool()>& hurry) {
  std::unique_lock guard(mutex_);
  const Clock::time_point now = Clock::now();
  rule_.runWorked(Seconds(now - run_since_).count(), waiting_ > 0);
  run_since_ = now;
  if (waiting_ > 0 && rule_.jobIsDue()) giveTurn(guard, hurry);
}

void Turns::runEnds() {
  const std::lock_guard guard(mutex_);
  if (!run_) return;
  rule_.runWorked(Seconds(Clock::now() - run_since_).count(), waiting_ > 0);
  run_ = false;
  changed_.notify_all();
}

TurnProgress::TurnProgress(Turns& turns, Progress& inner, At at) : turns_(turns), inner_(inner), at_(at) {
  std::unique_lock guard(turns_.mutex_);
  ++turns_.jobs_;
  const auto waits = [&](const char* what, const auto& ready) {
    if (ready()) return;
    inner_.report(what, -1);
    ++turns_.waiting_;
    while (!ready() && !inner_.stopRequested()) turns_.changed_.wait_for(guard, kLook);
    --turns_.waiting_;
  };
  waits("waits for the job before it", [this] { return !turns_.seat_; });
  waits("waits for the run's next step", [this] { return !turns_.seat_ && (!turns_.run_ || turns_.turn_); });
  if (inner_.stopRequested()) {
    --turns_.jobs_;
    if (turns_.turn_ && !turns_.seat_) turns_.takeTurnBack();  // it was given for this one
    throw stopped();
  }
  turns_.seat_ = true;
}

TurnProgress::~TurnProgress() {
  const std::lock_guard guard(turns_.mutex_);
  if (turns_.turn_) turns_.takeTurnBack();
  turns_.seat_ = false;
  --turns_.jobs_;
  turns_.changed_.notify_all();
}

void TurnProgress::report(std::string_view title, double fraction) {
  hold(0);
  const bool beside = turns_.state().run;
  inner_.report(beside ? std::string(title) + ", beside the run" : std::string(title), fraction);
}

bool TurnProgress::stopRequested() const {
  if (at_ == At::Anywhere && !inner_.stopRequested()) hold(kGrace);
  return inner_.stopRequested();
}

void TurnProgress::hold(double grace) const {
  std::unique_lock guard(turns_.mutex_);
  if (!turns_.run_) return;
  if (turns_.turn_) {
    if (!turns_.rule_.jobIsOver(Seconds(Turns::Clock::now() - turns_.turn_since_).count() - grace)) return;
    turns_.takeTurnBack();
  }
  ++turns_.waiting_;
  while (turns_.run_ && !turns_.turn_ && !inner_.stopRequested()) turns_.changed_.wait_for(guard, kLook);
  --turns_.waiting_;
}

}  // namespace interleave
