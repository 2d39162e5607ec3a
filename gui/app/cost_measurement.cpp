// SPDX-License-Identifier: GPL-3.0-or-later
#include "gui/app/cost_measurement.h"

#include <utility>

namespace interleave::gui {
namespace {

QString costSlot() { return QStringLiteral("cost"); }

}  // namespace

void CostMeasurement::measure(const Placement& placement) {
  const std::optional<Workbench::EvaluationRequest> of = make_request_();
  if (!of) return;
  const Workbench::CostRequest request{.model = of->model, .candidates = of->candidates, .execution = of->execution};
  jobs_.start(tr("Measure cost, K = %1").arg(placement.fullCount()), costSlot(),
              [this, &workshop = workshop_, request, placement](Progress& progress) -> std::function<void()> {
                auto found = workshop.measureCost(request, std::span(&placement, 1), progress);
                return [this, found = std::move(found)] {
                  costs_ = found;
                  Q_EMIT changed();
                };
              });
}

void CostMeasurement::forget() {
  jobs_.cancelSlot(costSlot());
  if (costs_.empty()) return;
  costs_.clear();
  Q_EMIT changed();
}

bool CostMeasurement::running() const { return jobs_.running(costSlot()); }

}  // namespace interleave::gui
