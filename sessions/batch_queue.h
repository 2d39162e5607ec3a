// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "backend/core/events.h"
#include "backend/engine/engine.h"
#include "sessions/batch.h"
#include "sessions/pace.h"
#include "sessions/store.h"
#include "sessions/time_left.h"

namespace interleave {

/// A time to come, as far as it is known.
struct Estimate {
  double seconds = 0;       ///< Of the jobs whose time is known.
  std::size_t unknown = 0;  ///< Jobs whose time is not.
  bool rough = false;       ///< Some of it by how much they compute (see work.h), for none like them has been done.
};

/// The runs of batches and where each stands: which are done, which go on from a checkpoint, what is still to be
/// judged, what comes next and how long it will take. It decides; whoever owns it (the command line, the studio) runs
/// the engine, evaluates, writes to the store, and tells what happened. `now` is any clock in seconds that does not go
/// back. Not thread-safe.
class BatchQueue {
 public:
  enum class State { Pending, Stopped, Running, Done, Failed };

  /// One planned run.
  struct Entry {
    PlannedRun planned;
    std::shared_ptr<const Judging> judging;  ///< Null: it is not judged.
    bool prepares_bank = false;
    State state = State::Pending;
    std::string reason;  ///< Of a failure.
    RunId run = 0;       ///< In the store; 0: not begun.
    std::int64_t step = 0, steps = 0, tokens = 0;
    double seconds = 0;                                       ///< On its steps, as StepEvent counts them.
    std::vector<PlacementEvent> found;                        ///< At its budgets, in their order, once it is done.
    std::vector<ScoreEvent> scores;                           ///< In this manner, as recorded with it.
    std::vector<std::pair<Placement, std::string>> unjudged;  ///< Evaluations that failed, and why.
  };

  BatchQueue() = default;
  /// The runs of a plan, where the store says that they are: what is done is not done again. Without a store nothing is
  /// known.
  BatchQueue(const BatchPlan& plan, const Store* store);
  /// Adds the runs of another queue, of the same store, that this one does not have.
  void append(BatchQueue other);
  /// Of a run that has not begun here. Usage error otherwise.
  void remove(std::size_t entry);
  void move(std::size_t entry, int by);  ///< Past its neighbours, as far as it goes.
  void retry();                          ///< Runs that failed go on, too, from their last checkpoints.

  const std::vector<Entry>& entries() const { return entries_; }
  /// What a token takes to pass the teacher: tells roughly how long jobs take of which none like them has been done.
  void assume(const std::string& model_fingerprint, const std::string& device, double seconds_per_token);

  /// The run that goes on.
  std::optional<std::size_t> underWay() const { return under_way_ ? std::optional(under_way_->entry) : std::nullopt; }

  /// A placement of a run that is done, to be judged and recorded with it.
  struct Evaluation {
    std::string label;
    Placement placement;
    std::optional<ScoreEvent> known;  ///< Measured already, with another run: to be recorded, not measured.
  };
  struct Task {
    std::size_t entry = 0;
    std::optional<Evaluation> evaluation;  ///< Absent: the run itself.
  };
  /// What is to be done next; nothing when all is done, or failed. A run is judged before the next one begins.
  std::optional<Task> next() const;

  /// Tells that a run goes on in the store's run with this number, …
  void began(std::size_t entry, RunId run, double now);
  void observe(std::size_t entry, const Event& event, double now);    ///< … what comes of it, …
  void ended(std::size_t entry, const Outcome& outcome, double now);  ///< … and how it ended.

  /// What to record of an evaluation that took `seconds`; it is noted here.
  ScoreEvent judged(const Task& task, std::vector<Score> scores, double seconds);
  void failedToJudge(const Task& task, const std::string& reason);

  /// Of one run, its evaluations left out: nothing where it is not known; 0 when it is over.
  std::optional<double> secondsLeft(std::size_t entry, double now) const;
  /// Of all that is to be done, the run that is under way included.
  Estimate remaining(double now) const;
  std::size_t count(State state) const;

 private:
  struct UnderWay {
    std::size_t entry = 0;
    std::int64_t first_step = 0, first_tokens = 0;
    Phase phase = Phase::Loading;
    double phase_began = 0, counted = 0;  ///< Pauses and the making of a bank are no part of a run's pace.
    std::optional<TimeLeft> left = {};    ///< Told from its own steps.
  };
  void takeUp(Entry& entry, const Store& store, const std::vector<RunSummary>& runs) const;
  std::vector<Evaluation> due(const Entry& entry) const;
  const ScoreEvent* known(const Judging& judging, const Placement& placement) const;
  void count(double now);
  std::size_t unmeasured(const Entry& entry) const;
  void add(Estimate& estimate, std::size_t jobs, std::optional<double> seconds, const Entry& like, double work) const;
  std::optional<double> secondsToJudge(const Entry& entry) const;
  void learnJudging(const std::string& model, const ScoreEvent& score);
  void addBanks(Estimate& estimate) const;
  void addEvaluations(Estimate& estimate) const;
  void forecast();

  std::vector<Entry> entries_;
  struct StepTime {
    std::optional<double> seconds;
    bool rough = false;
  };
  std::vector<StepTime> step_times_;  ///< As entries_.
  Pace pace_;
  std::map<std::pair<std::string, std::string>, std::vector<double>> judging_times_;  ///< By model and manner.
  std::optional<UnderWay> under_way_;
};

/// How to go on with the store's run `run`, which is the one planned.
RunSpec resumedSpec(const PlannedRun& planned, RunId run, const Store& store);

/// "pending", "stopped", "running", "done", "failed".
std::string_view name(BatchQueue::State state);

}  // namespace interleave
