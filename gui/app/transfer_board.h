// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QObject>
#include <deque>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "gui/app/store_reading.h"
#include "gui/app/workshop.h"
#include "sessions/transfer.h"

namespace interleave::gui {

/// What runs of the open store found, judged under other conditions than it was found with: as the store tells it, and
/// on demand measured and recorded there, a job a cell. Lives in the window's thread.
class TransferBoard final : public QObject {
  Q_OBJECT
 public:
  /// `reads`: jobs that only read the store.
  TransferBoard(Workshop& workshop, JobList& jobs, JobList& reads, RunLibrary& library);

  /// What these runs found at their own budgets, as found and under `condition` (see Condition::parse()), else by
  /// `usual`. What the store has is not measured again. Usage error: no store to record it in, runs of several models,
  /// or no such condition.
  void judge(const std::vector<RunId>& runs, const std::string& condition,
             const Workbench::EvaluationRequest& usual = {});
  bool judging() const;

  /// Has the runs of the model with this fingerprint read, unless what was read last still stands.
  void show(const std::string& model_fingerprint) { table_.want(model_fingerprint); }
  const TransferTable& table() const { return table_.value(); }

 Q_SIGNALS:
  void changed();            ///< Another table, or judging began or ended.
  void recorded(RunId run);  ///< A score; it is on its way into the store.

 private:
  struct Cell {
    RunId run = 0;
    Condition condition;
    int wish = 0;  ///< Which call of judge() asked for it.
  };
  struct Measured {
    RunId run = 0;
    ScoreEvent event;
  };
  void next();
  /// On a job's thread: measured where neither the store nor what was measured here tells it of any run. Nothing where
  /// it is recorded already.
  static std::optional<ScoreEvent> judged(const Cell& cell, const std::filesystem::path& file,
                                          const std::vector<Measured>& measured, Workshop& workshop,
                                          Progress& progress);

  Workshop& workshop_;
  JobList& jobs_;
  RunLibrary& library_;
  std::deque<Cell> waiting_;
  int wish_ = 0, under_way_ = 0;
  std::filesystem::path store_;     ///< Whose runs are waiting.
  std::vector<Measured> measured_;  ///< Of that store: they may be on their way into it still.
  StoreReading<std::string, TransferTable> table_;
};

}  // namespace interleave::gui
