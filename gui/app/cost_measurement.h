// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QObject>
#include <vector>

#include "backend/core/events.h"
#include "gui/app/evaluation_queue.h"

namespace interleave::gui {

/// What placements, and the teacher in turn with each, cost on this machine, as they were measured or as the run shown
/// tells. Measuring is a job. Lives in the window's thread.
class CostMeasurement final : public QObject {
  Q_OBJECT
 public:
  /// `make_request` says which model and bank are meant, as for an evaluation.
  CostMeasurement(Workshop& workshop, JobList& jobs, EvaluationQueue::RequestMaker make_request)
      : workshop_(workshop), jobs_(jobs), make_request_(std::move(make_request)) {}

  void measure(const EvaluationQueue::Wanted& what);  ///< With the model and bank of now; none: nothing happens.
  void know(std::vector<CostEvent> costs);            ///< Of the run shown, instead of those of another.
  void forget();                                      ///< Another model or bank is shown.

  bool running() const;
  const CostEvent* of(const Placement& placement) const;  ///< The newest measured here, else the run's; null: none.

 Q_SIGNALS:
  void changed();
  void measured(const CostEvent& cost, const std::shared_ptr<RunRecord>& result_of);  ///< As in Wanted.

 private:
  Workshop& workshop_;
  JobList& jobs_;
  EvaluationQueue::RequestMaker make_request_;
  std::vector<CostEvent> of_run_, measured_;
};

}  // namespace interleave::gui
