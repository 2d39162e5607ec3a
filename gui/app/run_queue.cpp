// SPDX-License-Identifier: GPL-3.0-or-later
#include "gui/app/run_queue.h"

#include <QTimer>
#include <array>
#include <utility>

#include "backend/core/error.h"
#include "gui/style/format.h"

namespace interleave::gui {
namespace {

const QString kJudging = QStringLiteral("queue");  ///< The slot of evaluations.

}  // namespace

RunQueue::RunQueue(Workshop& workshop, JobList& jobs, RunLibrary& library, RunController& controller, Launch launch)
    : workshop_(workshop), jobs_(jobs), library_(library), controller_(controller), launch_(std::move(launch)) {
  clock_.start();
  connect(&controller_, &RunController::progressed, this, &RunQueue::watchRun);
  connect(&controller_, &RunController::finished, this, &RunQueue::runEnded);
  connect(&jobs_, &JobList::failed, this, [this](const QString&, const QString& reason) { why_ = reason; });
  connect(&jobs_, &JobList::finished, this, &RunQueue::jobEnded);
  connect(&library_, &RunLibrary::changed, this, &RunQueue::leaveStore);
}

/// A change of the table's rows.
template <class Change>
void RunQueue::change(Change change) {
  beginResetModel();
  change();
  endResetModel();
  Q_EMIT changed();
}

void RunQueue::tell() {
  if (rowCount() > 0) Q_EMIT dataChanged(index(0, 0), index(rowCount() - 1, kColumns - 1));
  Q_EMIT changed();
}

void RunQueue::add(Batch batch) {
  if (!library_.isOpen()) throw usageError("queue", "open a store first");
  jobs_.start(tr("Plan the runs"), QStringLiteral("plan %1").arg(++plans_),
              [this, batch = std::move(batch), store = library_.file(),
               catalog = std::shared_ptr<RunCatalog>(workshop_.makeCatalog())](Progress&) -> std::function<void()> {
                Batch planned = batch;
                const bool made = batch.file.empty() && catalog->bankRecipe(batch.bank, batch.model).has_value();
                if (made) planned.bank_settings = nlohmann::json::object();
                const Store reader = Store::open(store);
                const auto found = std::make_shared<BatchQueue>(planBatch(planned, *catalog), &reader);
                return [this, found, store] {
                  if (store != library_.file()) return;
                  store_ = store;
                  change([&] { queue_.append(std::move(*found)); });
                  timeTheModel();
                  advance();
                };
              });
}

void RunQueue::timeTheModel() {
  // Beside a run it would wait for it, or be slowed down by it.
  if (active_ || controller_.active() || queue_.remaining(now()).unknown == 0) return;
  const std::vector<BatchQueue::Entry>& entries = queue_.entries();
  std::size_t unknown = 0;  // the first that is, or the newest: what it is judged by may be unknown
  while (unknown + 1 < entries.size() && queue_.secondsLeft(unknown, now())) ++unknown;
  const RunSpec& spec = entries[unknown].planned.spec;
  jobs_.start(tr("Time the model"), QStringLiteral("time the model"),
              [this, &workshop = workshop_, path = std::filesystem::path(spec.model_path), device = spec.device,
               fingerprint = spec.model_fingerprint](Progress& progress) -> std::function<void()> {
                const double seconds = workshop.secondsPerToken(path, {.device = device}, progress);
                return [this, fingerprint, device, seconds] {
                  queue_.assume(fingerprint, device, seconds);
                  tell();
                };
              });
}

void RunQueue::remove(int row) {
  if (row < 0 || row >= rowCount()) return;
  const auto entry = static_cast<std::size_t>(row);
  if (evaluating_ && evaluating_->entry == entry) throw usageError("queue", "this run is being judged; stop it first");
  change([&] { queue_.remove(entry); });
  if (evaluating_ && evaluating_->entry > entry) --evaluating_->entry;
}

void RunQueue::move(int row, int by) {
  if (row < 0 || row >= rowCount()) return;
  change([&] { queue_.move(static_cast<std::size_t>(row), by); });
}

void RunQueue::retry() {
  change([&] { queue_.retry(); });
  advance();
}

void RunQueue::start() {
  if (library_.writer() == nullptr)
    throw usageError("queue", "no store is open for writing: what is found would be lost");
  active_ = true;
  advance();
  tell();
}

void RunQueue::stop() {
  active_ = false;
  if (queue_.underWay()) controller_.stop();
  jobs_.cancelSlot(kJudging);
  tell();
}

/// The queue is of one store: the runs of another have other numbers.
void RunQueue::leaveStore() {
  if (store_.empty() || store_ == library_.file()) return;
  stop();
  store_.clear();
  change([this] { queue_ = {}; });
}

void RunQueue::advance() {
  if (!active_ || queue_.underWay() || evaluating_) return;
  // What the user has begun beside the queue comes first; its end calls again.
  if (controller_.active() || jobs_.running(QStringLiteral("begin")) || jobs_.running(QStringLiteral("prepare")))
    return;
  const std::optional<BatchQueue::Task> task = queue_.next();
  if (!task) {
    active_ = false;
    Q_EMIT ended();
  } else if (task->evaluation) {
    judge(*task);
  } else {
    search(task->entry);
  }
  tell();
}

void RunQueue::search(std::size_t index) {
  const BatchQueue::Entry& entry = queue_.entries()[index];
  const bool goes_on = entry.run != 0;
  try {
    const RunId run = goes_on ? entry.run : library_.writer()->addRun(entry.planned.spec);
    queue_.began(index, run, now());
    launch_(entry.planned, run, goes_on);
  } catch (const Error& error) {
    queue_.ended(index, {.phase = Phase::Failed, .reason = error.what()}, now());
    QTimer::singleShot(0, this, &RunQueue::advance);
  }
}

void RunQueue::watchRun() {
  const std::optional<std::size_t> entry = queue_.underWay();
  const std::shared_ptr<RunRecord>& record = controller_.record();
  if (!entry || record->id != queue_.entries()[*entry].run) return;
  queue_.observe(*entry, record->phase, now());
  if (!record->steps.empty()) queue_.observe(*entry, record->steps.back(), now());
  tell();
}

void RunQueue::runEnded() {
  const std::optional<std::size_t> entry = queue_.underWay();
  const RunRecord& record = *controller_.record();
  if (entry && record.id == queue_.entries()[*entry].run) {
    const PhaseEvent& phase = record.phase;
    const bool failed = phase.phase == Phase::Failed;
    queue_.ended(*entry, {.phase = phase.phase, .reason = failed ? phase.title : "", .placements = record.placements},
                 now());
    if (phase.phase == Phase::Stopped) active_ = false;
    tell();
  }
  QTimer::singleShot(0, this, &RunQueue::advance);  // when everyone has heard of the end
}

void RunQueue::judge(const BatchQueue::Task& task) {
  const BatchQueue::Evaluation& evaluation = *task.evaluation;
  if (evaluation.known) {
    keep(task, evaluation.known->scores, evaluation.known->seconds);
    QTimer::singleShot(0, this, &RunQueue::advance);
    return;
  }
  evaluating_ = task;
  jobs_.start(tr("Evaluate %1").arg(qt(evaluation.label)), kJudging,
              [this, &workshop = workshop_, judging = queue_.entries()[task.entry].judging,
               placement = evaluation.placement](Progress& progress) -> std::function<void()> {
                QElapsedTimer clock;
                clock.start();
                std::vector<Score> scores = workshop.evaluate(judging->request, placement, progress);
                return [this, scores, seconds = static_cast<double>(clock.elapsed()) / 1000] {
                  keep(*evaluating_, scores, seconds);
                };
              });
}

void RunQueue::keep(const BatchQueue::Task& task, std::vector<Score> scores, double seconds) {
  const RunId run = queue_.entries()[task.entry].run;
  const ScoreEvent result = queue_.judged(task, std::move(scores), seconds);
  if (StoreWriter* writer = library_.writer()) writer->record(run, result);
  Q_EMIT judged(run, result);
}

void RunQueue::jobEnded(const QString& slot, JobList::JobState state) {
  if (slot == kJudging && evaluating_) {
    if (state == JobList::JobState::Failed) queue_.failedToJudge(*evaluating_, why_.toStdString());
    if (state == JobList::JobState::Stopped) active_ = false;
    evaluating_.reset();
    tell();
  }
  const std::optional<std::size_t> entry = queue_.underWay();
  if (slot == QStringLiteral("begin") && entry && !controller_.active()) {  // a run that could not be gone on with
    queue_.ended(*entry, {.phase = Phase::Failed, .reason = why_.toStdString()}, now());
    tell();
  }
  QTimer::singleShot(0, this, &RunQueue::advance);
}

int RunQueue::rowCount(const QModelIndex& parent) const {
  return parent.isValid() ? 0 : static_cast<int>(queue_.entries().size());
}

QString RunQueue::stateText(const BatchQueue::Entry& entry) const {
  const QString state = qt(name(entry.state));
  if (entry.state == BatchQueue::State::Failed) return tr("%1: %2").arg(state, qt(entry.reason));
  if (!entry.unjudged.empty()) return tr("%1, not judged: %2").arg(state, qt(entry.unjudged.front().second));
  if (entry.state == BatchQueue::State::Done) {
    return entry.scores.empty() ? state : tr("%1, %2 judged").arg(state).arg(entry.scores.size());
  }
  return entry.steps > 0 ? tr("%1, step %2 of %3").arg(state).arg(entry.step).arg(entry.steps) : state;
}

QString RunQueue::timeText(std::size_t index) const {
  const BatchQueue::Entry& entry = queue_.entries()[index];
  if (entry.state == BatchQueue::State::Done || entry.state == BatchQueue::State::Failed) {
    return entry.seconds > 0 ? durationText(entry.seconds) : QString();
  }
  const std::optional<double> left = queue_.secondsLeft(index, now());
  return left ? tr("≈ %1 left").arg(durationText(*left)) : tr("unknown");
}

QVariant RunQueue::data(const QModelIndex& index, int role) const {
  if (!index.isValid()) return {};
  const auto at = static_cast<std::size_t>(index.row());
  const BatchQueue::Entry& entry = queue_.entries()[at];
  if (role == Qt::ToolTipRole) return stateText(entry);
  if (role != Qt::DisplayRole && role != Qt::AccessibleTextRole) return {};
  if (index.column() == State) return stateText(entry);
  if (index.column() == Time) return timeText(at);
  QStringList more;
  for (std::size_t i = 1; i < entry.planned.budgets.size(); ++i) more << qt(entry.planned.budgets[i].text());
  const QString title = qt(entry.planned.spec.title);
  return more.isEmpty() ? title : tr("%1, also %2").arg(title, more.join(QStringLiteral(", ")));
}

QVariant RunQueue::headerData(int section, Qt::Orientation orientation, int role) const {
  if (orientation != Qt::Horizontal || role != Qt::DisplayRole) return {};
  const std::array names{tr("run"), tr("state"), tr("time")};
  return names.at(static_cast<std::size_t>(section));
}

QString estimateText(const Estimate& estimate) {
  const QString time = durationText(estimate.seconds);
  const QString about = estimate.rough ? RunQueue::tr("roughly %1").arg(time) : RunQueue::tr("about %1").arg(time);
  if (estimate.unknown == 0) return about;
  if (estimate.seconds == 0) return RunQueue::tr("unknown");
  const QString jobs = estimate.unknown == 1 ? RunQueue::tr("1 job") : RunQueue::tr("%1 jobs").arg(estimate.unknown);
  return RunQueue::tr("%1 and %2 of unknown time").arg(about, jobs);
}

}  // namespace interleave::gui
