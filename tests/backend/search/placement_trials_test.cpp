// SPDX-License-Identifier: GPL-3.0-or-later
#include "backend/search/placement_trials.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <set>
#include <utility>

#include "backend/core/random.h"
#include "backend/search/placement_loss.h"
#include "backend/search/trial_methods.h"
#include "tests/backend/search/watcher.h"
#include "tests/backend/support/teacher.h"
#include "tests/backend/support/tiny_model.h"
#include "tests/support/error_of.h"
#include "tests/support/temporary_folder.h"

namespace interleave {
namespace {

using nlohmann::json;
using test::errorOf;
using test::TemporaryFolder;
using testing::Teacher;
using testing::Watcher;

constexpr int kLayers = 6;
constexpr MixerKind kOther = MixerKind::SlidingWindow;

class TrialTest : public ::testing::Test {
 protected:
  TrialTest() {
    input_.model = teacher_.model;
    input_.bank = CandidateBank::untrained(teacher_.model, {.sliding = {2, 0}});
    input_.tokenizer = std::make_shared<const Tokenizer>(Tokenizer::from(ModelFiles::open(path_)));
    input_.spec.budget = Budget::layers(2);
  }

  void set(std::span<const SettingSpec> table, const json& changes) {
    Settings settings(table);
    settings.merge({{"operators", "full,swa"},
                    {"batches", 3},
                    {"text_tokens", 40},
                    {"text_positions", 30},
                    {"prompt_tokens", 200}},
                   "test");
    settings.merge(changes, "test");
    input_.spec.search_settings = settings.json();
  }

  double meanLoss(const Placement& placement, SearchData::Part part) const {
    Settings settings(beamSettings());
    settings.merge({{"operators", "full,swa"}, {"text_tokens", 40}, {"text_positions", 30}, {"prompt_tokens", 200}},
                   "test");
    const Objective objective(input_.bank, {MixerKind::Full, kOther}, false);
    const SearchData data(input_, settings, part);
    double sum = 0;
    for (std::int64_t i = 0; i < 3; ++i) {
      const SearchBatch batch = data.batch(i);
      sum += objective.hard(batch, objective.target(batch), placement) / 3;
    }
    return sum;
  }

