// SPDX-License-Identifier: GPL-3.0-or-later
#include "backend/engine/thread_engine.h"

#include <algorithm>
#include <memory>
#include <utility>

namespace interleave {

RunControl::RunControl(const RunSpec& spec, EventSink& sink, Turns* turns)
    : sink_(sink), turns_(turns), repeated_(spec.interventions) {
  outcome_.step = spec.resume_from ? spec.resume_from->step : 0;
  std::erase_if(repeated_, [&](const Intervention& change) { return change.step <= outcome_.step; });
}

void RunControl::emit(const Event& event) {
  if (const auto* step = std::get_if<StepEvent>(&event)) outcome_.step = step->step;
  if (const auto* placement = std::get_if<PlacementEvent>(&event)) outcome_.placements.push_back(*placement);
  if (const auto* phase = std::get_if<PhaseEvent>(&event)) {
    phase_ = phase->phase;
    title_ = phase->title;
  }
  sink_.onEvent(event);
}

void RunControl::enter(Phase phase, std::string title) {
  phase_ = phase;
  title_ = std::move(title);
  phase_began_ = std::chrono::steady_clock::now();
  emit(phaseEvent(-1));
}

void RunControl::report(std::string_view title, double fraction) {
  title_ = title;
  emit(phaseEvent(fraction));
  rest();
  std::unique_lock guard(mutex_);
  if (pause_ && !stop_) hold(guard);
}

PhaseEvent RunControl::phaseEvent(double fraction) const {
  PhaseEvent event{phase_, title_, fraction};
  event.elapsed = std::chrono::duration<double>(std::chrono::steady_clock::now() - phase_began_).count();
  if (fraction > 0) event.remaining = event.elapsed * (1 - fraction) / fraction;
  return event;
}

bool RunControl::stopRequested() const {
  const std::lock_guard guard(mutex_);
  return stop_;
}

bool RunControl::wanted() const {
  const std::lock_guard guard(mutex_);
  return stop_ || pause_;
}

void RunControl::rest() {
  if (turns_ != nullptr) turns_->runRests([this] { return wanted(); });
}

void RunControl::proceed() {
  rest();
  std::unique_lock guard(mutex_);
  if (pause_ && !stop_) hold(guard);
  if (stop_) throw stopped();
}

void RunControl::hold(std::unique_lock<std::mutex>& guard) {
  guard.unlock();
  const auto began = std::chrono::steady_clock::now();
  const Phase phase = std::exchange(phase_, Phase::Paused);
  emit(phaseEvent(-1));
  if (turns_ != nullptr) turns_->runEnds();
  guard.lock();
  changed_.wait(guard, [this] { return stop_ || !pause_; });
  const bool goes_on = !stop_;
  guard.unlock();
  if (turns_ != nullptr) turns_->runBegins([this] { return wanted(); });
  phase_ = phase;
  phase_began_ += std::chrono::steady_clock::now() - began;
  if (goes_on) emit(phaseEvent(-1));
  guard.lock();
}

std::vector<Intervention> RunControl::takeInterventions(std::int64_t step) {
  std::vector<Intervention> taken;
  std::ranges::copy_if(repeated_, std::back_inserter(taken), [&](const Intervention& c) { return c.step == step; });
  for (Intervention& change : takeAsked()) {
    change.step = step;
    taken.push_back(std::move(change));
  }
  return taken;
}

std::vector<Intervention> RunControl::takeAsked() {
  const std::lock_guard guard(mutex_);
  return std::exchange(asked_, {});
}

void RunControl::sleep(std::chrono::duration<double> time) {
  std::unique_lock guard(mutex_);
  changed_.wait_for(guard, time, [this] { return stop_ || pause_; });
}

ThreadEngine::~ThreadEngine() {
  stop();
  if (thread_.joinable()) thread_.join();
}

void ThreadEngine::start(RunSpec spec, EventSink& sink) {
  const std::lock_guard guard(mutex_);
  if (running_) throw usageError("engine", "a run is going on");
  if (thread_.joinable()) thread_.join();
  control_ = std::make_unique<RunControl>(spec, sink, turns_.get());
  thread_ = std::thread([this, spec = std::move(spec), &control = *control_] { run(spec, control); });
  running_ = true;  // The thread's end waits for the mutex.
}

void ThreadEngine::run(const RunSpec& spec, RunControl& control) {
  Outcome& outcome = control.outcome_;
  if (turns_) turns_->runBegins([&control] { return control.wanted(); });
  try {
    body_(spec, control);
    outcome.phase = Phase::Done;
  } catch (const Error& problem) {
    outcome.phase = problem.kind() == ErrorKind::Stopped ? Phase::Stopped : Phase::Failed;
    outcome.error = problem.kind();
    if (outcome.phase == Phase::Failed) outcome.reason = problem.what();
  } catch (const std::exception& problem) {
    outcome.phase = Phase::Failed;
    outcome.reason = problem.what();
  }
  if (turns_) turns_->runEnds();
  control.enter(outcome.phase, outcome.reason);
  const std::lock_guard guard(mutex_);
  running_ = false;
  finished_.notify_all();
}

template <class Change>
void ThreadEngine::tell(Change change) {
  const std::lock_guard guard(mutex_);
  if (!running_) return;
  {
    const std::lock_guard control_guard(control_->mutex_);
    change(*control_);
  }
  control_->changed_.notify_all();
}

void ThreadEngine::intervene(Intervention change) {
  tell([&](RunControl& control) { control.asked_.push_back(std::move(change)); });
}
void ThreadEngine::pause() {
  tell([](RunControl& control) { control.pause_ = true; });
}
void ThreadEngine::resume() {
  tell([](RunControl& control) { control.pause_ = false; });
}
void ThreadEngine::stop() {
  tell([](RunControl& control) { control.stop_ = true; });
}

Outcome ThreadEngine::wait() {
  std::unique_lock guard(mutex_);
  if (!control_) throw usageError("engine", "no run was started");
  finished_.wait(guard, [this] { return !running_; });
  return control_->outcome_;
}

}  // namespace interleave
