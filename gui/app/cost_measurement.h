// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QObject>
#include <vector>

#include "backend/core/measured_cost.h"
#include "gui/app/evaluation_queue.h"

namespace interleave::gui {

/// What the placement measured last, and the teacher beside it, cost on this machine. Measuring is a job. Lives in the
/// window's thread.
class CostMeasurement final : public QObject {
  Q_OBJECT
 public:
  /// `make_request` says which model and bank are meant, as for an evaluation.
  CostMeasurement(Workshop& workshop, JobList& jobs, EvaluationQueue::RequestMaker make_request)
      : workshop_(workshop), jobs_(jobs), make_request_(std::move(make_request)) {}

  void measure(const Placement& placement);  ///< With the model and bank of now; none: nothing happens.
  void forget();                             ///< Another model or bank is shown.

  bool running() const;
  const std::vector<MeasuredCost>& costs() const { return costs_; }  ///< The teacher's first; empty: none measured.

 Q_SIGNALS:
  void changed();

 private:
  Workshop& workshop_;
  JobList& jobs_;
  EvaluationQueue::RequestMaker make_request_;
  std::vector<MeasuredCost> costs_;
};

}  // namespace interleave::gui
