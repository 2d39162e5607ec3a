// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QObject>
#include <memory>

#include "backend/core/settings.h"
#include "backend/engine/mailbox.h"
#include "gui/app/workshop.h"
#include "gui/model/job_list.h"
#include "gui/model/run_model.h"

namespace interleave::gui {

/// The preparation of candidates outside of a run: a job whose progress is shown as a run's is. Lives in the window's
/// thread.
class Preparation final : public QObject {
  Q_OBJECT
 public:
  Preparation(Workshop& workshop, JobList& jobs, RunModel& run) : workshop_(workshop), jobs_(jobs), run_(run) {}

  void start(const RunSpec& spec, const Settings& bank_settings);  ///< And shows it.
  void drain();                                                    ///< Takes what came since.
  bool running() const;

 Q_SIGNALS:
  void done(const QString& text);  ///< For the log.

 private:
  Workshop& workshop_;
  JobList& jobs_;
  RunModel& run_;
  std::shared_ptr<Mailbox> mailbox_;  ///< Of the preparation shown last.
  std::shared_ptr<RunRecord> record_;
};

}  // namespace interleave::gui
