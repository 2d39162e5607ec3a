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
                  measured_.push_back(event);
                  Q_EMIT changed();
                  Q_EMIT measured(event, result_of);
                };
              });
}

void CostMeasurement::know(std::vector<CostEvent> costs) {
  if (costs.empty() && of_run_.empty()) return;
  of_run_ = std::move(costs);
  Q_EMIT changed();
}

const CostEvent* CostMeasurement::of(const Placement& placement) const {
  for (const std::vector<CostEvent>* costs : {&measured_, &of_run_}) {
    const auto found = std::ranges::find(costs->rbegin(), costs->rend(), placement,
                                         [](const CostEvent& event) { return event.cost.placement; });
    if (found != costs->rend()) return &*found;
  }
  return nullptr;
}

void CostMeasurement::forget() {
  jobs_.cancelSlot(costSlot());
  of_run_.clear();
  measured_.clear();
  Q_EMIT changed();
}

bool CostMeasurement::running() const { return jobs_.running(costSlot()); }

}  // namespace interleave::gui
