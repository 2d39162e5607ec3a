// SPDX-License-Identifier: GPL-3.0-or-later
#include "gui/model/run_model.h"

#include <algorithm>
#include <utility>

namespace interleave::gui {

void RunModel::show(std::shared_ptr<RunRecord> record) {
  record_ = std::move(record);
  following_ = true;
  held_ = 0;
  kept_ = -1;
  Q_EMIT shownChanged();
  Q_EMIT changed();
}

void RunModel::recordChanged() { Q_EMIT changed(); }

int RunModel::position() const {
  const int last = static_cast<int>(record_->steps.size()) - 1;
  if (following_ || last < 0) return last;
  // The newest at or before the step held, which may have been thinned out.
  const auto after = std::ranges::upper_bound(record_->steps, held_, {}, &StepEvent::step);
  return std::max(static_cast<int>(after - record_->steps.begin()) - 1, 0);
}

void RunModel::setPosition(int position) {
  const int last = static_cast<int>(record_->steps.size()) - 1;
  const int wanted = std::clamp(position, 0, std::max(last, 0));
  const bool follow = wanted >= last;
  if (wanted == this->position() && follow == following_) return;
  held_ = last < 0 ? 0 : record_->steps[static_cast<std::size_t>(wanted)].step;
  following_ = follow;
  Q_EMIT changed();
}

const StepEvent* RunModel::step() const {
  return position() < 0 ? nullptr : &record_->steps[static_cast<std::size_t>(position())];
}

const StepEvent* RunModel::previousStep() const {
  return position() < 1 ? nullptr : &record_->steps[static_cast<std::size_t>(position() - 1)];
}

int RunModel::kept() const { return kept_ >= 0 ? kept_ : placement().fullCount(); }

void RunModel::setKept(int kept) {
  if (kept == kept_) return;
  kept_ = kept;
  Q_EMIT changed();
}

Placement RunModel::placement() const {
  // A finished run proposes placements (perhaps repaired); the first is for the budget that was asked for. A fork from
  // a run's end has them, and no step.
  const StepEvent* at = step();
  if (placementIsFound() || (at == nullptr && !record_->placements.empty())) {
    return record_->placements.front().placement;
  }
  return at == nullptr ? Placement() : placementAt(*at);
}

Placement RunModel::placementBefore() const {
  const StepEvent* before = previousStep();
  return before == nullptr || placementIsFound() ? Placement() : placementAt(*before);
}

Placement RunModel::placementAt(const StepEvent& step) const {
  return kept_ < 0 ? step.if_stopped_now : keepLargest(step, kept_, pinsAt(record_->changes, step.step));
}

}  // namespace interleave::gui
