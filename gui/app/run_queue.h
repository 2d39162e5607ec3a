// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QAbstractTableModel>
#include <QElapsedTimer>
#include <QString>
#include <functional>
#include <memory>

#include "gui/app/run_controller.h"
#include "gui/app/run_library.h"
#include "gui/app/workshop.h"
#include "gui/model/job_list.h"
#include "sessions/batch_queue.h"

namespace interleave::gui {

/// Runs that are made one after another, and judged: the studio's side of a BatchQueue, which decides what comes next.
/// Each is a run like any other, which windows show and the user may pause; one that the user stops, stops the queue.
/// Lives in the window's thread; what is slow is a job.
class RunQueue final : public QAbstractTableModel {
  Q_OBJECT
 public:
  enum Column { Title, State, Time, kColumns };
  /// Starts the run that the store has under this number, or goes on with it. What it throws is why the run failed.
  using Launch = std::function<void(const PlannedRun& planned, RunId run, bool goes_on)>;

  RunQueue(Workshop& workshop, JobList& jobs, RunLibrary& library, RunController& controller, Launch launch);

  /// Plans the batch in the background and puts its runs at the end; what is wrong with it is told by the job list.
  /// Its bank is used as it is where it is there, if no file says otherwise. Usage error: no store is open.
  void add(Batch batch);
  void remove(int row);        ///< Usage error: it goes on.
  void move(int row, int by);  ///< Runs that have not begun.
  void retry();                ///< Runs that failed go on, too.

  /// Usage error: what would be found could not be stored.
  void start();
  void stop();  ///< The run that goes on stays resumable.
  bool active() const { return active_; }

  const BatchQueue& queue() const { return queue_; }
  Estimate remaining() const { return queue_.remaining(now()); }

  int rowCount(const QModelIndex& parent = {}) const override;
  int columnCount(const QModelIndex& parent = {}) const override { return parent.isValid() ? 0 : kColumns; }
  QVariant data(const QModelIndex& index, int role) const override;
  QVariant headerData(int section, Qt::Orientation orientation, int role) const override;

 Q_SIGNALS:
  void changed();
  void judged(interleave::RunId run, const interleave::ScoreEvent& result);  ///< It is on its way to the store.
  void ended();                                                              ///< Nothing is left to do.

 private:
  double now() const { return static_cast<double>(clock_.elapsed()) / 1000; }
  template <class Change>
  void change(Change change);
  void tell();  ///< Rows say something else.
  /// Where the store tells nothing of how long runs take, a short pass of the model does.
  void timeTheModel();
  void advance();
  void search(std::size_t entry);
  void judge(const BatchQueue::Task& task);
  void keep(const BatchQueue::Task& task, std::vector<Score> scores, double seconds);
  void watchRun();
  void runEnded();
  void jobEnded(const QString& slot, JobList::JobState state);
  void leaveStore();
  QString stateText(const BatchQueue::Entry& entry) const;
  QString timeText(std::size_t entry) const;

  Workshop& workshop_;
  JobList& jobs_;
  RunLibrary& library_;
  RunController& controller_;
  Launch launch_;
  BatchQueue queue_;
  std::filesystem::path store_;                 ///< That the queue is of.
  std::optional<BatchQueue::Task> evaluating_;  ///< Under way.
  QString why_;                                 ///< The reason of the job that failed last.
  int plans_ = 0;                               ///< Batches that were ever added.
  bool active_ = false;
  QElapsedTimer clock_;
};

/// "about 12:30", "roughly 12:30", "about 12:30 and 3 jobs of unknown time", "unknown".
QString estimateText(const Estimate& estimate);

}  // namespace interleave::gui
