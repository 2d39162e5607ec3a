// SPDX-License-Identifier: GPL-3.0-or-later
#include "gui/app/cost_measurement.h"

#include <algorithm>
#include <utility>

namespace interleave::gui {
namespace {

QString costSlot() { return QStringLiteral("cost"); }

}  // namespace

void CostMeasurement::measure(const EvaluationQueue::Wanted& what) {
  const std::optional<Workbench::EvaluationRequest> of = make_request_();
  if (!of) return;
  const Workbench::CostRequest request{.model = of->model, .candidates = of->candidates, .execution = of->execution};
  jobs_.start(tr("Measure cost, K = %1").arg(what.placement.fullCount()), costSlot(),
              [this, &workshop = workshop_, request, what](Progress& progress) -> std::function<void()> {
                const auto found = workshop.measureCost(request, std::span(&what.placement, 1), progress);
                return [this, event = CostEvent{what.label.toStdString(), found.back(), found.front()},
                        result_of = what.result_of] {
                  costs_.push_back(event);
                  Q_EMIT changed();
                  Q_EMIT measured(event, result_of);
                };
              });
}

void CostMeasurement::know(const std::vector<CostEvent>& costs) {
  if (costs.empty()) return;
  costs_.insert(costs_.end(), costs.begin(), costs.end());
  Q_EMIT changed();
}

const CostEvent* CostMeasurement::of(const Placement& placement) const {
  const auto found = std::ranges::find(costs_.rbegin(), costs_.rend(), placement,
                                       [](const auto& event) { return event.cost.placement; });
  return found == costs_.rend() ? nullptr : &*found;
}

void CostMeasurement::forget() {
  jobs_.cancelSlot(costSlot());
  if (costs_.empty()) return;
  costs_.clear();
  Q_EMIT changed();
}

bool CostMeasurement::running() const { return jobs_.running(costSlot()); }

}  // namespace interleave::gui
