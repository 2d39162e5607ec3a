// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QElapsedTimer>
#include <QObject>
#include <functional>
#include <memory>
#include <optional>

#include "backend/engine/engine.h"
#include "backend/engine/mailbox.h"
#include "gui/model/run_record.h"
#include "sessions/store.h"
#include "sessions/time_left.h"

namespace interleave::gui {

/// The run that is going on: its engine, its mailbox, its recorder and the record that windows read. Nothing here
/// blocks but the destructor, which stops the run and waits, and start() until the store has the new run. Lives in the
/// window's thread.
class RunController final : public QObject {
  Q_OBJECT
 public:
  explicit RunController(QObject* parent = nullptr) : QObject(parent) { clock_.start(); }
  ~RunController() override;

  /// Starts a run; with a writer it is recorded, as a new run or further into `into`. Usage error if one is going on.
  /// `seconds_per_step`: as runs like it took.
  void start(std::unique_ptr<Engine> engine, RunSpec spec, StoreWriter* writer, RunId into = 0,
             std::shared_ptr<RunRecord> so_far = nullptr, std::optional<double> seconds_per_step = {});
  void pause();
  void resume();
  void stop();
  void intervene(Intervention change);

  bool active() const { return engine_ != nullptr; }
  /// Asked to hold and not yet to go on; the engine may still be finishing what cannot wait.
  bool pauseWanted() const { return active() && pause_wanted_; }
  bool stopWanted() const { return active() && stop_wanted_; }
  bool paused() const { return active() && record_->phase.phase == Phase::Paused; }
  bool recorded() const { return recorder_ != nullptr; }  ///< False for a replay, or without a store.
  const std::shared_ptr<RunRecord>& record() const { return record_; }

  double elapsed() const;       ///< Of the run going on, or the last one: seconds that it worked; 0: there was none.
  TimeLeft::Left left() const;  ///< Of the run going on, as a whole.

  /// Takes what the engine has sent since the last frame; true while it may send more.
  bool drain();

 Q_SIGNALS:
  void started();
  void progressed();  ///< drain() took something, or the user asked for the end.
  void finished();    ///< The engine is gone; record() says how it ended.

 private:
  double now() const { return static_cast<double>(clock_.elapsed()) / 1000; }
  void time(const MailboxContents& contents);

  QElapsedTimer clock_;
  std::optional<TimeLeft> time_left_;
  double took_ = 0;
  bool pause_wanted_ = false, stop_wanted_ = false;
  std::shared_ptr<RunRecord> record_;
  std::unique_ptr<Recorder> recorder_;
  std::unique_ptr<Mailbox> mailbox_;
  std::unique_ptr<FanOut> sinks_;
  std::unique_ptr<Engine> engine_;  // last: it must go before its sinks
};

}  // namespace interleave::gui
