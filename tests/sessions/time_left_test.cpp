// SPDX-License-Identifier: GPL-3.0-or-later
#include "sessions/time_left.h"

#include <gtest/gtest.h>

#include "sessions/work.h"

namespace interleave {
namespace {

PhaseEvent phase(Phase which, const char* title = "", double fraction = -1) { return {which, title, fraction}; }

StepEvent step(std::int64_t number, std::int64_t steps) {
  StepEvent event;
  event.step = number;
  event.steps = steps;
  return event;
}

AlignmentEvent alignment(std::int64_t number, std::int64_t steps) {
  AlignmentEvent event;
  event.step = number;
  event.steps = steps;
  return event;
}

RunSpec dash() {
  RunSpec run;
  run.bank_settings = {{"tokens", 1000}, {"held_out_sequences", 0}, {"sequence_length", 100}};
  run.search_settings = {{"steps", 100},        {"text_tokens", 100}, {"prompt_tokens", 100},
                         {"prompt_share", 0.5}, {"extract", ""},      {"repair", "off"}};
  return run;
}

TEST(RecentPaceTest, TheLastOnesTellIt) {
  RecentPace pace;
  EXPECT_FALSE(pace.known());
  for (int i = 0; i <= 100; ++i) pace.observe(i, i);  // a second each
  EXPECT_NEAR(pace.secondsPer(100), 1, 1e-9);
  for (int i = 1; i <= 20; ++i) pace.observe(100 + i, 100 + 10.0 * i);  // then ten
  EXPECT_NEAR(pace.secondsPer(300), 10, 1e-9) << "what was long ago does not count";
  EXPECT_GT(pace.secondsPer(377), 15) << "one that takes 77 seconds counts before it is done";
}

TEST(TimeLeftTest, IsOfTheWholeRun) {
  const RunSpec run = dash();
  TimeLeft time(run, std::nullopt, 0);
  EXPECT_LT(time.left(0).seconds, 0) << "nothing is known yet";
  time.observe(phase(Phase::Preparing), 10);
  for (int i = 1; i <= 10; ++i) time.observe(alignment(i, 20), 10 + 4.0 * i);
  // Ten of twenty steps are left of the bank, and the search behind it: its work, at the bank's pace.
  const double search = 80 / workOfBank(run.bank_settings) * (100 * workOfStep(run, 0) + workAfterSteps(run, 0));
  EXPECT_NEAR(time.left(50).seconds, 10 * 4 + search, 1);
  EXPECT_TRUE(time.left(50).rough);
  const RunSpec known = dash();
  TimeLeft like(known, 2.0, 0);
  like.observe(phase(Phase::Preparing), 10);
  for (int i = 1; i <= 10; ++i) like.observe(alignment(i, 20), 10 + 4.0 * i);
  EXPECT_NEAR(like.left(50).seconds, 40 + 2 * (100 + workAfterSteps(known, 0) / workOfStep(known, 0)), 1)
      << "as runs like it took";
}

TEST(TimeLeftTest, IsNeverZeroWithWorkToDo) {
  const RunSpec run = dash();
  TimeLeft time(run, std::nullopt, 0);
  time.observe(phase(Phase::Searching, "Searching"), 0);
  for (int i = 1; i <= 100; ++i) time.observe(step(i, 100), i);
  const double after = workAfterSteps(run, 0) / workOfStep(run, 0);
  ASSERT_GT(after, 1);
  EXPECT_NEAR(time.left(100).seconds, after, 1e-6) << "what comes behind the steps";
  time.observe(phase(Phase::Searching, "Measuring what was found", 0), 101);
  EXPECT_GE(time.left(1000).seconds, 1) << "longer than was thought";
  time.observe(phase(Phase::Searching, "Measuring what was found", 0.5), 1001);
  EXPECT_NEAR(time.left(1001).seconds, 900, 1);
  time.observe(phase(Phase::Done), 1500);
  EXPECT_EQ(time.left(1500).seconds, 0);
}

TEST(TimeLeftTest, StandsStillWhileTheRunIsPaused) {
  TimeLeft time(dash(), std::nullopt, 0);
  time.observe(phase(Phase::Searching, "Searching"), 0);
  for (int i = 1; i <= 10; ++i) time.observe(step(i, 100), 2.0 * i);
  const double left = time.left(20.5).seconds;
  time.observe(phase(Phase::Paused, "Searching"), 20.5);
  EXPECT_DOUBLE_EQ(time.left(500).seconds, left);
  EXPECT_DOUBLE_EQ(time.elapsed(500), 20.5);
  time.observe(phase(Phase::Searching, "Searching"), 1000);
  EXPECT_NEAR(time.left(1000).seconds, left, 1e-9);
  time.observe(step(11, 100), 1001.5);
  EXPECT_NEAR(time.left(1001.5).seconds, left - 1.5, 0.2) << "the pause is no part of a step";
}

TEST(TimeLeftTest, ARunThatGoesOnCountsWhatIsLeftOfIt) {
  RunSpec run = dash();
  run.resume_from = Checkpoint{60, {}};
  TimeLeft time(run, std::nullopt, 0);
  time.observe(phase(Phase::Searching, "Searching"), 5);
  time.observe(step(61, 100), 8);
  time.observe(step(62, 100), 11);
  const double after = 3 * workAfterSteps(run, 0) / workOfStep(run, 0);
  EXPECT_NEAR(time.left(11).seconds, 38 * 3 + after, 1e-6) << "at 3 seconds a step, not at 11 for 62";
}

}  // namespace
}  // namespace interleave
