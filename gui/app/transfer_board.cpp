// SPDX-License-Identifier: GPL-3.0-or-later
#include "gui/app/transfer_board.h"

#include <QElapsedTimer>
#include <algorithm>
#include <utility>

#include "backend/core/error.h"
#include "gui/style/format.h"

namespace interleave::gui {
namespace {

QString judgingSlot() { return QStringLiteral("transfer"); }

bool has(const std::vector<ScoreEvent>& events, const ScoreEvent& wanted) {
  return std::ranges::any_of(events, [&](const ScoreEvent& event) {
    return event.label == wanted.label && event.placement == wanted.placement && event.manner == wanted.manner;
  });
}

/// What a run found at its own budget, judged under a condition: measured where the store does not tell it of any run.
/// Without scores where it is recorded already.
ScoreEvent judgedUnder(const Condition& wish, RunId run, const std::filesystem::path& file, Workshop& workshop,
                       Progress& progress) {
  const Store store = Store::open(file);
  const RunSpec spec = store.spec(run);
  const std::vector<PlacementEvent> found = store.placements(run);
  if (found.empty()) throw usageError("run " + std::to_string(run), "it has found no placement yet");
  Condition condition = wish;
  condition.request.execution.device = spec.device;
  ScoreEvent event = condition.event(found.front().placement, {}, 0);
  if (has(store.transfers(run), event)) return event;
  if (const auto known = storedScores(store, spec, event.placement, event.manner)) {
    event.scores = known->scores;
    event.seconds = known->seconds;
    return event;
  }
  QElapsedTimer clock;
  clock.start();
  event.scores = workshop.evaluate(condition.requestFor(spec), event.placement, progress);
  event.seconds = static_cast<double>(clock.elapsed()) / 1000;
  return event;
}

TransferTable tableOf(const Store& store, const std::string& model_fingerprint) {
  std::vector<RunId> runs;
  for (const RunSummary& run : store.runs()) {
    if (run.model_fingerprint == model_fingerprint) runs.push_back(run.id);
  }
  return transferIn(store, runs);
}

}  // namespace

TransferBoard::TransferBoard(Workshop& workshop, JobList& jobs, RunLibrary& library)
    : workshop_(workshop),
      jobs_(jobs),
      library_(library),
      table_(*this, jobs, library, tr("Read transfers"), QStringLiteral("transfer table"), tableOf,
             [this] { Q_EMIT changed(); }) {
  connect(&library_, &RunLibrary::changed, this, [this] {
    if (library_.file() != store_) {
      waiting_.clear();
      jobs_.cancelSlot(judgingSlot());
    }
    Q_EMIT changed();
  });
  connect(&jobs_, &JobList::finished, this, [this](const QString& slot, JobList::JobState state) {
    if (slot != judgingSlot()) return;
    if (state == JobList::JobState::Stopped) waiting_.clear();
    next();
  });
}

void TransferBoard::judge(const std::vector<RunId>& runs, const std::string& condition) {
  if (library_.writer() == nullptr) throw usageError("transfer", "no store is open for writing");
  if (runs.empty()) throw usageError("transfer", "select some runs first");
  const Condition as_found, other = Condition::parse(condition, as_found.request);
  store_ = library_.file();
  for (const Condition& each : {as_found, other}) {
    for (const RunId run : runs) waiting_.push_back({run, each});
  }
  if (!judging()) next();
}

bool TransferBoard::judging() const { return jobs_.running(judgingSlot()); }

void TransferBoard::next() {
  if (waiting_.empty() || library_.file() != store_) {
    Q_EMIT changed();
    return;
  }
  const Cell cell = std::move(waiting_.front());
  waiting_.pop_front();
  jobs_.start(tr("Judge run %1 %2").arg(cell.run).arg(qt(cell.condition.name)), judgingSlot(),
              [this, cell, file = store_, &workshop = workshop_](Progress& progress) -> std::function<void()> {
                const ScoreEvent event = judgedUnder(cell.condition, cell.run, file, workshop, progress);
                return [this, event, run = cell.run, file] {
                  if (event.scores.empty() || library_.writer() == nullptr || library_.file() != file) return;
                  library_.writer()->record(run, event);
                  Q_EMIT recorded(run);
                };
              });
  Q_EMIT changed();
}

}  // namespace interleave::gui
