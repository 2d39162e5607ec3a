// SPDX-License-Identifier: GPL-3.0-or-later
#include "backend/engine/replay_engine.h"

#include <limits>

#include "backend/engine/mock_engine.h"
#include "tests/engine/engine_contract.h"

namespace interleave {
namespace {

constexpr double kAtOnce = std::numeric_limits<double>::infinity();

std::vector<Event> recorded(const MockScript& script = {}) {
  CollectingSink sink;
  const auto engine = makeMockEngine(script);
  engine->start({}, sink);
  engine->wait();
  return sink.events();
}

struct ReplayCase {
  static constexpr bool kSearches = false;
  static std::unique_ptr<Engine> make() {
    return makeReplayEngine(recorded(), std::make_shared<ReplaySpeed>(5));  // 48 steps of 10 ms
  }
  static RunSpec spec() { return {}; }
};
INSTANTIATE_TYPED_TEST_SUITE_P(Replay, EngineContract, ReplayCase);

Outcome play(std::vector<Event> events, CollectingSink& sink, double speed = kAtOnce) {
  const auto engine = makeReplayEngine(std::move(events), std::make_shared<ReplaySpeed>(speed));
  engine->start({}, sink);
  return engine->wait();
}

TEST(ReplayEngine, PlaysWhatWasRecorded) {
  const std::vector<Event> events = recorded();
  CollectingSink sink;
  EXPECT_EQ(play(events, sink).phase, Phase::Done);
  const auto played = sink.events();
  ASSERT_EQ(played.size(), events.size());
  for (std::size_t i = 0; i < events.size(); ++i) EXPECT_EQ(played[i].index(), events[i].index()) << i;
}

TEST(ReplayEngine, GoesAsFastAsItIsTold) {
  std::vector<Event> events;
  for (int i = 1; i <= 5; ++i) {
    StepEvent step;
    step.step = i;
    step.seconds = i;
    events.emplace_back(step);
  }
  const auto took = [&](double speed) {
    CollectingSink sink;
    const auto began = std::chrono::steady_clock::now();
    play(events, sink, speed);
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
  };
  EXPECT_GE(took(10), 0.39);  // the first step's own time has no beginning
  EXPECT_LT(took(1000), 0.4);
}

TEST(ReplayEngine, TakesUpANewSpeedWhileItWaits) {
  StepEvent first, second;
  first.step = 1;
  second.step = 2;
  second.seconds = 1000;
  CollectingSink sink;
  const auto speed = std::make_shared<ReplaySpeed>(1);
  const auto engine = makeReplayEngine({first, second}, speed);
  engine->start({}, sink);
  speed->store(kAtOnce);
  EXPECT_TRUE(sink.waitForStep(2));
}

TEST(ReplayEngine, EndsAsTheRunEnded) {
  MockScript script;
  script.fail_at_step = 4;
  std::vector<Event> failed = recorded(script);
  CollectingSink one, two, three;
  const Outcome outcome = play(failed, one);
  EXPECT_EQ(outcome.phase, Phase::Failed);
  EXPECT_THAT(outcome.reason, testing::HasSubstr("scripted failure"));

  failed.back() = PhaseEvent{Phase::Stopped, {}};
  EXPECT_EQ(play(failed, two).phase, Phase::Stopped);

  failed.emplace_back(PhaseEvent{Phase::Searching, {}});  // It was resumed, and nothing says how it ended then.
  EXPECT_EQ(play(failed, three).phase, Phase::Done);
}

TEST(ReplayEngine, RefusesChangesWithALogLine) {
  CollectingSink sink;
  const auto engine = ReplayCase::make();
  engine->start({}, sink);
  engine->intervene({});
  engine->wait();
  EXPECT_TRUE(sink.all<InterventionEvent>().empty());
  const auto lines = sink.all<LogEvent>();
  EXPECT_EQ(std::ranges::count(lines, LogEvent::Level::Warning, &LogEvent::level), 1);
}

}  // namespace
}  // namespace interleave
