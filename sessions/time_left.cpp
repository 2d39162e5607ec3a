// SPDX-License-Identifier: GPL-3.0-or-later
#include "sessions/time_left.h"

#include <algorithm>
#include <cmath>

#include "sessions/pace.h"
#include "sessions/work.h"

namespace interleave {
namespace {

constexpr std::size_t kLeastSamples = 9;       // so many ends have eight units between them
constexpr double kWindow = 20, kApart = 0.25;  // seconds
constexpr double kLeast = 1;                   // of a run that has not ended

}  // namespace

void RecentPace::observe(double done, double at) {
  if (!samples_.empty() && done < samples_.back().done) samples_.clear();
  if (!samples_.empty() && done == samples_.back().done) return;
  // Of those that come close together the newest stands for all, and the first for the beginning.
  if (samples_.size() > kLeastSamples && at - samples_[samples_.size() - 2].at < kApart) samples_.pop_back();
  samples_.push_back({done, at});
  while (samples_.size() > kLeastSamples && at - samples_[1].at >= kWindow) samples_.pop_front();
}

double RecentPace::secondsPer(double now) const {
  const Sample &first = samples_.front(), &last = samples_.back();
  const double pace = (last.at - first.at) / (last.done - first.done), since = now - last.at;
  const double unit = (last.done - first.done) / static_cast<double>(samples_.size() - 1);  // as they come
  return since <= pace * unit ? pace : (last.at - first.at + since) / (last.done - first.done + unit);
}

TimeLeft::TimeLeft(const RunSpec& run, std::optional<double> seconds_per_step, double now)
    : run_(run), like_it_(seconds_per_step), began_(now) {
  if (run.resume_from) search_.observe(static_cast<double>(run.resume_from->step), 0);
}

double TimeLeft::working(double now) const {
  return std::max(0.0, (paused_since_ ? *paused_since_ : now) - began_ - paused_);
}

void TimeLeft::observe(const Event& event, double now) {
  if (const auto* phase = std::get_if<PhaseEvent>(&event)) {
    if (phase->phase == Phase::Paused) {
      if (!paused_since_) paused_since_ = now;
      return;
    }
    if (paused_since_) paused_ += now - *std::exchange(paused_since_, std::nullopt);
    const double at = working(now);
    if (phase->phase == Phase::Searching && phase_ != Phase::Searching && !stepped_) {
      search_.clear();
      search_.observe(run_.resume_from ? static_cast<double>(run_.resume_from->step) : 0, at);
    }
    if (phase->phase != phase_ || phase->title != title_) {
      part_.clear();
      part_began_ = at;
      bank_done_ = bank_done_ ||
                   (phase_ == Phase::Preparing && bank_steps_ > 0 && bank_.done() >= static_cast<double>(bank_steps_));
    }
    phase_ = phase->phase;
    title_ = phase->title;
    if (phase->fraction >= 0) part_.observe(phase->fraction, at);
    return;
  }
  const double at = working(now);
  if (const auto* facts = std::get_if<EnvironmentEvent>(&event)) {
    layers_ = facts->layers;
  } else if (const auto* step = std::get_if<StepEvent>(&event)) {
    stepped_ = true;
    steps_ = step->steps;
    search_.observe(static_cast<double>(step->step), at);
  } else if (const auto* alignment = std::get_if<AlignmentEvent>(&event)) {
    if (alignment->held_out || alignment->steps <= 0) return;
    if (bank_steps_ == 0) bank_began_ = at;
    bank_steps_ = alignment->steps;
    bank_.observe(static_cast<double>(alignment->step), at);
  }
}

std::optional<double> TimeLeft::secondsPerStep(double at, bool& rough) const {
  if (search_.known()) return search_.secondsPer(at);
  if (like_it_) return like_it_;
  const double bank_work = workOfBank(run_.bank_settings), step_work = workOfStep(run_, layers_);
  if (!bank_.known() || bank_work <= 0 || step_work <= 0) return std::nullopt;
  rough = true;
  return bank_.secondsPer(bank_.at()) * static_cast<double>(bank_steps_) / bank_work * step_work;
}

/// What comes behind the steps, by what these have taken.
double TimeLeft::secondsAfterSteps() const {
  bool rough = false;
  const std::optional<double> step = secondsPerStep(search_.at(), rough);
  const double work = workOfStep(run_, layers_);
  return step && work > 0 ? *step / work * workAfterSteps(run_, layers_) : 0;
}

TimeLeft::Left TimeLeft::leftOfSearch(double at) const {
  Left left;
  const std::optional<std::int64_t> planned = steps_ > 0 ? std::optional(steps_) : plannedSteps(run_, layers_);
  const std::optional<double> step = secondsPerStep(at, left.rough);
  if (!planned || !step) return left;
  const double steps = std::max(0.0, static_cast<double>(*planned) - search_.done());
  const double under_way = stepped_ && steps > 0 ? std::min(at - search_.at(), *step) : 0;
  const double after = secondsAfterSteps();
  left.rough = left.rough || after > 0;
  left.seconds = steps * *step - under_way + after;
  return left;
}

TimeLeft::Left TimeLeft::left(double now) const {
  const double at = working(now);
  if (isFinal(phase_)) return {0, false};
  Left left;
  if (phase_ == Phase::Preparing) {
    const double after =
        workOfBank(run_.bank_settings) > 0 ? workAfterBank(run_.bank_settings) / workOfBank(run_.bank_settings) : 0;
    if (!bank_.known()) return left;
    const double all = bank_.secondsPer(at) * static_cast<double>(bank_steps_), since = at - bank_.at();
    const double steps = std::max(0.0, static_cast<double>(bank_steps_) - bank_.done());
    const Left search = leftOfSearch(at);
    if (search.seconds < 0) return left;
    double bank = steps / static_cast<double>(bank_steps_) * all + all * after - since;
    if (steps == 0 && part_.known()) bank = (1 - part_.done()) * part_.secondsPer(at) - (at - part_.at());
    left = {std::max(0.0, bank) + search.seconds, search.rough || after > 0};
  } else if (phase_ == Phase::Searching && (!stepped_ || search_.done() < static_cast<double>(steps_))) {
    left = leftOfSearch(at);
  } else if (part_.known()) {
    left.seconds = (1 - part_.done()) * part_.secondsPer(at) - (at - part_.at());
  } else if (stepped_) {
    left = {secondsAfterSteps() - (at - std::max(search_.at(), part_began_)), true};
  } else {
    return left;
  }
  left.seconds = std::max(left.seconds, kLeast);
  return left;
}

}  // namespace interleave
