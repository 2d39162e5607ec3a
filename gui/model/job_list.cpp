// SPDX-License-Identifier: GPL-3.0-or-later
#include "gui/model/job_list.h"

#include <algorithm>
#include <array>
#include <exception>
#include <utility>

#include "gui/style/format.h"

namespace interleave::gui {

/// What the job's thread writes and the window's thread reads.
class JobList::JobProgress final : public Progress {
 public:
  void report(std::string_view title, double fraction) override {
    const std::scoped_lock lock(mutex_);
    title_ = title;
    fraction_ = fraction;
  }
  bool stopRequested() const override { return stop_; }
  void warn(const std::string& line) override {
    const std::scoped_lock lock(mutex_);
    if (std::ranges::find(warnings_, line) == warnings_.end()) warnings_.push_back(line);
  }
  std::vector<std::string> warnings() const {
    const std::scoped_lock lock(mutex_);
    return warnings_;
  }
  void stop() { stop_ = true; }
  std::pair<std::string, double> read() const {
    const std::scoped_lock lock(mutex_);
    return {title_, fraction_};
  }

 private:
  std::atomic<bool> stop_ = false;
  mutable std::mutex mutex_;
  // guarded by mutex_:
  std::string title_;
  double fraction_ = -1;
  std::vector<std::string> warnings_;  // each once
};

JobList::~JobList() {
  for (const auto& job : jobs_) job->progress->stop();
}

std::uint64_t JobList::start(const QString& title, const QString& slot, Work work) {
  cancelSlot(slot);
  constexpr std::size_t kMostKept = 60;
  while (jobs_.size() >= kMostKept && jobs_.back()->state != JobState::Running) {
    const int last = static_cast<int>(jobs_.size()) - 1;
    beginRemoveRows({}, last, last);
    jobs_.pop_back();
    endRemoveRows();
  }
  auto job = std::make_unique<Job>();
  job->number = ++last_number_;
  job->title = title;
  job->slot = slot;
  job->progress = std::make_shared<JobProgress>();
  job->clock.start();
  current_[slot] = job->number;
  job->thread = std::jthread([this, work = std::move(work), progress = job->progress, number = job->number] {
    JobState state = JobState::Done;
    QString reason;
    std::function<void()> apply;
    try {
      apply = work(*progress);
    } catch (const Error& error) {
      state = error.kind() == ErrorKind::Stopped ? JobState::Stopped : JobState::Failed;
      reason = QString::fromUtf8(error.what());
    } catch (const std::exception& error) {
      state = JobState::Failed;
      reason = QString::fromUtf8(error.what());
    }
    QMetaObject::invokeMethod(
        this, [=, this] { settle(number, state, reason, apply); }, Qt::QueuedConnection);
  });
  beginInsertRows({}, 0, 0);
  jobs_.insert(jobs_.begin(), std::move(job));
  endInsertRows();
  Q_EMIT started();
  return last_number_;
}

JobList::Job* JobList::find(std::uint64_t number) {
  const auto found = std::ranges::find_if(jobs_, [&](const auto& job) { return job->number == number; });
  return found == jobs_.end() ? nullptr : found->get();
}

void JobList::settle(std::uint64_t number, JobState state, QString reason, const std::function<void()>& apply) {
  Job* job = find(number);
  if (job == nullptr) return;
  job->thread.join();
  job->elapsed = static_cast<double>(job->clock.elapsed()) / 1000;
  const bool stale = current_[job->slot] != number;
  if (stale) state = JobState::Stopped;
  job->state = state;
  const QString slot = job->slot, title = job->title;
  const std::vector<std::string> warnings = job->progress->warnings();
  if (state == JobState::Done && apply) {
    try {
      apply();
    } catch (const std::exception& error) {
      state = JobState::Failed;
      reason = QString::fromUtf8(error.what());
    }
  }
  // What was applied may have started jobs, and those push old ones off the list.
  if (job = find(number); job != nullptr) {
    job->state = state;
    job->reason = reason;
  }
  for (const std::string& line : warnings) Q_EMIT warned(qt(line));
  if (state == JobState::Failed) Q_EMIT failed(title, reason);
  if (rowCount() > 0) Q_EMIT dataChanged(index(0, 0), index(rowCount() - 1, kColumns - 1));
  Q_EMIT finished(slot, state);
}

void JobList::cancel(int row) {
  if (row < 0 || row >= rowCount()) return;
  Job& job = *jobs_[static_cast<std::size_t>(row)];
  job.progress->stop();
  if (current_[job.slot] == job.number) current_[job.slot] = 0;
}

void JobList::cancelSlot(const QString& slot) {
  for (int row = 0; row < rowCount(); ++row) {
    const Job& job = *jobs_[static_cast<std::size_t>(row)];
    if (job.slot == slot && job.state == JobState::Running) cancel(row);
  }
}

bool JobList::running(const QString& slot) const {
  return std::ranges::any_of(jobs_,
                             [&](const auto& job) { return job->slot == slot && job->state == JobState::Running; });
}

bool JobList::anyRunning() const {
  return std::ranges::any_of(jobs_, [](const auto& job) { return job->state == JobState::Running; });
}

void JobList::poll() {
  bool moved = false;
  for (const auto& job : jobs_) {
    if (job->state != JobState::Running) continue;
    const auto [doing, fraction] = job->progress->read();
    job->doing = qt(doing);
    job->fraction = fraction;
    job->elapsed = static_cast<double>(job->clock.elapsed()) / 1000;
    if (fraction >= 0) job->pace.observe(fraction, job->elapsed);
    moved = true;
  }
  if (moved) Q_EMIT dataChanged(index(0, 0), index(rowCount() - 1, kColumns - 1));
}

JobList::JobState JobList::state(int row) const { return jobs_.at(static_cast<std::size_t>(row))->state; }
double JobList::fraction(int row) const { return jobs_.at(static_cast<std::size_t>(row))->fraction; }

int JobList::rowCount(const QModelIndex& parent) const { return parent.isValid() ? 0 : static_cast<int>(jobs_.size()); }

QVariant JobList::data(const QModelIndex& index, int role) const {
  if (!index.isValid()) return {};
  const Job& job = *jobs_[static_cast<std::size_t>(index.row())];
  if (role == Qt::ToolTipRole) return job.reason.isEmpty() ? job.title : job.reason;
  if (role != Qt::DisplayRole && role != Qt::AccessibleTextRole) return {};
  const bool known = job.state == JobState::Running && job.pace.known();
  const std::array states{tr("running"), tr("done"), tr("stopped"), tr("failed")};
  switch (index.column()) {
    case Title:
      return job.doing.isEmpty() || job.state != JobState::Running ? job.title : tr("%1: %2").arg(job.title, job.doing);
    case Fraction:
      return job.fraction < 0 ? QString() : fixedText(job.fraction * 100, 0) + QStringLiteral("\u00a0%");
    case Elapsed:
      return durationText(job.elapsed);
    case Remaining:
      return known ? durationText(std::max(
                         1.0, (1 - job.pace.done()) * job.pace.secondsPer(job.elapsed) - (job.elapsed - job.pace.at())))
                   : QString();
    default:
      return states.at(static_cast<std::size_t>(job.state));
  }
}

QVariant JobList::headerData(int section, Qt::Orientation orientation, int role) const {
  if (orientation != Qt::Horizontal || role != Qt::DisplayRole) return {};
  const std::array names{tr("job"), tr("done"), tr("elapsed"), tr("left"), tr("state")};
  return names.at(static_cast<std::size_t>(section));
}

}  // namespace interleave::gui
