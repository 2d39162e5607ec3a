// SPDX-License-Identifier: GPL-3.0-or-later
#include "gui/app/live_evaluation.h"

#include <algorithm>
#include <utility>

namespace interleave::gui {
namespace {

const QString kSlot = QStringLiteral("evaluate");

}  // namespace

LiveEvaluation::LiveEvaluation(Workshop& workshop, JobList& jobs, PlacementBook& book, QObject* parent)
    : QObject(parent), workshop_(workshop), jobs_(jobs), book_(book) {
  rest_.setSingleShot(true);
  rest_.setInterval(250);
  connect(&rest_, &QTimer::timeout, this, &LiveEvaluation::next);
}

void LiveEvaluation::want(std::vector<Wanted> placements) {
  std::erase_if(placements, [this](const Wanted& wanted) {
    const KnownPlacement* known = book_.find(wanted.placement);
    return known != nullptr && !known->scores.empty();
  });
  jobs_.cancelSlot(kSlot);
  queue_ = std::move(placements);
  full_ = false;
  if (queue_.empty()) {
    rest_.stop();
  } else {
    rest_.start();
  }
}

void LiveEvaluation::judge(std::vector<Wanted> placements) {
  rest_.stop();
  queue_ = std::move(placements);
  full_ = true;
  next();
}

bool LiveEvaluation::busy() const { return jobs_.running(kSlot) || rest_.isActive(); }

void LiveEvaluation::next() {
  if (queue_.empty() || !make_request_) return;
  std::optional<Workbench::EvaluationRequest> request = make_request_();
  if (!request) return;
  if (!full_) {
    request->text_tokens = 1024;
    request->prompts = 4;
  }
  const Wanted wanted = queue_.front();
  queue_.erase(queue_.begin());
  jobs_.start(tr("Evaluate %1").arg(wanted.label), kSlot,
              [this, &workshop = workshop_, wanted, request = *request](Progress& progress) -> std::function<void()> {
                std::vector<Score> scores = workshop.evaluate(request, wanted.placement, progress);
                return [this, wanted, scores = std::move(scores)] {
                  book_.add(wanted.label, wanted.placement, scores);
                  next();
                };
              });
}

}  // namespace interleave::gui
