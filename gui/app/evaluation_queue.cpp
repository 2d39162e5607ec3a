// SPDX-License-Identifier: GPL-3.0-or-later
#include "gui/app/evaluation_queue.h"

#include <QElapsedTimer>
#include <utility>

#include "sessions/batch.h"

namespace interleave::gui {

EvaluationQueue::EvaluationQueue(Workshop& workshop, JobList& jobs, PlacementBook& book, Manner manner,
                                 RequestMaker make_request)
    : workshop_(workshop),
      jobs_(jobs),
      book_(book),
      manner_(std::move(manner)),
      make_request_(std::move(make_request)) {
  rest_.setSingleShot(true);
  rest_.setInterval(manner_.rest);
  connect(&rest_, &QTimer::timeout, this, &EvaluationQueue::next);
  connect(&jobs_, &JobList::finished, this, [this](const QString& slot, JobList::JobState state) {
    // A job that was stopped was so by the user, or by a new wish whose time is still to come.
    if (slot == manner_.slot && state != JobList::JobState::Stopped) next();
  });
}

void EvaluationQueue::want(std::vector<Wanted> placements) {
  waiting_.clear();
  for (Wanted& wanted : placements) {
    for (const std::vector<std::string>& part : manner_.parts) {
      waiting_.push_back(wanted);
      waiting_.back().tasks = part;
    }
    if (manner_.parts.empty()) waiting_.push_back(std::move(wanted));
  }
  std::erase_if(waiting_, [this](const Wanted& wanted) {
    const KnownPlacement* known = book_.find(wanted.placement);
    if (!manner_.skip_known || known == nullptr) return false;
    if (known->thorough) return true;  // few samples would not replace it
    return wanted.tasks.empty() ? !known->scores.empty() : scoreOf(known->scores, wanted.tasks.front()) != nullptr;
  });
  jobs_.cancelSlot(manner_.slot);
  request_ = make_request_();
  if (waiting_.empty()) {
    rest_.stop();
  } else {
    rest_.start();
  }
}

std::string EvaluationQueue::manner() const {
  const std::optional<Workbench::EvaluationRequest> request = make_request_();
  return request ? mannerOf(*request) : std::string();
}

void EvaluationQueue::next() {
  if (waiting_.empty() || !request_) return;
  Workbench::EvaluationRequest request = *request_;
  const bool thorough = manner_.text_tokens == 0 && manner_.prompts == 0;
  if (manner_.text_tokens > 0) request.text_tokens = manner_.text_tokens;
  if (manner_.prompts > 0) request.prompts = manner_.prompts;
  const Wanted wanted = waiting_.front();
  waiting_.erase(waiting_.begin());
  request.candidates.healed = wanted.healed;
  if (!wanted.tasks.empty()) request.tasks = wanted.tasks;
  jobs_.start(tr("Evaluate %1").arg(wanted.label), manner_.slot,
              [this, &workshop = workshop_, wanted, request, thorough](Progress& progress) -> std::function<void()> {
                QElapsedTimer clock;
                clock.start();
                std::vector<Score> scores = workshop.evaluate(request, wanted.placement, progress);
                const ScoreEvent result{wanted.label.toStdString(), wanted.placement, std::move(scores),
                                        mannerOf(request), static_cast<double>(clock.elapsed()) / 1000};
                return [this, result, wanted, thorough] {
                  book_.add(wanted.label, result.placement, result.scores, thorough, wanted.healed, result.manner);
                  Q_EMIT judged(result, wanted.result_of);
                };
              });
}

}  // namespace interleave::gui
