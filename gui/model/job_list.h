// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QAbstractTableModel>
#include <QElapsedTimer>
#include <QString>
#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "backend/core/progress.h"
#include "sessions/time_left.h"

namespace interleave::gui {

/// Jobs beside the search (load, evaluate, export, query), each on a thread of its own with a number and a stop token.
/// A job belongs to a slot; starting another in the slot stops the one before, and a result whose number has moved on
/// is dropped. Lives in the window's thread; its table shows title, fraction, elapsed and remaining time.
class JobList final : public QAbstractTableModel {
  Q_OBJECT
 public:
  enum Column { Title, Fraction, Elapsed, Remaining, State, kColumns };
  enum class JobState { Running, Done, Stopped, Failed };
  /// Runs on the job's thread; what it returns is called in the window's thread, unless it is stale. A job whose
  /// result cannot be applied has failed like one that throws.
  using Work = std::function<std::function<void()>(Progress&)>;

  explicit JobList(QObject* parent = nullptr) : QAbstractTableModel(parent) {}
  ~JobList() override;  ///< Stops all, then waits.

  std::uint64_t start(const QString& title, const QString& slot, Work work);
  void cancel(int row);
  void cancelSlot(const QString& slot);
  bool running(const QString& slot) const;
  bool anyRunning() const;
  void poll();  ///< Takes over the progress of running jobs: once a frame.
  JobState state(int row) const;
  double fraction(int row) const;

  int rowCount(const QModelIndex& parent = {}) const override;
  int columnCount(const QModelIndex& parent = {}) const override { return parent.isValid() ? 0 : kColumns; }
  QVariant data(const QModelIndex& index, int role) const override;
  QVariant headerData(int section, Qt::Orientation orientation, int role) const override;

 Q_SIGNALS:
  void started();
  void finished(const QString& slot, JobState state);        ///< Its result has been applied, or dropped.
  void failed(const QString& title, const QString& reason);  ///< Not sent for a job that was stopped.
  void warned(const QString& line);                          ///< What its Progress was told, once it has ended.

 private:
  class JobProgress;
  struct Job {
    std::uint64_t number = 0;
    QString title, slot, doing, reason;
    JobState state = JobState::Running;
    double fraction = -1, elapsed = 0;
    QElapsedTimer clock;
    RecentPace pace;  ///< Of the fraction.
    std::shared_ptr<JobProgress> progress;
    std::jthread thread;
  };
  Job* find(std::uint64_t number);
  void settle(std::uint64_t number, JobState state, QString reason, const std::function<void()>& apply);

  std::vector<std::unique_ptr<Job>> jobs_;  // newest first
  std::map<QString, std::uint64_t> current_;
  std::uint64_t last_number_ = 0;
};

}  // namespace interleave::gui
