// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <gmock/gmock.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <thread>
#include <vector>

#include "backend/core/error.h"
#include "backend/engine/engine.h"
#include "tests/engine/collecting_sink.h"

namespace interleave {

/// What every engine promises, whatever it runs. A case is a type with
///   static std::unique_ptr<Engine> make();    // a run of at least 20 steps and some tenths of a second
///   static RunSpec spec();
///   static constexpr bool kSearches;          // false: once begun, it takes no changes
/// and INSTANTIATE_TYPED_TEST_SUITE_P(Name, EngineContract, Case) runs the promises on it.
template <class Case>
class EngineContract : public ::testing::Test {
 protected:
  using Clock = std::chrono::steady_clock;

  static bool isFinal(const PhaseEvent& event) {
    return event.phase == Phase::Done || event.phase == Phase::Stopped || event.phase == Phase::Failed;
  }

  /// The last event, and no other, says how the run ended.
  void expectEnd(const Outcome& outcome) const {
    const std::vector<Event> events = sink_.events();
    ASSERT_FALSE(events.empty());
    const auto* last = std::get_if<PhaseEvent>(&events.back());
    ASSERT_NE(last, nullptr);
    EXPECT_EQ(last->phase, outcome.phase);
    const auto phases = sink_.template all<PhaseEvent>();
    EXPECT_EQ(std::ranges::count_if(phases, isFinal), 1);
    const auto steps = sink_.template all<StepEvent>();
    if (!steps.empty()) {
      EXPECT_EQ(outcome.step, steps.back().step);
    }
  }

  template <class Call>
  static double secondsOf(Call call) {
    const auto began = Clock::now();
    call();
    return std::chrono::duration<double>(Clock::now() - began).count();
  }

  /// Equal in all that does not depend on the clock.
  static void expectSameSteps(const std::vector<StepEvent>& found, const std::vector<StepEvent>& expected) {
    ASSERT_EQ(found.size(), expected.size());
    for (std::size_t i = 0; i < expected.size(); ++i) {
      EXPECT_EQ(found[i].step, expected[i].step);
      EXPECT_EQ(found[i].tokens, expected[i].tokens);
      EXPECT_EQ(found[i].logits, expected[i].logits) << "step " << expected[i].step;
      EXPECT_EQ(found[i].probabilities, expected[i].probabilities) << "step " << expected[i].step;
      EXPECT_EQ(found[i].if_stopped_now, expected[i].if_stopped_now) << "step " << expected[i].step;
      for (const Metric metric : {Metric::Loss, Metric::HardTextLoss, Metric::Margin, Metric::Temperature}) {
        const auto column = static_cast<std::size_t>(metric);
        const double a = found[i].metrics[column], b = expected[i].metrics[column];
        EXPECT_TRUE(a == b || (std::isnan(a) && std::isnan(b))) << name(metric) << ", step " << expected[i].step;
      }
    }
  }

  CollectingSink sink_;  // Outlives the engine.
  std::unique_ptr<Engine> engine_ = Case::make();
};

TYPED_TEST_SUITE_P(EngineContract);

TYPED_TEST_P(EngineContract, StartsAtOnceAndTellsEveryStep) {
  EXPECT_LT(this->secondsOf([&] { this->engine_->start(TypeParam::spec(), this->sink_); }), 0.5);
  const Outcome outcome = this->engine_->wait();
  EXPECT_EQ(outcome.phase, Phase::Done);
  EXPECT_EQ(outcome.reason, "");
  this->expectEnd(outcome);
  const auto steps = this->sink_.template all<StepEvent>();
  ASSERT_GE(steps.size(), 20u);
  for (std::size_t i = 0; i < steps.size(); ++i) EXPECT_EQ(steps[i].step, static_cast<std::int64_t>(i + 1));
  const auto placements = this->sink_.template all<PlacementEvent>();
  ASSERT_EQ(outcome.placements.size(), placements.size());
  ASSERT_FALSE(placements.empty());
  EXPECT_EQ(outcome.placements[0].placement, placements[0].placement);
}

TYPED_TEST_P(EngineContract, RunsOneAtATimeAndAgainAfterwards) {
  EXPECT_THROW(this->engine_->wait(), Error);
  this->engine_->start(TypeParam::spec(), this->sink_);
  try {
    this->engine_->start(TypeParam::spec(), this->sink_);
    FAIL() << "a second run was started";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::Usage);
  }
  this->engine_->stop();
  EXPECT_EQ(this->engine_->wait().phase, Phase::Stopped);
  CollectingSink second;
  this->engine_->start(TypeParam::spec(), second);
  EXPECT_EQ(this->engine_->wait().phase, Phase::Done);
  EXPECT_EQ(this->engine_->wait().phase, Phase::Done);
}

TYPED_TEST_P(EngineContract, APauseHoldsUntilResumed) {
  this->engine_->start(TypeParam::spec(), this->sink_);
  ASSERT_TRUE(this->sink_.waitForStep(3));
  EXPECT_LT(this->secondsOf([&] { this->engine_->pause(); }), 0.5);
  ASSERT_TRUE(this->sink_.waitForPhase(Phase::Paused));
  const std::size_t before = this->sink_.events().size();
  std::this_thread::sleep_for(std::chrono::milliseconds(100));
  EXPECT_EQ(this->sink_.events().size(), before);
  EXPECT_LT(this->secondsOf([&] { this->engine_->resume(); }), 0.5);
  const Outcome outcome = this->engine_->wait();
  EXPECT_EQ(outcome.phase, Phase::Done);
  this->expectEnd(outcome);
}

