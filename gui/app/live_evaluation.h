// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QObject>
#include <QTimer>
#include <functional>
#include <optional>
#include <vector>

#include "gui/app/workshop.h"
#include "gui/model/job_list.h"
#include "gui/model/placement_book.h"

namespace interleave::gui {

/// Judges placements in the background, one at a time, the one wanted last first. Asking anew drops what is under way;
/// results land in the placement book.
class LiveEvaluation final : public QObject {
  Q_OBJECT
 public:
  LiveEvaluation(Workshop& workshop, JobList& jobs, PlacementBook& book, QObject* parent = nullptr);

  struct Wanted {
    QString label;
    Placement placement;
  };
  /// Makes the request of an evaluation, or nothing while there is no model to judge with.
  using RequestMaker = std::function<std::optional<Workbench::EvaluationRequest>()>;
  void setRequestMaker(RequestMaker make) { make_request_ = std::move(make); }

  /// After a short rest (typing, dragging): those without scores, in this order, with few samples.
  void want(std::vector<Wanted> placements);
  /// At once, with the full number of samples, also those that have scores.
  void judge(std::vector<Wanted> placements);
  bool busy() const;

 private:
  void next();

  Workshop& workshop_;
  JobList& jobs_;
  PlacementBook& book_;
  RequestMaker make_request_;
  QTimer rest_;
  std::vector<Wanted> queue_;  // first one next
  bool full_ = false;
};

}  // namespace interleave::gui
