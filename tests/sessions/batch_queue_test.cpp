// SPDX-License-Identifier: GPL-3.0-or-later
#include "sessions/batch_queue.h"

#include <gmock/gmock.h>

#include "backend/engine/mock_engine.h"
#include "sessions/work.h"
#include "tests/engine/collecting_sink.h"
#include "tests/sessions/fake_catalog.h"
#include "tests/support/error_of.h"
#include "tests/support/temporary_folder.h"

namespace interleave {
namespace {

using State = BatchQueue::State;
using test::errorOf;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

/// A batch on the mock engine and a store, run as the command line does it.
class BatchQueueTest : public ::testing::Test {
 protected:
  static Batch batch(std::vector<std::uint64_t> seeds) {
    Batch batch;
    batch.model = "/models/fake";
    batch.bank = "/banks/fake";
    Batch::Grid grid;
    grid.methods.push_back({"gates"});
    grid.budgets = {Budget::layers(8)};
    grid.seeds = std::move(seeds);
    batch.runs.push_back(std::move(grid));
    return batch;
  }
  static Batch judgedBatch(std::vector<std::uint64_t> seeds) {
    Batch judged = batch(std::move(seeds));
    judged.evaluation.emplace();
    judged.placements = {"first:8"};
    return judged;
  }

  /// A queue of the batch, as another session would find it.
  BatchQueue queueOf(const Batch& of, bool retry = false) {
    FakeCatalog catalog;
    const Store store = Store::open(file_);
    BatchQueue queue(planBatch(of, catalog), &store);
    if (retry) queue.retry();
    return queue;
  }

  /// Runs what the queue says, recording it; the mock's fingerprint becomes that of the fake model.
  Outcome search(BatchQueue& queue, std::size_t entry, const MockScript& script = {.steps = 6, .alignment_steps = 2},
                 std::int64_t stop_after = 0) {
    const Store store = Store::open(file_);
    const BatchQueue::Entry& of = queue.entries()[entry];
    RunSpec spec = of.run != 0 ? resumedSpec(of.planned, of.run, store) : of.planned.spec;
    const RunId run = of.run != 0 ? of.run : writer_.addRun(spec);
    queue.began(entry, run, now_);
    const std::unique_ptr<Engine> engine = makeMockEngine(script);
    CollectingSink sink;
    engine->start(std::move(spec), sink);
    if (stop_after > 0) {
      sink.waitForStep(stop_after);
      engine->stop();
    }
    const Outcome outcome = engine->wait();
    for (Event event : sink.events()) {
      if (auto* environment = std::get_if<EnvironmentEvent>(&event)) environment->model_fingerprint = "fake";
      if (std::holds_alternative<ScoreEvent>(event)) continue;  // the mock judges by itself
      if (std::holds_alternative<StepEvent>(event)) now_ += 2;
      writer_.record(run, event);
      queue.observe(entry, event, now_);
    }
    queue.ended(entry, outcome, now_);
    EXPECT_TRUE(writer_.flush());
    return outcome;
  }

  void judge(BatchQueue& queue, const BatchQueue::Task& task, double seconds = 5) {
    const ScoreEvent* known = task.evaluation->known ? &*task.evaluation->known : nullptr;
    if (known == nullptr) ++measured_;
    const std::vector<Score> scores =
        known != nullptr ? known->scores : std::vector<Score>{{"kl", "nats", 0.1, 0.01, 2, {0.09, 0.11}}};
    writer_.record(queue.entries()[task.entry].run,
                   queue.judged(task, scores, known != nullptr ? known->seconds : seconds));
    EXPECT_TRUE(writer_.flush());
  }

  /// Everything that is left.
  void finish(BatchQueue& queue) {
    while (const auto task = queue.next()) {
      if (task->evaluation) {
        judge(queue, *task);
      } else {
        search(queue, task->entry);
      }
    }
  }

  static std::vector<State> states(const BatchQueue& queue) {
    std::vector<State> all;
    for (const BatchQueue::Entry& entry : queue.entries()) all.push_back(entry.state);
    return all;
  }

