// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QObject>
#include <QString>
#include <QTimer>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "gui/app/workshop.h"
#include "gui/model/job_list.h"
#include "gui/model/placement_book.h"
#include "gui/model/run_record.h"

namespace interleave::gui {

/// Judges placements in the background, one after another; results land in the placement book. One that fails is told
/// by the job list, and the next one begins. Asking anew drops what is under way and what waits.
class EvaluationQueue final : public QObject {
  Q_OBJECT
 public:
  struct Manner {
    QString slot;             ///< Of its jobs.
    int rest = 0;             ///< Milliseconds without a new wish before it begins (typing, dragging).
    bool skip_known = false;  ///< Leaves alone what has been measured of a placement.
    std::int64_t text_tokens = 0, prompts = 0;  ///< 0: as many as the request says.
    /// Tasks that are measured one after the other, so that the first are shown soon; none: all at once.
    std::vector<std::vector<std::string>> parts = {};
  };
  struct Wanted {
    QString label;
    Placement placement;
    std::shared_ptr<RunRecord> result_of;  ///< The run whose result it is; null: of none.
    std::string healed = {};               ///< As KnownPlacement has it.
    std::vector<std::string> tasks = {};   ///< Empty: those of the request.
  };
  /// Makes the request of an evaluation, or nothing while there is no model to judge with.
  using RequestMaker = std::function<std::optional<Workbench::EvaluationRequest>()>;

  EvaluationQueue(Workshop& workshop, JobList& jobs, PlacementBook& book, Manner manner, RequestMaker make_request);

  /// In this order, with the model and bank of now. None: stops.
  void want(std::vector<Wanted> placements);
  std::string manner() const;  ///< As ScoreEvent has it, of what would be asked for now; empty: nothing can be.
  bool busy() const { return jobs_.running(manner_.slot) || rest_.isActive(); }

 Q_SIGNALS:
  void judged(const ScoreEvent& result, const std::shared_ptr<RunRecord>& result_of);  ///< The book has it.

 private:
  void next();

  Workshop& workshop_;
  JobList& jobs_;
  PlacementBook& book_;
  Manner manner_;
  RequestMaker make_request_;
  QTimer rest_;
  std::vector<Wanted> waiting_;
  std::optional<Workbench::EvaluationRequest> request_;  // of those waiting
};

}  // namespace interleave::gui
