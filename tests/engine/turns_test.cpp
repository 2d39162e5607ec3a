// SPDX-License-Identifier: GPL-3.0-or-later
#include "backend/engine/turns.h"

#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <latch>
#include <thread>

#include "backend/engine/mock_engine.h"
#include "tests/engine/collecting_sink.h"

namespace interleave {
namespace {

/// Of the time that a run of steps of `step` seconds gets beside a job whose pieces of `piece` seconds cannot be
/// interrupted.
double shareOfRun(double step, double piece) {
  TurnRule rule(Turns::kShare);
  double run = 0, job = 0;
  for (int turns = 0;;) {
    rule.runWorked(step, true);
    run += step;
    if (!rule.jobIsDue()) continue;
    if (turns == 5) break;  // and the last one's debt is paid
    double turn = 0;
    do turn += piece;
    while (!rule.jobIsOver(turn));
    rule.jobWorked(turn);
    job += turn;
    ++turns;
  }
  return run / (run + job);
}

TEST(TurnRuleTest, TheRunKeepsItsShareWhateverPiecesAreLong) {
  for (const double step : {0.01, 0.5, 4.0, 77.0}) {
    for (const double piece : {0.001, 0.3, 5.0, 60.0}) {
      const double share = shareOfRun(step, piece);
      EXPECT_GE(share, 0.8) << step << " " << piece;
      EXPECT_LE(share, 0.98) << "the job goes on, too: " << step << " " << piece;
    }
  }
}

TEST(TurnRuleTest, NothingIsSavedUpWhileNoJobWaits) {
  TurnRule rule(0.2);
  rule.runWorked(1000, false);
  EXPECT_FALSE(rule.jobIsDue());
  rule.runWorked(4, true);
  EXPECT_TRUE(rule.jobIsDue());
  EXPECT_FALSE(rule.jobIsOver(0.9));
  EXPECT_TRUE(rule.jobIsOver(1));
  rule.jobWorked(10);  // a piece that could not be interrupted
  rule.runWorked(30, false);
  EXPECT_FALSE(rule.jobIsDue()) << "the debt stays when the job is gone";
  rule.runWorked(8, true);
  EXPECT_TRUE(rule.jobIsDue());
}

/// A job's own progress.
class Watched final : public Progress {
 public:
  void report(std::string_view title, double) override {
    const std::lock_guard guard(mutex_);
    title_ = title;
  }
  bool stopRequested() const override { return stop; }
  std::string title() const {
    const std::lock_guard guard(mutex_);
    return title_;
  }
  std::atomic<bool> stop = false;

 private:
  mutable std::mutex mutex_;
  std::string title_;
};

const auto never = [] { return false; };

template <class Condition>
bool comesTrue(Condition condition) {
  for (int i = 0; i < 2000; ++i) {
    if (condition()) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  return false;
}

TEST(TurnsTest, AJobWaitsForTheRunsNextStepAndSaysSo) {
  Turns turns;
  turns.runBegins(never);
  Watched watched;
  std::atomic<int> pieces = 0;
  std::thread job([&] {
    TurnProgress progress(turns, watched);
    for (; pieces < 100; ++pieces) progress.report("measuring", 0);
  });
  EXPECT_TRUE(comesTrue([&] { return watched.title() == "waits for the run's next step"; }));
  EXPECT_EQ(pieces, 0) << "the run computes";
  EXPECT_EQ(turns.state().jobs, 1);
  EXPECT_TRUE(turns.state().run);
  turns.runEnds();  // it is paused: the job has all of the time
  job.join();
  EXPECT_EQ(pieces, 100);
  EXPECT_EQ(watched.title(), "measuring");
  EXPECT_EQ(turns.state().jobs, 0);
}

TEST(TurnsTest, ARunGoesOnWhenTheJobHasHadItsTurn) {
  Turns turns;
  turns.runBegins(never);
  Watched watched;
  std::atomic<int> pieces = 0;
  std::thread job([&] {
    TurnProgress progress(turns, watched);
    while (!progress.stopRequested()) {
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
      ++pieces;
      progress.report("measuring", 0);
    }
  });
  ASSERT_TRUE(comesTrue([&] { return !watched.title().empty(); }));
  int before = 0, turns_had = 0;
  for (int step = 0; step < 40; ++step) {
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
    const int during = pieces;
    EXPECT_EQ(during, before) << "it computes only where the run rests";
    turns.runRests(never);
    turns_had += pieces > during ? 1 : 0;
    before = pieces;
  }
  EXPECT_GT(turns_had, 0);
  EXPECT_LT(turns_had, 40);
  watched.stop = true;
  turns.runEnds();
  job.join();
}

TEST(TurnsTest, JobsComeOneAtATime) {
  Turns turns;
  Watched first, second;
  std::latch end(1);
  std::thread job([&] {
    TurnProgress progress(turns, first);
    end.wait();
  });
  ASSERT_TRUE(comesTrue([&] { return turns.state().jobs == 1; }));
  auto other = std::async(std::launch::async, [&] { TurnProgress progress(turns, second); });
  EXPECT_TRUE(comesTrue([&] { return second.title() == "waits for the job before it"; }));
  end.count_down();
  job.join();
  other.get();
  EXPECT_EQ(turns.state().jobs, 0);
}

TEST(TurnsTest, AJobThatIsStoppedWhileItWaitsLeavesNothingBehind) {
  Turns turns;
  turns.runBegins(never);
  Watched watched;
  auto job = std::async(std::launch::async, [&] { TurnProgress progress(turns, watched); });
  ASSERT_TRUE(comesTrue([&] { return turns.state().jobs == 1; }));
  watched.stop = true;
  EXPECT_THROW(job.get(), Error);
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  turns.runRests(never);  // would wait for ever
  EXPECT_EQ(turns.state().jobs, 0);
  turns.runEnds();
}

TEST(TurnsTest, ARunThatIsStoppedDoesNotWaitForAJob) {
  const auto turns = std::make_shared<Turns>();
  const auto engine = makeMockEngine({.steps = 100000, .steps_per_second = 200}, turns);
  CollectingSink sink;
  Watched watched;
  std::latch begun(1), end(1);
  std::thread job([&] {
    TurnProgress progress(*turns, watched);
    begun.count_down();
    end.wait();  // in the middle of a piece
  });
  begun.wait();
  engine->start({}, sink);  // waits for the job to hold
  engine->stop();
  EXPECT_EQ(engine->wait().phase, Phase::Stopped);
  end.count_down();
  job.join();
}

}  // namespace
}  // namespace interleave
