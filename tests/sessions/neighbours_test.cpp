// SPDX-License-Identifier: GPL-3.0-or-later
#include "sessions/neighbours.h"

#include <gmock/gmock.h>

#include "backend/core/error.h"
#include "tests/support/error_of.h"
#include "tests/support/temporary_folder.h"

namespace interleave {
namespace {

using test::errorOf;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

class NeighboursTest : public ::testing::Test {
 protected:
  /// A run that is done, of a method with settings; it found the first `kept` layers.
  RunId add(const std::string& method, const nlohmann::json& settings, int kept, const std::string& model = "one",
            std::uint64_t seed = 0) {
    RunSpec spec;
    spec.method = method;
    spec.preset.clear();
    spec.search_settings = settings;
    spec.seed = seed;
    const RunId id = writer_.addRun(spec);
    EnvironmentEvent environment;
    environment.layers = 4;
    environment.model_fingerprint = model;
    writer_.record(id, environment);
    StepEvent step;
    step.operators = {MixerKind::Full, MixerKind::SlidingWindow};
    step.steps = 2;
    step.logits.assign(8, 0);
    for (step.step = 1; step.step <= 2; ++step.step) {
      step.probabilities.assign(8, static_cast<float>(step.step) / 4);
      step.if_stopped_now = first(kept);
      writer_.record(id, step);
    }
    PlacementEvent found;
    found.budget = Budget::layers(kept);
    found.placement = first(kept);
    writer_.record(id, found);
    writer_.setPhase(id, Phase::Done, "");
    return id;
  }
  static Placement first(int kept) {
    Placement placement(4, MixerKind::SlidingWindow);
    for (int layer = 0; layer < kept; ++layer) placement.set(layer, MixerKind::Full);
    return placement;
  }
  Neighbours of(RunId run) {
    EXPECT_TRUE(writer_.flush());
    return neighboursOf(Store::open(file_), run);
  }

  const test::TemporaryFolder folder_;
  const std::filesystem::path file_ = folder_ / "runs.sqlite";
  StoreWriter writer_{file_};
};

TEST_F(NeighboursTest, TellWhatOthersOfTheModelFound) {
  const RunId run = add("enumeration", {{"sample", 0}}, 1);
  add("dash", {{"steps", 4}}, 2);
  add("halo", {{"examples", 3}}, 2, "one", 5);
  add("dash", {{"steps", 4}}, 3, "another");
  const Neighbours found = of(run);
  ASSERT_EQ(found.found.size(), 1u);
  EXPECT_EQ(found.found.at(first(2)), "dash seed 0 (run 2); halo seed 5 (run 3)");
  EXPECT_THAT(found.sweep.points, IsEmpty());
}

TEST_F(NeighboursTest, AreASweepWhereOneNumberDiffersAlone) {
  const auto settings = [](double weight, int steps, const char* budget = "") {
    return nlohmann::json{{"gate_weight", weight}, {"steps", steps}, {"extract", budget}};
  };
  const RunId middle = add("flashmorph", settings(.1, 8), 1);
  const RunId large = add("flashmorph", settings(1, 8, "4"), 2), small = add("flashmorph", settings(.01, 8), 3);
  add("flashmorph", settings(.1, 16), 1);            // in another setting, once
  add("flashmorph", settings(.5, 16), 1);            // in two
  add("flashmorph", settings(.2, 8), 1, "another");  // of another model
  add("flashmorph", settings(.3, 8), 1, "one", 1);   // of another seed
  add("dash", settings(.4, 8), 1);                   // by another method
  const Sweep found = of(middle).sweep;
  EXPECT_EQ(found.setting, "gate_weight");
  std::vector<RunId> runs;
  std::vector<double> values;
  for (const Sweep::Point& point : found.points) {
    runs.push_back(point.run);
    values.push_back(point.value);
    EXPECT_EQ(point.last.step, 2) << "at the end";
    EXPECT_EQ(point.last.probabilities.front(), .5F);
  }
  EXPECT_THAT(runs, ElementsAre(small, middle, large));
  EXPECT_THAT(values, ElementsAre(.01, .1, 1));
}

TEST_F(NeighboursTest, ARunThatIsNotDoneIsInNoSweep) {
  const RunId done = add("flashmorph", {{"gate_weight", .1}}, 1), other = add("flashmorph", {{"gate_weight", .2}}, 1);
  EXPECT_EQ(of(done).sweep.points.size(), 2u);
  writer_.setPhase(other, Phase::Searching, "");
  EXPECT_THAT(of(done).sweep.points, IsEmpty());
  EXPECT_THAT(of(other).sweep.points, IsEmpty());
}

TEST_F(NeighboursTest, OfNoRunAreAnError) {
  EXPECT_EQ(errorOf([&] { of(3); }).kind(), ErrorKind::Usage);
}

TEST_F(NeighboursTest, WhatAnEnumerationHasNotTriedIsHeldInItsOperators) {
  const RunId truth = add("enumeration", {}, 2);
  writer_.record(truth, TrialEvent{.step = 3, .placement = first(2), .text = {1}, .prompts = {}});
  add("beam", {}, 3);       // keeps too many layers
  add("hand-rule", {}, 2);  // tried
  const RunId other = add("dash", {}, 1);
  const Placement found = Placement::keeping(4, std::vector{0, 3}, MixerKind::Gdn);
  writer_.record(other, PlacementEvent{.budget = Budget::layers(2), .placement = found});
  EnvironmentEvent environment;
  environment.layers = 4;
  environment.model_fingerprint = "one";
  environment.operators = {MixerKind::Full, MixerKind::SlidingWindow};
  writer_.record(truth, environment);
  ASSERT_TRUE(writer_.flush());
  const Untried untried = untriedIn(Store::open(file_), truth);
  const Placement its = Placement::keeping(4, std::vector{0, 3}, MixerKind::SlidingWindow);
  EXPECT_THAT(untried.placements, ElementsAre(its));
  EXPECT_EQ(untried.next_step, 4);
  EXPECT_THAT(of(truth).found.at(its), ::testing::HasSubstr("with other operators"));
}

TEST(MethodNames, TellRunsOfOneMethodApart) {
  const auto run = [](const std::string& method, const std::string& preset, const nlohmann::json& settings) {
    RunSpec spec;
    spec.method = method;
    spec.preset = preset;
    spec.search_settings = settings;
    return spec;
  };
  RunSpec seed = run("dash", "laptop", {{"steps", 48}, {"extract", "4"}});
  seed.seed = 7;
  seed.budget = Budget::layers(3);
  const std::vector<RunSpec> runs{run("dash", "laptop", {{"steps", 48}}),
                                  seed,
                                  run("beam", "greedy", {{"width", 1}}),
                                  run("beam", "beam", {{"width", 3}}),
                                  run("halo", "halo", {{"measure", "nll"}, {"examples", 8}}),
                                  run("halo", "halo", {{"measure", "probability"}, {"examples", 8}}),
                                  run("kl-ls", "", nullptr)};
  EXPECT_THAT(methodNamesAmong(runs), ElementsAre("dash", "dash", "beam (greedy)", "beam (beam)",
                                                  "halo (measure = nll)", "halo (measure = probability)", "kl-ls"));
  EXPECT_THAT(methodNamesAmong({}), IsEmpty());
}

}  // namespace
}  // namespace interleave
