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

TransferTable tableOf(const Store& store, const std::string& model_fingerprint) {
  std::vector<RunId> runs;
  for (const RunSummary& run : store.runs()) {
    if (run.model_fingerprint == model_fingerprint) runs.push_back(run.id);
  }
  return transferIn(store, runs);
}

}  // namespace

TransferBoard::TransferBoard(Workshop& workshop, JobList& jobs, JobList& reads, RunLibrary& library)
    : workshop_(workshop),
      jobs_(jobs),
      library_(library),
      table_(*this, reads, library, tr("Read transfers"), QStringLiteral("transfer table"), tableOf,
             [this] { Q_EMIT changed(); }) {
  connect(&library_, &RunLibrary::changed, this, [this] {
    if (library_.file() != store_) {
      waiting_.clear();
      measured_.clear();
      jobs_.cancelSlot(judgingSlot());
    }
    Q_EMIT changed();
  });
  connect(&jobs_, &JobList::finished, this, [this](const QString& slot, JobList::JobState state) {
    if (slot != judgingSlot()) return;
    if (state == JobList::JobState::Stopped) {  // with it what was asked for together with it
      std::erase_if(waiting_, [this](const Cell& cell) { return cell.wish == under_way_; });
    }
    next();
  });
}

void TransferBoard::judge(const std::vector<RunId>& runs, const std::string& condition,
                          const Workbench::EvaluationRequest& usual) {
  if (library_.writer() == nullptr) throw usageError("transfer", "no store is open for writing");
  if (runs.empty()) throw usageError("transfer", "select some runs first");
  std::optional<std::string> model;
  for (const RunId run : runs) {
    const RunSummary* summary = library_.find(run);
    if (summary == nullptr) throw usageError("transfer", "there is no run " + std::to_string(run));
    if (summary->method == kHealMethod) {
      throw usageError("transfer", "run " + std::to_string(run) + " is a heal, which finds no placement");
    }
    if (model.value_or(summary->model_fingerprint) != summary->model_fingerprint) {
      throw usageError("transfer", "the runs are of several models");
    }
    model = summary->model_fingerprint;
  }
  Condition as_found;
  as_found.request = usual;
  const Condition other = Condition::parse(condition, usual);
  store_ = library_.file();
  ++wish_;
  for (const Condition& each : {as_found, other}) {
    for (const RunId run : runs) waiting_.push_back({run, each, wish_});
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
  under_way_ = cell.wish;
  jobs_.start(tr("Judge run %1 %2").arg(cell.run).arg(qt(cell.condition.name)), judgingSlot(),
              [this, cell, file = store_, measured = measured_,
               &workshop = workshop_](Progress& progress) -> std::function<void()> {
                const std::optional<ScoreEvent> event = judged(cell, file, measured, workshop, progress);
                return [this, event, run = cell.run, file] {
                  if (!event || library_.writer() == nullptr || library_.file() != file) return;
                  measured_.push_back({run, *event});
                  library_.writer()->record(run, *event);
                  Q_EMIT recorded(run);
                };
              });
  Q_EMIT changed();
}

std::optional<ScoreEvent> TransferBoard::judged(const Cell& cell, const std::filesystem::path& file,
                                                const std::vector<Measured>& measured, Workshop& workshop,
                                                Progress& progress) {
  const Store store = Store::open(file);
  const RunSpec spec = store.spec(cell.run);
  const std::vector<PlacementEvent> found = store.placements(cell.run);
  if (found.empty()) throw usageError("run " + std::to_string(cell.run), "it has found no placement yet");
  Condition condition = cell.condition;
  condition.request.execution.device = spec.device;
  auto [event, recorded] = lookUp(store, cell.run, found.front().placement, condition);
  if (recorded) return std::nullopt;
  for (const Measured& other : measured) {
    if (!event.scores.empty()) break;
    const bool same = other.event.placement == event.placement && other.event.manner == event.manner;
    if (!same || !sameSubject(store.spec(other.run), spec)) continue;
    event.scores = other.event.scores;
    event.seconds = other.event.seconds;
  }
  if (event.scores.empty()) {
    QElapsedTimer clock;
    clock.start();
    event.scores = workshop.evaluate(condition.requestFor(spec), event.placement, progress);
    event.seconds = static_cast<double>(clock.elapsed()) / 1000;
  }
  return std::move(event);
}

}  // namespace interleave::gui