  const test::TemporaryFolder folder_;
  const std::filesystem::path file_ = folder_ / "runs.sqlite";
  StoreWriter writer_{file_};
  double now_ = 1000;
  int measured_ = 0;
};

TEST_F(BatchQueueTest, WhatIsDoneIsNotDoneAgain) {
  BatchQueue first = queueOf(batch({0, 1}));
  EXPECT_THAT(states(first), Each(State::Pending));
  finish(first);
  EXPECT_THAT(states(first), Each(State::Done));
  BatchQueue again = queueOf(batch({0, 1, 2}));
  EXPECT_THAT(states(again), ElementsAre(State::Done, State::Done, State::Pending));
  EXPECT_EQ(again.entries()[1].run, 2);
  ASSERT_EQ(again.entries()[0].found.size(), 1u);
  EXPECT_EQ(again.entries()[0].found[0].placement, first.entries()[0].found[0].placement);
  EXPECT_EQ(again.next()->entry, 2u);
}

TEST_F(BatchQueueTest, AStoppedRunGoesOnAndEndsLikeOneThatWasNotStopped) {
  BatchQueue first = queueOf(batch({0}));
  EXPECT_EQ(search(first, 0, {.steps = 400}, 5).phase, Phase::Stopped);
  BatchQueue again = queueOf(batch({0}));
  EXPECT_THAT(states(again), ElementsAre(State::Stopped));
  const std::int64_t step = again.entries()[0].step;
  EXPECT_GE(step, 5);
  EXPECT_EQ(resumedSpec(again.entries()[0].planned, 1, Store::open(file_)).resume_from->step, step);
  EXPECT_EQ(search(again, 0, {.steps = 400}).phase, Phase::Done);
  EXPECT_EQ(again.entries()[0].run, 1);
  const Store store = Store::open(file_);
  EXPECT_EQ(store.runs().size(), 1u);
  EXPECT_EQ(store.steps(1).size(), 400u);
  BatchQueue other = queueOf(batch({0}));
  FakeCatalog catalog;
  BatchQueue whole(planBatch(batch({0}), catalog), nullptr);
  search(whole, 0, {.steps = 400});
  EXPECT_EQ(whole.entries()[0].found[0].placement, other.entries()[0].found[0].placement);
  EXPECT_EQ(store.steps(2).back().logits, store.steps(1).back().logits);
}

TEST_F(BatchQueueTest, AFailureIsToldAndTheOthersGoOn) {
  BatchQueue queue = queueOf(batch({0, 1, 2}));
  search(queue, 0);
  EXPECT_EQ(search(queue, 1, {.steps = 6, .fail_at_step = 3}).phase, Phase::Failed);
  finish(queue);
  EXPECT_THAT(states(queue), ElementsAre(State::Done, State::Failed, State::Done));
  EXPECT_THAT(queue.entries()[1].reason, ::testing::HasSubstr("scripted failure"));

  BatchQueue again = queueOf(batch({0, 1, 2}));
  EXPECT_THAT(states(again), ElementsAre(State::Done, State::Failed, State::Done));
  EXPECT_THAT(again.entries()[1].reason, ::testing::HasSubstr("scripted failure")) << "kept in the store";
  EXPECT_FALSE(again.next());
  BatchQueue retried = queueOf(batch({0, 1, 2}), true);
  EXPECT_THAT(states(retried), ElementsAre(State::Done, State::Stopped, State::Done));
  EXPECT_EQ(retried.entries()[1].step, 3) << "from its checkpoint";
  finish(retried);
  EXPECT_THAT(states(retried), Each(State::Done));
  EXPECT_THAT(states(queueOf(batch({0, 1, 2}))), Each(State::Done));
  EXPECT_EQ(Store::open(file_).runs().size(), 3u);
}

TEST_F(BatchQueueTest, ARunThatWasChangedByHandOrIsInTheBinIsMadeAgain) {
  BatchQueue queue = queueOf(batch({0, 1}));
  finish(queue);
  Intervention change;
  change.step = 3;
  change.key = "temperature";
  change.value = 0.5;
  writer_.record(1, InterventionEvent{change});
  writer_.remove(2);
  writer_.flush();
  EXPECT_THAT(states(queueOf(batch({0, 1}))), Each(State::Pending));
}

TEST_F(BatchQueueTest, EveryResultIsJudgedOnceAndBaselinesWithEachRun) {
  BatchQueue queue = queueOf(judgedBatch({0, 1}));
  finish(queue);
  EXPECT_EQ(measured_, 3) << "two results and a baseline";
  const Store store = Store::open(file_);
  for (const RunId run : {1, 2}) {
    const std::vector<ScoreEvent> scores = store.scores(run);
    ASSERT_EQ(scores.size(), 2u);
    EXPECT_EQ(scores[0].placement, queue.entries()[static_cast<std::size_t>(run - 1)].found[0].placement);
    EXPECT_EQ(scores[1].label, "first:8");
    EXPECT_EQ(scores[1].manner, mannerOf({}));
    EXPECT_EQ(scores[1].seconds, 5);
    EXPECT_EQ(scores[1].scores[0].per_sample.size(), 2u);
  }
  EXPECT_FALSE(queueOf(judgedBatch({0, 1})).next()) << "what is recorded is not measured again";
  Batch finer = judgedBatch({0, 1});
  finer.evaluation->prompts *= 2;
  const auto task = queueOf(finer).next();
  ASSERT_TRUE(task && task->evaluation) << "but it is in another manner";
  EXPECT_FALSE(task->evaluation->known);
}

TEST_F(BatchQueueTest, AnEvaluationThatFailsIsNotTriedTwice) {
  BatchQueue queue = queueOf(judgedBatch({0}));
  search(queue, 0);
  const auto task = queue.next();
  ASSERT_TRUE(task && task->evaluation);
  queue.failedToJudge(*task, "no memory");
  EXPECT_EQ(queue.next()->evaluation->label, "first:8");
  finish(queue);
  EXPECT_EQ(queue.entries()[0].unjudged.at(0).second, "no memory");
  EXPECT_TRUE(queueOf(judgedBatch({0})).next()) << "another session does";
}

TEST_F(BatchQueueTest, PendingRunsAreMovedAndRemoved) {
  BatchQueue queue = queueOf(batch({0, 1, 2, 3}));
  const auto seeds = [&] {
    std::vector<std::uint64_t> all;
    for (const BatchQueue::Entry& entry : queue.entries()) all.push_back(entry.planned.spec.seed);
    return all;
  };
  queue.began(0, 1, now_);
  EXPECT_FALSE(queue.next()) << "one at a time";
  queue.move(3, -5);
  EXPECT_THAT(seeds(), ElementsAre(0, 3, 1, 2)) << "not past the one that runs";
  queue.move(1, 1);
  EXPECT_THAT(seeds(), ElementsAre(0, 1, 3, 2));
  EXPECT_EQ(errorOf([&] { queue.remove(0); }).kind(), ErrorKind::Usage);
  queue.remove(1);
  EXPECT_THAT(seeds(), ElementsAre(0, 3, 2));
  queue.ended(0, {.phase = Phase::Done, .reason = {}, .placements = {}}, now_);
  queue.remove(0);
  EXPECT_EQ(queue.next()->entry, 0u);
}

TEST_F(BatchQueueTest, QueuesAreJoinedWithoutRunsTwice) {
  BatchQueue queue = queueOf(judgedBatch({0}));
  finish(queue);
  queue.append(queueOf(judgedBatch({0, 1})));
  EXPECT_THAT(states(queue), ElementsAre(State::Done, State::Pending));
  EXPECT_NEAR(queue.secondsLeft(1, now_).value(), 48 * 2, 1e-9) << "as the first took today";
  EXPECT_EQ(queue.secondsLeft(0, now_), 0);
  EXPECT_NEAR(queue.remaining(now_).seconds, 48 * 2 + 5, 1e-9) << "and one result to be judged";
}

TEST_F(BatchQueueTest, TimeIsUnknownUntilARunLikeItWasSeen) {
  BatchQueue queue = queueOf(batch({0, 1, 2}));
  EXPECT_EQ(queue.remaining(now_).seconds, 0);
  EXPECT_EQ(queue.remaining(now_).unknown, 4u) << "three runs and the bank";
  // One of 48 steps is under way: it has done 2 in 10 seconds, then 5 seconds of the third.
  queue.began(0, 1, 0);
  queue.observe(0, PhaseEvent{Phase::Preparing, "Preparing", -1}, 0);
  queue.observe(0, PhaseEvent{Phase::Searching, "Searching", -1}, 100);
  StepEvent step;
  step.steps = 48;
  for (step.step = 1; step.step <= 2; ++step.step) {
    step.seconds = 5 * static_cast<double>(step.step);
    queue.observe(0, step, 100 + step.seconds);
  }
  EXPECT_DOUBLE_EQ(queue.remaining(115).seconds, 46 * 5 - 5);
  EXPECT_EQ(queue.remaining(115).unknown, 2u);
  // It took 300 seconds beside the 100 for the bank and the 50 that it was paused.
  step.step = 48;
  step.seconds = 240;
  queue.observe(0, step, 350);
  queue.observe(0, PhaseEvent{Phase::Paused, "Paused", -1}, 350);
  queue.observe(0, PhaseEvent{Phase::Evaluating, "Evaluating", -1}, 400);
  queue.ended(0, {.phase = Phase::Done, .reason = {}, .placements = {}}, 450);
  EXPECT_DOUBLE_EQ(queue.remaining(450).seconds, 2 * 300);
  EXPECT_EQ(queue.remaining(450).unknown, 0u);
}

TEST_F(BatchQueueTest, TheStoreTellsHowLongRunsTake) {
  BatchQueue first = queueOf(judgedBatch({0}));
  Batch longer = judgedBatch({0});
  longer.runs[0].methods[0].settings = {{"steps", 60}};
  EXPECT_EQ(queueOf(longer).remaining(0).unknown, 4u) << "run, bank, result and baseline";
  finish(first);
  // Steps of the mock say that each took 0.05 seconds; an evaluation took 5.
  const Estimate estimate = queueOf(longer).remaining(0);
  // The bank of 100 tokens is told by their pace: of its four passes, where the search's own took six.
  const auto& done = first.entries()[0];
  const double bank = 4 * 100 * done.seconds / (6 * static_cast<double>(done.tokens));
  EXPECT_NEAR(estimate.seconds, 60 * 0.05 + 2 * 5 + bank, 1e-9);
  EXPECT_EQ(estimate.unknown, 0u);
  EXPECT_TRUE(estimate.rough);
}

TEST_F(BatchQueueTest, WhatTheTeacherTakesTellsRoughlyHowLongJobsTake) {
  BatchQueue queue = queueOf(judgedBatch({0, 1}));
  EXPECT_EQ(queue.remaining(0).unknown, 2u + 1u + 3u) << "runs, the bank, results and a baseline";
  queue.assume("fake", "cuda", 1);
  EXPECT_EQ(queue.remaining(0).unknown, 6u) << "of another device";
  queue.assume("fake", "cpu", 0.001);
  const Estimate estimate = queue.remaining(0);
  EXPECT_EQ(estimate.unknown, 2u) << "these runs do not say how many tokens they look at";
  EXPECT_TRUE(estimate.rough);
  EXPECT_NEAR(estimate.seconds, 0.001 * (400 + 3 * workOfJudging({})), 1e-9);
  finish(queue);
  EXPECT_FALSE(queue.remaining(now_).rough) << "nothing is left";
}

TEST(Work, IsToldByTheSettings) {
  RunSpec run;
  run.search_settings = {{"steps", 48}, {"text_tokens", 256}, {"prompt_tokens", 340}, {"prompt_share", 0.5}};
  run.method = "dash";
  EXPECT_DOUBLE_EQ(workOfStep(run, 30), 6 * 298);
  run.search_settings.erase("steps");
  run.search_settings["examples"] = 8;
  run.method = "candidate-error";
  EXPECT_DOUBLE_EQ(workOfStep(run, 30), 1.5 * 298);
  run.method = "halo";
  EXPECT_DOUBLE_EQ(workOfStep(run, 30), 0.75 * 596 * 31);
  run.method = "kl-ls";
  run.search_settings["prompt_share"] = 0.0;
  EXPECT_DOUBLE_EQ(workOfStep(run, 30), 0.75 * 256 * 31);
  run.method = "beam";
  run.search_settings["batches"] = 4;
  EXPECT_DOUBLE_EQ(workOfStep(run, 30), 0.75 * 256 * 4);
  run.search_settings = nullptr;
  EXPECT_EQ(workOfStep(run, 30), 0);
  EXPECT_DOUBLE_EQ(workOfJudging({}), 3072 + 16 * 600);
  Workbench::EvaluationRequest keys;
  keys.tasks = {"passkey"};
  EXPECT_DOUBLE_EQ(workOfJudging(keys), 16 * 600);
}

TEST(Pace, TellsATokenByTheMedianOfRunsElseByWhatIsAssumed) {
  RunSpec run;
  run.method = "gates";
  run.model_fingerprint = "fake";
  run.device = "cpu";
  run.search_settings = {{"steps", 48}};
  Pace pace;
  EXPECT_FALSE(pace.secondsPerToken(run));
  pace.assume("fake", "cpu", 9);
  EXPECT_EQ(pace.secondsPerToken(run), 9);
  for (const double seconds : {60, 120, 600}) pace.learn(run, 10, 10, seconds, false);
  EXPECT_EQ(pace.secondsPerToken(run), 2) << "six passes each";
  run.device = "cuda";
  EXPECT_FALSE(pace.secondsPerToken(run));
}

TEST(Pace, PrefersWhatIsNearest) {
  RunSpec run;
  run.method = "gates";
  run.model_fingerprint = "fake";
  run.search_settings = {{"steps", 48}, {"text_tokens", 256}, {"extract", "4"}};
  Pace pace;
  EXPECT_FALSE(pace.secondsPerStep(run));
  RunSpec other = run;
  other.search_settings["text_tokens"] = 512;
  pace.learn(other, 10, 0, 40, false);
  EXPECT_EQ(pace.secondsPerStep(run), 4) << "of other settings, for want of better";
  RunSpec same = run;
  same.search_settings["steps"] = 10;
  same.search_settings["extract"] = "";
  pace.learn(same, 10, 0, 20, false);
  pace.learn(same, 30, 0, 20, false);
  EXPECT_EQ(pace.secondsPerStep(run), 1) << "40 steps in 40 seconds";
  pace.learn(run, 10, 0, 30, true);
  EXPECT_EQ(pace.secondsPerStep(run), 3) << "of today";
  for (const auto change : {&RunSpec::method, &RunSpec::device, &RunSpec::model_fingerprint}) {
    RunSpec stranger = run;
    stranger.*change = "another";
    EXPECT_FALSE(pace.secondsPerStep(stranger));
  }
  pace.learn(run, 0, 0, 30, true);
  pace.learn(run, 10, 0, 0, true);
  EXPECT_EQ(pace.secondsPerStep(run), 3) << "nothing is learned of nothing";
  EXPECT_EQ(plannedSteps(run, 30), 48);
  run.search_settings = {{"examples", 16}};
  EXPECT_EQ(plannedSteps(run, 30), 16);
  run.search_settings = {{"sample", 300}};
  EXPECT_EQ(plannedSteps(run, 30), 300);
  run.search_settings = {{"sample", 0}};
  EXPECT_FALSE(plannedSteps(run, 30));
  run.search_settings = {{"steps", "many"}};
  EXPECT_FALSE(plannedSteps(run, 30));

  run.budget = Budget::layers(4);
  run.method = "enumeration";
  run.search_settings = {{"sample", 2000}, {"leave", "0-3,5,9-14,16,19,22,25,27-29"}};
  EXPECT_EQ(plannedSteps(run, 30), 495) << "12 over 4, fewer than the sample";
  run.search_settings["sample"] = 100;
  EXPECT_EQ(plannedSteps(run, 30), 100);
  run.search_settings = {{"sample", 0}, {"keep", "7"}};
  EXPECT_EQ(plannedSteps(run, 30), 29 * 28 * 27 / 6);
  run.method = "beam";
  run.search_settings = {{"width", 1}, {"direction", "forward"}, {"extract", "2,15"}};
  EXPECT_EQ(plannedSteps(run, 30), (30 + 16) * 15 / 2);
  run.search_settings["width"] = 3;
  EXPECT_EQ(plannedSteps(run, 30), 30 + 3 * ((30 + 16) * 15 / 2 - 30));
  run.search_settings = {{"width", 1}, {"direction", "backward"}};
  EXPECT_EQ(plannedSteps(run, 30), (30 + 5) * 26 / 2) << "until four are left";
  run.search_settings = {{"keep", "all of them"}};
  EXPECT_FALSE(plannedSteps(run, 30));
  run.search_settings = {{"width", 1}};
  run.budget = Budget::bytes(54'000'000, 8192);
  EXPECT_FALSE(plannedSteps(run, 30));
  run.method = "hand-rule";
  EXPECT_EQ(plannedSteps(run, 30), 1);
}

}  // namespace
}  // namespace interleave
