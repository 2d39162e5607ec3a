// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "backend/core/progress.h"
#include "backend/engine/engine.h"
#include "backend/engine/turns.h"

namespace interleave {

/// What the body of a run sees of its engine, on the engine's thread. As a Progress it reports into the phase that was
/// entered last.
class RunControl final : public Progress {
 public:
  RunControl(const RunSpec& spec, EventSink& sink, Turns* turns = nullptr);

  void emit(const Event& event);
  /// Says that a part of the run begins.
  void enter(Phase phase, std::string title);
  void report(std::string_view title, double fraction) override;
  bool stopRequested() const override;
  void warn(const std::string& line) override { emit(LogEvent{LogEvent::Level::Warning, line}); }

  /// Between two steps: lets jobs have their turn, and holds while the run is paused; a Stopped error when it shall
  /// stop.
  void proceed();
  /// The changes that step `step` is the first to see, their step filled in: those that the specification repeats, then
  /// those asked for since. Whoever takes one over tells it as an InterventionEvent; one that is refused leaves no
  /// trace in the run's history.
  std::vector<Intervention> takeInterventions(std::int64_t step);
  /// Only those asked for since, as they are.
  std::vector<Intervention> takeAsked();
  /// Waits, but not longer than until someone wants it to hold or to stop.
  void sleep(std::chrono::duration<double> time);

 private:
  friend class ThreadEngine;
  PhaseEvent phaseEvent(double fraction) const;
  void hold(std::unique_lock<std::mutex>& guard);
  void rest();
  bool wanted() const;  ///< To hold, or to stop.

  EventSink& sink_;
  Turns* turns_;
  std::vector<Intervention> repeated_;
  Outcome outcome_;  // What the events told so far.
  Phase phase_ = Phase::Loading;
  std::string title_;
  std::chrono::steady_clock::time_point phase_began_ = std::chrono::steady_clock::now();

  mutable std::mutex mutex_;  // Guards what follows.
  std::condition_variable changed_;
  bool stop_ = false, pause_ = false;
  std::vector<Intervention> asked_;
};

/// The engine's contract around any body: a thread, pause, resume, stop, changes, and the outcome. The body runs from
/// loading to the end; what it throws is how the run failed or, with kind Stopped, that it stopped. The last event of a
/// run is always its PhaseEvent Done, Stopped or Failed, and comes from here.
class ThreadEngine final : public Engine {
 public:
  using Body = std::function<void(const RunSpec& spec, RunControl& control)>;
  /// The run takes turns with the jobs that `turns` knows; null: there are none.
  explicit ThreadEngine(Body body, std::shared_ptr<Turns> turns = nullptr)
      : body_(std::move(body)), turns_(std::move(turns)) {}
  ~ThreadEngine() override;

  void start(RunSpec spec, EventSink& sink) override;
  void intervene(Intervention change) override;  ///< Dropped when no run goes on.
  void pause() override;
  void resume() override;
  void stop() override;
  Outcome wait() override;  ///< Usage error when nothing was started.

 private:
  void run(const RunSpec& spec, RunControl& control);
  template <class Change>
  void tell(Change change);

  const Body body_;
  const std::shared_ptr<Turns> turns_;
  std::mutex mutex_;  // Guards what follows.
  std::condition_variable finished_;
  std::unique_ptr<RunControl> control_;  // Of the run that goes on or was the last.
  bool running_ = false;
  std::thread thread_;
};

}  // namespace interleave