TYPED_TEST_P(EngineContract, StopsWithinASecond) {
  this->engine_->start(TypeParam::spec(), this->sink_);
  ASSERT_TRUE(this->sink_.waitForStep(3));
  EXPECT_LT(this->secondsOf([&] { this->engine_->stop(); }), 0.5);
  Outcome outcome;
  EXPECT_LT(this->secondsOf([&] { outcome = this->engine_->wait(); }), 1.0);
  EXPECT_EQ(outcome.phase, Phase::Stopped);
  this->expectEnd(outcome);
}

TYPED_TEST_P(EngineContract, StopsWhileLoadingAndWhilePaused) {
  this->engine_->start(TypeParam::spec(), this->sink_);
  this->engine_->stop();
  EXPECT_EQ(this->engine_->wait().phase, Phase::Stopped);

  CollectingSink paused;
  this->engine_->start(TypeParam::spec(), paused);
  ASSERT_TRUE(paused.waitForStep(1));
  this->engine_->pause();
  ASSERT_TRUE(paused.waitForPhase(Phase::Paused));
  this->engine_->stop();
  EXPECT_EQ(this->engine_->wait().phase, Phase::Stopped);
}

TYPED_TEST_P(EngineContract, GoingAwayStopsTheRun) {
  this->engine_->start(TypeParam::spec(), this->sink_);
  ASSERT_TRUE(this->sink_.waitForStep(1));
  EXPECT_LT(this->secondsOf([&] { this->engine_.reset(); }), 1.0);
  EXPECT_TRUE(this->sink_.waitForPhase(Phase::Stopped));
}

TYPED_TEST_P(EngineContract, AnyThreadMayCallAnything) {
  this->engine_->start(TypeParam::spec(), this->sink_);
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([this, i] {
      for (int call = 0; call < 50; ++call) {
        this->engine_->pause();
        Intervention change;
        change.key = "temperature";
        change.value = 0.5 + 0.1 * i;
        this->engine_->intervene(change);
        this->engine_->resume();
      }
      this->engine_->wait();
    });
  }
  EXPECT_EQ(this->engine_->wait().phase, Phase::Done);
  for (std::thread& thread : threads) thread.join();
}

TYPED_TEST_P(EngineContract, RepeatsItself) {
  CollectingSink second;
  this->engine_->start(TypeParam::spec(), this->sink_);
  this->engine_->wait();
  const auto other = TypeParam::make();
  other->start(TypeParam::spec(), second);
  other->wait();
  this->expectSameSteps(second.template all<StepEvent>(), this->sink_.template all<StepEvent>());
}

TYPED_TEST_P(EngineContract, RecordsChangesAndRepeatsThemOnResume) {
  if (!TypeParam::kSearches) GTEST_SKIP() << "it cannot be changed";
  RunSpec spec = TypeParam::spec();
  this->engine_->start(spec, this->sink_);
  ASSERT_TRUE(this->sink_.waitForStep(5));
  Intervention pin;
  pin.kind = Intervention::Kind::Pin;
  pin.layer = 0;
  pin.mixer = MixerKind::Full;
  this->engine_->intervene(pin);
  EXPECT_EQ(this->engine_->wait().phase, Phase::Done);

  const auto changes = this->sink_.template all<InterventionEvent>();
  ASSERT_EQ(changes.size(), 1u);
  const std::int64_t at = changes[0].change.step;
  EXPECT_GT(at, 5);
  const auto steps = this->sink_.template all<StepEvent>();
  for (const StepEvent& step : steps) {
    if (step.step >= at) {
      EXPECT_EQ(step.if_stopped_now[0], MixerKind::Full) << "step " << step.step;
    }
  }
  // From a checkpoint before the change, and from one after it.
  for (const std::int64_t from : {at - 2, at + 2}) {
    CollectingSink resumed;
    spec.resume_from = steps[static_cast<std::size_t>(from - 1)].checkpoint;
    ASSERT_EQ(spec.resume_from->step, from);
    spec.interventions = {changes[0].change};
    this->engine_->start(spec, resumed);
    EXPECT_EQ(this->engine_->wait().phase, Phase::Done);
    this->expectSameSteps(resumed.all<StepEvent>(), {steps.begin() + from, steps.end()});
    EXPECT_EQ(resumed.all<InterventionEvent>().size(), from < at ? 1u : 0u);
  }
}

REGISTER_TYPED_TEST_SUITE_P(EngineContract, StartsAtOnceAndTellsEveryStep, RunsOneAtATimeAndAgainAfterwards,
                            APauseHoldsUntilResumed, StopsWithinASecond, StopsWhileLoadingAndWhilePaused,
                            GoingAwayStopsTheRun, AnyThreadMayCallAnything, RepeatsItself,
                            RecordsChangesAndRepeatsThemOnResume);

}  // namespace interleave