  const TemporaryFolder folder_;
  const std::filesystem::path path_ = testing::writePlantedModel(folder_ / "model", {1, 4});
  const Teacher teacher_{path_, {"cpu", at::kDouble}};
  MethodInput input_;
};

TEST_F(TrialTest, LossesFromKeptStreamsAreThoseFromTheStart) {
  const Objective objective(input_.bank, {MixerKind::Full, kOther}, false);
  for (const LossKind loss : {LossKind::Kl, LossKind::HiddenMse, LossKind::LayerMean}) {
    SearchBatch batch;
    for (std::int32_t i = 0; i < 50; ++i) batch.ids.push_back((11 * i * i + 5 * i) % 256);
    batch.positions = {7, 20, 48};
    batch.loss = loss;
    const TeacherTarget target = objective.target(batch);
    for (const std::int64_t bytes : {std::int64_t{1} << 30, std::int64_t{20'000}, std::int64_t{1}}) {
      PlacementLoss losses(objective, {batch}, false, bytes);
      Random random(3);
      NoProgress progress;
      for (int i = 0; i < 20; ++i) {
        Placement placement(kLayers, kOther);
        for (int layer = 0; layer < kLayers; ++layer) {
          if (random.below(2) == 1) placement.set(layer, MixerKind::Full);
        }
        EXPECT_EQ(losses.losses(placement, progress).at(0), objective.hard(batch, target, placement));
        if (i % 7 != 0) continue;
        EXPECT_EQ(losses.losses(placement, progress).at(0), objective.hard(batch, target, placement)) << "once more";
      }
    }
  }
}

TEST_F(TrialTest, OnPromptsAloneTheAnswerSeesFullAttentionEverywhere) {
  const Objective objective(input_.bank, {MixerKind::Full, kOther}, false);
  SearchBatch batch;
  for (std::int32_t i = 0; i < 50; ++i) batch.ids.push_back((11 * i * i + 5 * i) % 256);
  batch.positions = {43, 44, 45, 46, 47, 48};
  batch.answer = 44;
  batch.loss = LossKind::Ce;
  const TeacherTarget target = objective.target(batch);
  PlacementLoss losses(objective, {batch}, true);
  NoProgress progress;
  const Model& model = *teacher_.model;
  for (const std::vector<int>& kept : {std::vector<int>{}, {1, 4}, {0, 2}, {0, 1, 2, 3, 4, 5}}) {
    const Placement placement = Placement::keeping(kLayers, kept, kOther);
    const at::NoGradGuard no_grad;
    at::Tensor stream = model.embed(tokenBatch(batch.ids, model.device()));
    for (int layer = 0; layer < kLayers; ++layer) {
      const LayerLease lease = model.lease(layer);
      LayerInput input = lease.input(stream);
      at::Tensor mixed = input_.bank->mixer(layer, placement[layer]).forward(input).clone();
      mixed.slice(1, 44).copy_(input_.bank->mixer(layer, MixerKind::Full).forward(input).slice(1, 44));
      stream = lease.finish(stream, mixed);
    }
    EXPECT_EQ(losses.losses(placement, progress).at(0), objective.loss(batch, target, stream)) << placement.line();
  }
  EXPECT_NE(losses.losses(Placement(kLayers, kOther), progress).at(0),
            objective.hard(batch, target, Placement(kLayers, kOther)));
  batch.loss = LossKind::LayerMean;
  EXPECT_EQ(errorOf([&] { PlacementLoss(objective, {batch}, true); }).kind(), ErrorKind::Usage);
}

TEST_F(TrialTest, GreedyOfTheStageAwareLossAddsWhatHelpsTheAnswerMost) {
  set(beamSettings(), {{"prompt_only", true}, {"prompt_share", 1.0}, {"prompt_loss", "ce"}, {"batches", 2}});
  Watcher greedy;
  runBeam(input_, greedy);
  Settings settings(beamSettings());
  settings.merge(input_.spec.search_settings, "test");
  const Objective objective(input_.bank, {MixerKind::Full, kOther}, false);
  const SearchData data(input_, settings);
  PlacementLoss losses(objective, {data.batch(0), data.batch(1)}, true);
  NoProgress progress;
  std::vector<int> kept;
  while (kept.size() < 2) {
    std::pair<double, int> best{std::numeric_limits<double>::infinity(), -1};
    for (int layer = 0; layer < kLayers; ++layer) {
      if (std::ranges::find(kept, layer) != kept.end()) continue;
      std::vector<int> more = kept;
      more.push_back(layer);
      std::ranges::sort(more);
      const std::vector<double> each = losses.losses(Placement::keeping(kLayers, more, kOther), progress);
      best = std::min(best, std::pair(each[0] + each[1], layer));
    }
    kept.push_back(best.second);
  }
  std::ranges::sort(kept);
  EXPECT_EQ(greedy.placements.at(0).placement.kept(), kept);
}

TEST_F(TrialTest, EnumerationJudgesEveryPlacementOnceOnHeldOutData) {
  set(enumerationSettings(), json::object());
  Watcher watcher;
  runEnumeration(input_, watcher);
  ASSERT_EQ(watcher.trials.size(), 15U);
  std::set<Placement> seen;
  const TrialEvent* best = nullptr;
  const auto lossOf = [](const TrialEvent& trial) {
    double sum = 0;
    for (const double loss : trial.text) sum += loss / 3;
    for (const double loss : trial.prompts) sum += loss / 3;
    return sum;
  };
  for (const TrialEvent& trial : watcher.trials) {
    EXPECT_EQ(trial.placement.fullCount(), 2);
    EXPECT_TRUE(seen.insert(trial.placement).second);
    EXPECT_NEAR(lossOf(trial), meanLoss(trial.placement, SearchData::Part::HeldOut), 1e-12);
    if (best == nullptr || lossOf(trial) < lossOf(*best)) best = &trial;
  }
  ASSERT_EQ(watcher.placements.size(), 1U);
  EXPECT_EQ(watcher.placements[0].placement, best->placement);
  EXPECT_EQ(best->placement.kept(), (std::vector<int>{1, 4}));
  EXPECT_EQ(watcher.steps.back().steps, 15);
  EXPECT_EQ(watcher.steps.back().if_stopped_now, best->placement);
}

TEST_F(TrialTest, WhatIsTriedBesideAnEnumerationIsJudgedAsItsTrialsAre) {
  set(enumerationSettings(), {{"leave", "5"}});
  Watcher watcher;
  runEnumeration(input_, watcher);
  const TrialEvent& known = watcher.trials.at(3);
  const std::vector<Placement> placements{known.placement, Placement::last(6, 2, kOther)};
  const std::vector<TrialEvent> beside = tryBesideEnumeration(input_, placements, 11, watcher.progress());
  ASSERT_EQ(beside.size(), 2U);
  EXPECT_EQ(beside[0].placement, known.placement);
  EXPECT_EQ(beside[0].text, known.text);
  EXPECT_EQ(beside[0].prompts, known.prompts);
  EXPECT_TRUE(beside[0].asked) << "no part of the distribution";
  EXPECT_EQ(beside[0].step, 11);
  EXPECT_EQ(beside[1].step, 12);
  EXPECT_EQ(beside[1].placement, placements[1]);
  EXPECT_EQ(beside[1].text.size(), known.text.size());
}

TEST_F(TrialTest, LayersKeptAndLeftBoundTheSpace) {
  set(enumerationSettings(), {{"keep", "0"}, {"leave", "2-3"}});
  Watcher watcher;
  runEnumeration(input_, watcher);
  ASSERT_EQ(watcher.trials.size(), 3U);  // one of 1, 4 and 5 beside 0
  for (const TrialEvent& trial : watcher.trials) {
    EXPECT_EQ(trial.placement[0], MixerKind::Full);
    EXPECT_EQ(trial.placement[2], kOther);
    EXPECT_EQ(trial.placement[3], kOther);
  }
  for (const auto& [key, value] : {std::pair("keep", "9"), std::pair("leave", "3-2"), std::pair("keep", "one")}) {
    const Error error = errorOf([&, key = key, value = value] {
      set(enumerationSettings(), {{key, value}});
      Settings settings(enumerationSettings());
      settings.merge(input_.spec.search_settings, "test");
      checkTwoOperators(settings);
      Watcher none;
      runEnumeration(input_, none);
    });
    EXPECT_THAT(error.what(), ::testing::HasSubstr(key));
  }
}

TEST_F(TrialTest, ASampleIsDrawnWithoutRepetitionAndByTheSeed) {
  set(enumerationSettings(), {{"sample", 7}});
  const auto drawn = [&](std::uint64_t seed) {
    input_.spec.seed = seed;
    Watcher watcher;
    runEnumeration(input_, watcher);
    std::vector<Placement> placements;
    for (const TrialEvent& trial : watcher.trials) placements.push_back(trial.placement);
    return placements;
  };
  const std::vector<Placement> some = drawn(1);
  EXPECT_EQ(some.size(), 7U);
  EXPECT_EQ(std::set<Placement>(some.begin(), some.end()).size(), 7U);
  EXPECT_EQ(drawn(1), some);
  EXPECT_NE(drawn(2), some);
}

/// Greedy selection written out: what the beam of width 1 must do.
TEST_F(TrialTest, ABeamOfOneIsGreedySelection) {
  for (const bool forward : {true, false}) {
    set(beamSettings(), {{"direction", forward ? "forward" : "backward"}, {"extract", "1,3"}});
    Watcher watcher;
    runBeam(input_, watcher);
    Placement expected(kLayers, forward ? kOther : MixerKind::Full);
    std::map<int, Placement> of_size;
    while (expected.fullCount() != (forward ? 3 : 1)) {
      Placement best;
      double least = std::numeric_limits<double>::infinity();
      for (int layer = 0; layer < kLayers; ++layer) {
        Placement next = expected;
        next.set(layer, forward ? MixerKind::Full : kOther);
        if (next == expected) continue;
        const double loss = meanLoss(next, SearchData::Part::Search);
        if (loss < least) least = loss, best = next;
      }
      expected = best;
      of_size[expected.fullCount()] = expected;
    }
    ASSERT_EQ(watcher.placements.size(), 3U);
    for (const PlacementEvent& found : watcher.placements) {
      EXPECT_EQ(found.placement, of_size.at(static_cast<int>(found.budget.amount))) << found.placement.line();
    }
    EXPECT_EQ(watcher.placements[0].placement.kept(), (std::vector<int>{1, 4}));
    EXPECT_EQ(watcher.steps.front().steps, watcher.steps.back().step) << "a greedy search knows how long it takes";
  }
}

TEST_F(TrialTest, AWideBeamTriesNothingTwiceAndFindsNoWorse) {
  set(beamSettings(), json::object());
  Watcher narrow, wide;
  runBeam(input_, narrow);
  set(beamSettings(), {{"width", 100}});
  runBeam(input_, wide);
  std::set<Placement> seen;
  for (const TrialEvent& trial : wide.trials) EXPECT_TRUE(seen.insert(trial.placement).second);
  EXPECT_EQ(wide.trials.size(), 6U + 15U) << "all of one and of two layers";
  EXPECT_LE(wide.placements.at(0).hard_loss, narrow.placements.at(0).hard_loss);
}

TEST_F(TrialTest, AStoppedRunGoesOnAsIfItHadNot) {
  for (const bool beam : {true, false}) {
    set(beam ? beamSettings() : enumerationSettings(), beam ? json{{"width", 2}} : json::object());
    const auto run = beam ? runBeam : runEnumeration;
    Watcher whole;
    run(input_, whole);
    for (const std::int64_t at : {1, 6, static_cast<int>(whole.steps.size())}) {
      Watcher before, after;
      before.most = at;
      input_.spec.resume_from.reset();
      try {
        run(input_, before);
      } catch (const Error& stop) {
        EXPECT_EQ(stop.kind(), ErrorKind::Stopped);
      }
      input_.spec.resume_from = before.steps.back().checkpoint;
      run(input_, after);
      ASSERT_EQ(before.trials.size() + after.trials.size(), whole.trials.size());
      for (std::size_t i = 0; i < after.trials.size(); ++i) {
        const TrialEvent& expected = whole.trials[before.trials.size() + i];
        EXPECT_EQ(after.trials[i].placement, expected.placement);
        EXPECT_EQ(after.trials[i].text, expected.text);
        EXPECT_EQ(after.steps[i].logits, whole.steps[before.steps.size() + i].logits);
      }
      EXPECT_EQ(after.placements.at(0).placement, whole.placements.at(0).placement);
      EXPECT_EQ(after.placements.at(0).hard_loss, whole.placements.at(0).hard_loss);
    }
    input_.spec.resume_from.reset();
  }
}

TEST_F(TrialTest, HandRulesSpreadOverTheLayersThatAreFree) {
  const auto kept = [&](const json& changes) {
    set(handRuleSettings(), changes);
    Watcher watcher;
    runHandRule(input_, watcher);
    EXPECT_EQ(watcher.steps.size(), 1U);
    EXPECT_NEAR(watcher.placements.at(0).hard_loss,
                meanLoss(watcher.placements.at(0).placement, SearchData::Part::Search), 1e-12);
    return watcher.placements.at(0).placement.kept();
  };
  EXPECT_EQ(kept({{"rule", "uniform"}}), (std::vector<int>{0, 3}));
  EXPECT_EQ(kept({{"rule", "uniform"}, {"offset", 2}}), (std::vector<int>{2, 5}));
  EXPECT_EQ(kept({{"rule", "first"}}), (std::vector<int>{0, 1}));
  EXPECT_EQ(kept({{"rule", "last"}}), (std::vector<int>{4, 5}));
  EXPECT_EQ(kept({{"rule", "last"}, {"leave", "5"}, {"keep", "0"}}), (std::vector<int>{0, 4}));
  EXPECT_EQ(kept({{"rule", "random"}}).size(), 2U);
}

}  // namespace
}  // namespace interleave
