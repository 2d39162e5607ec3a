// SPDX-License-Identifier: GPL-3.0-or-later
#include "sessions/batch_queue.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <set>

#include "backend/core/error.h"
#include "backend/core/statistics.h"
#include "sessions/work.h"

namespace interleave {
namespace {

using State = BatchQueue::State;
using Entry = BatchQueue::Entry;

constexpr std::array<std::string_view, 5> kStateNames{"pending", "stopped", "running", "done", "failed"};

State stateOf(Phase phase) {
  if (phase == Phase::Done) return State::Done;
  return phase == Phase::Failed ? State::Failed : State::Stopped;
}

/// How much a stored run is worth to a batch: one that is done most, then the one that is farthest.
std::pair<int, std::int64_t> worth(const RunSummary& run) {
  const State state = stateOf(run.phase);
  return {state == State::Done ? 2 : state == State::Stopped ? 1 : 0, run.step};
}

/// Whether two judge alike: then a placement has the same scores with both.
bool alike(const Judging& a, const Judging& b) {
  return &a == &b || (a.manner == b.manner && a.request.model == b.request.model &&
                      a.request.candidates.bank == b.request.candidates.bank &&
                      a.request.candidates.bank_settings == b.request.candidates.bank_settings);
}

const ScoreEvent* scoreOf(const std::vector<ScoreEvent>& scores, const Placement& placement) {
  const auto found = std::ranges::find(scores, placement, &ScoreEvent::placement);
  return found == scores.end() ? nullptr : &*found;
}

std::vector<PlacementEvent> atBudgets(const std::vector<PlacementEvent>& all, const std::vector<Budget>& budgets) {
  std::vector<PlacementEvent> found;
  for (const Budget& budget : budgets) {
    const auto event = std::ranges::find(all, budget, &PlacementEvent::budget);
    if (event != all.end()) found.push_back(*event);
  }
  return found;
}

std::string labelOf(const Entry& entry, const PlacementEvent& found) {
  const bool layers = found.budget.unit == Budget::Unit::FullLayers;
  std::string label = entry.planned.spec.title;
  return label.append(layers ? ", K = " : ", ").append(found.budget.text());
}

bool failedIn(const Entry& entry, const Placement& placement) {
  return std::ranges::find(entry.unjudged, placement, &std::pair<Placement, std::string>::first) !=
         entry.unjudged.end();
}

bool waits(const Entry& entry) { return entry.state == State::Pending || entry.state == State::Stopped; }

}  // namespace

BatchQueue::BatchQueue(const BatchPlan& plan, const Store* store) {
  const std::vector<RunSummary> runs = store != nullptr ? store->runs() : std::vector<RunSummary>{};
  for (const RunSummary& run : runs) {
    pace_.learn(store->spec(run.id), run.step, run.tokens, run.seconds, false);
    for (const ScoreEvent& score : store->scores(run.id)) learnJudging(run.model_fingerprint, score);
  }
  for (const PlannedRun& planned : plan.runs) {
    Entry& entry = entries_.emplace_back();
    entry.planned = planned;
    entry.judging = plan.judging;
    entry.prepares_bank = plan.prepares_bank;
    if (store != nullptr) takeUp(entry, *store, runs);
  }
  forecast();
}

void BatchQueue::append(BatchQueue other) {
  for (Entry& entry : other.entries_) {
    const auto same = [&](const Entry& known) { return answers(known.planned.spec, entry.planned); };
    if (std::ranges::none_of(entries_, same)) entries_.push_back(std::move(entry));
  }
  pace_.takePast(other.pace_);
  judging_times_.swap(other.judging_times_);
  judging_times_.merge(other.judging_times_);
  forecast();
}

/// Takes up what the store holds of a planned run.
void BatchQueue::takeUp(Entry& entry, const Store& store, const std::vector<RunSummary>& runs) const {
  const RunSpec& spec = entry.planned.spec;
  const RunSummary* best = nullptr;
  for (const RunSummary& run : runs) {
    if (run.method != spec.method || run.seed != spec.seed || run.budget != spec.budget) continue;
    if (best != nullptr && worth(run) <= worth(*best)) continue;
    if (answers(store.spec(run.id), entry.planned)) best = &run;
  }
  if (best == nullptr) return;
  entry.run = best->id;
  entry.state = stateOf(best->phase);
  entry.reason = entry.state == State::Failed ? best->reason : "";
  entry.step = best->step;
  entry.steps = best->steps;
  entry.tokens = best->tokens;
  entry.seconds = best->seconds;
  if (entry.state == State::Done) entry.found = atBudgets(store.placements(entry.run), entry.planned.budgets);
  if (!entry.judging) return;
  for (ScoreEvent& score : store.scores(entry.run)) {
    if (score.manner == entry.judging->manner) entry.scores.push_back(std::move(score));
  }
}

void BatchQueue::retry() {
  for (Entry& entry : entries_) {
    entry.unjudged.clear();
    if (entry.state == State::Failed) entry.state = State::Stopped;
  }
}

void BatchQueue::remove(std::size_t entry) {
  if (entries_.at(entry).state == State::Running) throw usageError("queue", "this run is going on; stop it first");
  entries_.erase(entries_.begin() + static_cast<std::ptrdiff_t>(entry));
  if (under_way_ && under_way_->entry > entry) --under_way_->entry;
  forecast();
}

void BatchQueue::move(std::size_t entry, int by) {
  const int step = by < 0 ? -1 : 1;
  for (; by != 0; by -= step) {
    const std::size_t next = entry + static_cast<std::size_t>(step);  // wraps below 0, and is then no entry
    if (next >= entries_.size() || !waits(entries_[entry]) || !waits(entries_[next])) break;
    std::swap(entries_[entry], entries_[next]);
    entry = next;
  }
  forecast();
}

const ScoreEvent* BatchQueue::known(const Judging& judging, const Placement& placement) const {
  for (const Entry& entry : entries_) {
    if (!entry.judging || !alike(*entry.judging, judging)) continue;
    if (const ScoreEvent* score = scoreOf(entry.scores, placement)) return score;
  }
  return nullptr;
}

std::vector<BatchQueue::Evaluation> BatchQueue::due(const Entry& entry) const {
  std::vector<Evaluation> due;
  if (entry.state != State::Done || !entry.judging) return due;
  const auto want = [&](const std::string& label, const Placement& placement) {
    if (failedIn(entry, placement)) return;
    const ScoreEvent* measured = known(*entry.judging, placement);
    due.push_back({label, placement, measured != nullptr ? std::optional(*measured) : std::nullopt});
  };
  for (const PlacementEvent& found : entry.found) {
    if (scoreOf(entry.scores, found.placement) == nullptr) want(labelOf(entry, found), found.placement);
  }
  // A reference has its name in the store also where a run found just that.
  for (const Judging::Reference& reference : entry.judging->references) {
    const auto named = [&](const ScoreEvent& score) {
      return score.placement == reference.placement && score.label == reference.label;
    };
    if (std::ranges::none_of(entry.scores, named)) want(reference.label, reference.placement);
  }
  return due;
}

std::optional<BatchQueue::Task> BatchQueue::next() const {
  if (under_way_) return std::nullopt;
  for (std::size_t i = 0; i < entries_.size(); ++i) {
    if (waits(entries_[i])) return Task{i, {}};
    std::vector<Evaluation> evaluations = due(entries_[i]);
    if (!evaluations.empty()) return Task{i, std::move(evaluations.front())};
  }
  return std::nullopt;
}

void BatchQueue::began(std::size_t index, RunId run, double now) {
  Entry& entry = entries_.at(index);
  entry.state = State::Running;
  entry.reason.clear();
  entry.run = run;
  RunSpec goes_on = entry.planned.spec;
  if (entry.step > 0) goes_on.resume_from = Checkpoint{entry.step, {}};
  under_way_ = {.entry = index,
                .first_step = entry.step,
                .first_tokens = entry.tokens,
                .phase_began = now,
                .left = TimeLeft(goes_on, step_times_.at(index).seconds, now)};
}

/// Adds the time since the last change of phase to what counts, if that phase does.
void BatchQueue::count(double now) {
  const Phase phase = under_way_->phase;
  if (phase != Phase::Preparing && phase != Phase::Paused) under_way_->counted += now - under_way_->phase_began;
  under_way_->phase_began = now;
}

void BatchQueue::observe(std::size_t index, const Event& event, double now) {
  if (!under_way_ || under_way_->entry != index) return;
  Entry& entry = entries_.at(index);
  under_way_->left->observe(event, now);
  if (const auto* step = std::get_if<StepEvent>(&event)) {
    entry.step = step->step;
    entry.steps = step->steps;
    entry.tokens = step->tokens;
    entry.seconds = step->seconds;
  } else if (const auto* phase = std::get_if<PhaseEvent>(&event)) {
    if (phase->phase == under_way_->phase) return;
    count(now);
    under_way_->phase = phase->phase;
  }
}

void BatchQueue::ended(std::size_t index, const Outcome& outcome, double now) {
  Entry& entry = entries_.at(index);
  entry.state = stateOf(outcome.phase);
  entry.reason = outcome.reason;
  if (under_way_) count(now);
  if (entry.state == State::Done) {
    entry.found = atBudgets(outcome.placements, entry.planned.budgets);
    if (under_way_) {
      pace_.learn(entry.planned.spec, entry.step - under_way_->first_step, entry.tokens - under_way_->first_tokens,
                  under_way_->counted, true);
    }
  }
  under_way_.reset();
  forecast();
}

ScoreEvent BatchQueue::judged(const Task& task, std::vector<Score> scores, double seconds) {
  Entry& entry = entries_.at(task.entry);
  const Evaluation& evaluation = task.evaluation.value();
  ScoreEvent event{evaluation.label, evaluation.placement, std::move(scores), entry.judging->manner, seconds};
  entry.scores.push_back(event);
  if (!evaluation.known) learnJudging(entry.planned.spec.model_fingerprint, event);
  return event;
}

void BatchQueue::failedToJudge(const Task& task, const std::string& reason) {
  entries_.at(task.entry).unjudged.emplace_back(task.evaluation.value().placement, reason);
}

void BatchQueue::assume(const std::string& model_fingerprint, const std::string& device, double seconds_per_token) {
  pace_.assume(model_fingerprint, device, seconds_per_token);
  forecast();
}

void BatchQueue::forecast() {
  step_times_.clear();
  for (const Entry& entry : entries_) {
    const RunSpec& spec = entry.planned.spec;
    StepTime time{.seconds = pace_.secondsPerStep(spec)};
    if (!time.seconds && entry.planned.step_work > 0) {
      const std::optional<double> token = pace_.secondsPerToken(spec);
      if (token) time = {.seconds = *token * entry.planned.step_work, .rough = true};
    }
    step_times_.push_back(time);
  }
}

std::optional<double> BatchQueue::secondsLeft(std::size_t index, double now) const {
  const Entry& entry = entries_.at(index);
  if (entry.state == State::Done || entry.state == State::Failed) return 0;
  const std::optional<std::int64_t> steps = entry.steps > 0 ? std::optional(entry.steps) : entry.planned.steps;
  if (!steps) return std::nullopt;
  const auto left = static_cast<double>(std::max<std::int64_t>(0, *steps - entry.step));
  const bool going = under_way_ && under_way_->entry == index;
  if (going && entry.step > under_way_->first_step) {  // at its own pace
    const TimeLeft::Left own = under_way_->left->left(now);
    if (own.seconds >= 0) return own.seconds;
  }
  const std::optional<double> pace = step_times_.at(index).seconds;
  return pace ? std::optional(*pace * left) : std::nullopt;
}

/// Adds jobs that take so many seconds each, or where that is not known, by their work.
void BatchQueue::add(Estimate& estimate, std::size_t jobs, std::optional<double> seconds, const Entry& like,
                     double work) const {
  if (jobs == 0) return;
  const bool rough = !seconds;
  if (rough && work > 0) {
    if (const auto token = pace_.secondsPerToken(like.planned.spec)) seconds = *token * work;
  }
  if (!seconds) {
    estimate.unknown += jobs;
    return;
  }
  estimate.seconds += *seconds * static_cast<double>(jobs);
  estimate.rough = estimate.rough || rough;
}

/// Banks that are still to be made: how long one took is told nowhere.
void BatchQueue::addBanks(Estimate& estimate) const {
  std::set<std::string> made;
  std::map<std::string, const Entry*> missing;
  for (const Entry& entry : entries_) {
    if (!entry.prepares_bank) continue;
    const bool used = entry.step > 0 || entry.state == State::Done;
    if (used) made.insert(entry.planned.spec.bank_dir);
    if (!used && entry.state != State::Failed) missing.emplace(entry.planned.spec.bank_dir, &entry);
  }
  for (const auto& [bank, entry] : missing) {
    if (!made.contains(bank)) add(estimate, 1, std::nullopt, *entry, workOfBank(entry->planned.spec.bank_settings));
  }
}

/// What of an entry is still to be measured, its references left out.
std::size_t BatchQueue::unmeasured(const Entry& entry) const {
  if (entry.state != State::Done) return entry.planned.budgets.size();
  return static_cast<std::size_t>(std::ranges::count_if(entry.found, [&](const PlacementEvent& found) {
    return !failedIn(entry, found.placement) && known(*entry.judging, found.placement) == nullptr;
  }));
}

/// Seconds that an evaluation takes, by those of this manner and model.
std::optional<double> BatchQueue::secondsToJudge(const Entry& entry) const {
  const auto found = judging_times_.find({entry.planned.spec.model_fingerprint, entry.judging->manner});
  return found == judging_times_.end() ? std::nullopt : std::optional(meanOf(found->second));
}

void BatchQueue::learnJudging(const std::string& model, const ScoreEvent& score) {
  // Stores of a program before 2026-11-22 have next to nothing there, by mistake.
  if (std::isfinite(score.seconds) && score.seconds > 1e-6)
    judging_times_[{model, score.manner}].push_back(score.seconds);
}

void BatchQueue::addEvaluations(Estimate& estimate) const {
  std::vector<const Judging*> counted;  // whose references were
  for (const Entry& entry : entries_) {
    if (!entry.judging || entry.state == State::Failed) continue;
    std::size_t jobs = unmeasured(entry);
    if (std::ranges::none_of(counted, [&](const Judging* other) { return alike(*other, *entry.judging); })) {
      counted.push_back(entry.judging.get());
      jobs += static_cast<std::size_t>(std::ranges::count_if(
          entry.judging->references,
          [&](const Judging::Reference& reference) { return known(*entry.judging, reference.placement) == nullptr; }));
    }
    add(estimate, jobs, secondsToJudge(entry), entry, workOfJudging(entry.judging->request));
  }
}

Estimate BatchQueue::remaining(double now) const {
  Estimate estimate;
  for (std::size_t i = 0; i < entries_.size(); ++i) {
    const std::optional<double> seconds = secondsLeft(i, now);
    estimate.seconds += seconds.value_or(0);
    estimate.unknown += seconds ? 0 : 1;
    const bool over = entries_[i].state == State::Done || entries_[i].state == State::Failed;
    const bool at_its_own_pace = under_way_ && under_way_->entry == i && entries_[i].step > under_way_->first_step;
    estimate.rough = estimate.rough || (seconds && step_times_[i].rough && !over && !at_its_own_pace);
  }
  addBanks(estimate);
  addEvaluations(estimate);
  return estimate;
}

std::size_t BatchQueue::count(State state) const {
  return static_cast<std::size_t>(std::ranges::count(entries_, state, &Entry::state));
}

RunSpec resumedSpec(const PlannedRun& planned, RunId run, const Store& store) {
  RunSpec spec = store.spec(run);
  spec.model_path = planned.spec.model_path;  // they may have moved
  spec.bank_dir = planned.spec.bank_dir;
  spec.resume_from = store.checkpoint(run);
  return spec;
}

std::string_view name(State state) { return kStateNames.at(static_cast<std::size_t>(state)); }

}  // namespace interleave
