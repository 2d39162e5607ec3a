// SPDX-License-Identifier: GPL-3.0-or-later
#include "backend/engine/mock_engine.h"

#include <numeric>

#include "tests/engine/engine_contract.h"

namespace interleave {
namespace {

RunSpec specWithSeed(std::uint64_t seed) {
  RunSpec spec;
  spec.seed = seed;
  return spec;
}

struct MockCase {
  static constexpr bool kSearches = true;
  static std::unique_ptr<Engine> make() {
    MockScript script;
    script.steps_per_second = 100;
    script.alignment_steps = 2;
    return makeMockEngine(script);
  }
  static RunSpec spec() { return specWithSeed(7); }
};
INSTANTIATE_TYPED_TEST_SUITE_P(Mock, EngineContract, MockCase);

void play(const MockScript& script, const RunSpec& spec, CollectingSink& sink) {
  const auto engine = makeMockEngine(script);
  engine->start(spec, sink);
  engine->wait();
}

TEST(MockEngine, TellsEveryKindOfEventInOrder) {
  CollectingSink sink;
  play({}, specWithSeed(1), sink);
  EXPECT_EQ(sink.all<StepEvent>().size(), 48u);
  EXPECT_EQ(sink.all<AlignmentEvent>().size(), 20u);
  EXPECT_EQ(sink.all<EnvironmentEvent>().size(), 1u);
  EXPECT_EQ(sink.all<ScoreEvent>().size(), 3u);
  EXPECT_GE(sink.all<LogEvent>().size(), 1u);
  EXPECT_GE(sink.all<PlacementEvent>().size(), 20u);
  EXPECT_EQ(sink.all<PlacementEvent>()[0].budget, Budget::layers(8));
  std::vector<Phase> phases;
  for (const PhaseEvent& event : sink.all<PhaseEvent>()) {
    if (phases.empty() || phases.back() != event.phase) phases.push_back(event.phase);
  }
  EXPECT_THAT(phases,
              testing::ElementsAre(Phase::Loading, Phase::Preparing, Phase::Searching, Phase::Evaluating, Phase::Done));
}

TEST(MockEngine, MeetsTheBudgetAtEveryStepAndSeparatesTheLayers) {
  CollectingSink sink;
  MockScript script;
  script.steps = 100;
  script.operators = {MixerKind::Full, MixerKind::SlidingWindow, MixerKind::GdnWindow};
  play(script, specWithSeed(2), sink);
  const auto steps = sink.all<StepEvent>();
  for (const StepEvent& step : steps) {
    double full = 0;
    for (std::size_t layer = 0; layer < 30; ++layer) {
      const auto row = std::span(step.probabilities).subspan(3 * layer, 3);
      full += row[0];
      EXPECT_NEAR(std::accumulate(row.begin(), row.end(), 0.0), 1, 1e-5);
    }
    EXPECT_NEAR(full, 8, 1e-3);
    EXPECT_EQ(step.if_stopped_now.fullCount(), 8);
  }
  const auto entropy = [](const StepEvent& step) { return step.metrics[static_cast<std::size_t>(Metric::Entropy)]; };
  EXPECT_LT(entropy(steps.back()), 0.8 * entropy(steps.front()));
  EXPECT_EQ(sink.all<PlacementEvent>()[0].placement, steps.back().if_stopped_now);
}

TEST(MockEngine, AnotherSeedIsAnotherRun) {
  CollectingSink one, two;
  play({}, specWithSeed(1), one);
  play({}, specWithSeed(2), two);
  EXPECT_NE(one.all<PlacementEvent>()[0].placement, two.all<PlacementEvent>()[0].placement);
}

TEST(MockEngine, TakesABudgetInBytesAndALiveChangeOfIt) {
  RunSpec spec = specWithSeed(3);
  spec.budget = Budget::bytes(40'000'000, 8192);
  CollectingSink bytes, changed;
  play({}, spec, bytes);
  const PlacementEvent found = bytes.all<PlacementEvent>()[0];
  const CostTable costs = mockCosts(8192, 30);
  EXPECT_LE(costs.cacheBytes(found.placement), 40'000'000);
  EXPECT_GT(costs.cacheBytes(found.placement), 30'000'000);

  Intervention change;
  change.step = 10;
  change.key = "budget";
  change.value = "3";
  spec.interventions = {change};
  play({}, spec, changed);
  EXPECT_EQ(changed.all<StepEvent>()[8].if_stopped_now.fullCount(), found.placement.fullCount());
  EXPECT_EQ(changed.all<StepEvent>()[9].if_stopped_now.fullCount(), 3);
}

TEST(MockEngine, FailsWhereTheScriptSays) {
  MockScript script;
  script.fail_at_step = 5;
  CollectingSink sink;
  const auto engine = makeMockEngine(script);
  engine->start(specWithSeed(1), sink);
  const Outcome outcome = engine->wait();
  EXPECT_EQ(outcome.phase, Phase::Failed);
  EXPECT_EQ(outcome.step, 5);
  EXPECT_THAT(outcome.reason, testing::HasSubstr("step 5"));
  EXPECT_EQ(sink.all<PhaseEvent>().back().title, outcome.reason);
}

TEST(MockEngine, RefusesACheckpointOfAnotherModel) {
  CollectingSink sink, other;
  play({}, specWithSeed(1), sink);
  MockScript script;
  script.layers = 12;
  for (const Checkpoint& checkpoint : {sink.all<StepEvent>()[3].checkpoint, Checkpoint{3, "{"}}) {
    RunSpec spec = specWithSeed(1);
    spec.resume_from = checkpoint;
    const auto engine = makeMockEngine(script);
    engine->start(spec, other);
    const Outcome outcome = engine->wait();
    EXPECT_EQ(outcome.phase, Phase::Failed);
    EXPECT_EQ(outcome.error, ErrorKind::BadInput);
  }
}

}  // namespace
}  // namespace interleave
