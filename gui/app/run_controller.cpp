// SPDX-License-Identifier: GPL-3.0-or-later
#include "gui/app/run_controller.h"

#include <utility>
#include <vector>

namespace interleave::gui {

RunController::~RunController() { engine_.reset(); }

void RunController::start(std::unique_ptr<Engine> engine, RunSpec spec, StoreWriter* writer, RunId into,
                          std::shared_ptr<RunRecord> so_far, std::optional<double> seconds_per_step) {
  if (active()) throw usageError("run", "another run is going on; stop it first");
  record_ = so_far ? std::move(so_far) : std::make_shared<RunRecord>();
  record_->spec = spec;
  record_->phase = {};
  pause_wanted_ = stop_wanted_ = false;
  recorder_.reset();
  mailbox_ = std::make_unique<Mailbox>();
  std::vector<EventSink*> sinks{mailbox_.get()};
  if (writer != nullptr) {
    record_->id = into != 0 ? into : writer->addRun(spec);
    recorder_ = std::make_unique<Recorder>(*writer, record_->id);
    sinks.push_back(recorder_.get());
  }
  sinks_ = std::make_unique<FanOut>(std::move(sinks));
  time_left_.emplace(spec, seconds_per_step, now());
  engine->start(std::move(spec), *sinks_);
  engine_ = std::move(engine);
  Q_EMIT started();
}

void RunController::pause() {
  pause_wanted_ = true;
  if (engine_) engine_->pause();
}

void RunController::resume() {
  pause_wanted_ = false;
  if (engine_) engine_->resume();
}

void RunController::stop() {
  if (!engine_) return;
  stop_wanted_ = true;
  engine_->stop();
  Q_EMIT progressed();
}

void RunController::intervene(Intervention change) {
  if (engine_) engine_->intervene(std::move(change));
}

double RunController::elapsed() const { return time_left_ && active() ? time_left_->elapsed(now()) : took_; }

TimeLeft::Left RunController::left() const {
  return time_left_ && active() ? time_left_->left(now()) : TimeLeft::Left{0, false};
}

void RunController::time(const MailboxContents& contents) {
  const double at = now();
  for (const Event& event : contents.rare) time_left_->observe(event, at);
  for (const AlignmentEvent& alignment : contents.alignments) time_left_->observe(alignment, at);
  for (const StepEvent& step : contents.steps) time_left_->observe(step, at);
  if (contents.phase) time_left_->observe(*contents.phase, at);
  took_ = time_left_->elapsed(at);
}

bool RunController::drain() {
  if (!mailbox_ || !engine_) return false;
  MailboxContents contents = mailbox_->take();
  if (contents.empty()) return true;
  time(contents);
  record_->take(std::move(contents));
  if (!isFinal(record_->phase.phase)) {
    Q_EMIT progressed();
    return true;
  }
  engine_->wait();  // at once: the end was its last event
  record_->take(mailbox_->take());
  Q_EMIT progressed();  // while it still counts as going on: the last of it is news, too
  engine_.reset();
  Q_EMIT finished();
  return false;
}

}  // namespace interleave::gui
