// SPDX-License-Identifier: GPL-3.0-or-later
//
// On models whose best placements are known, rankings of single layers choose wrong, and searches over whole placements
// do not.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "backend/core/regret.h"
#include "backend/data/planted_model.h"
#include "backend/evaluation/evaluate.h"
#include "backend/search/gate_search.h"
#include "backend/search/scored_methods.h"
#include "backend/search/trial_methods.h"
#include "tests/backend/search/watcher.h"
#include "tests/backend/support/teacher.h"
#include "tests/support/temporary_folder.h"

namespace interleave {
namespace {

using nlohmann::json;
using test::TemporaryFolder;
using testing::Watcher;

constexpr int kLayers = 9, kKept = 3;

class PlantedTruth : public ::testing::TestWithParam<std::uint64_t> {
 protected:
  PlantedTruth() {
    input_.model = teacher_.model;
    input_.bank = CandidateBank::untrained(teacher_.model, {.sliding = {16, 0}});
    input_.tokenizer = std::make_shared<const Tokenizer>(Tokenizer::from(ModelFiles::open(folder_.path())));
    input_.spec.budget = Budget::layers(kKept);
    input_.spec.seed = GetParam();
  }

  Watcher run(std::span<const SettingSpec> table, void (*method)(const MethodInput&, MethodContext&), json changes) {
    Settings settings(table);
    settings.merge({{"operators", "full,swa"}, {"prompt_share", 1.0}, {"prompt_tokens", 400}}, "test");
    settings.merge(changes, "test");
    input_.spec.search_settings = settings.json();
    Watcher watcher;
    method(input_, watcher);
    return watcher;
  }

  const TemporaryFolder folder_;
  const PlantedRoles roles_ = writePlantedModel(folder_.path(), kLayers, GetParam());
  const testing::Teacher teacher_{folder_.path()};
  MethodInput input_;
};

TEST_P(PlantedTruth, TheTeacherAnswersAndAWindowAloneDoesNot) {
  const auto filler = std::make_shared<TextSource>(input_.tokenizer, heldOutText({}), 600, 1);
  PasskeyEvaluation passkey(PasskeyTask(input_.tokenizer, filler, 600, "standard", 2), 8);
  NoProgress progress;
  const auto answered = [&](MixerKind everywhere) {
    return passkey.scores(input_.bank->student(Placement(kLayers, everywhere)), progress)[0].value;
  };
  EXPECT_EQ(answered(MixerKind::Full), 1);
  EXPECT_EQ(answered(MixerKind::SlidingWindow), 0);
}

TEST_P(PlantedTruth, TheBestAreBothThatNeedEachOtherAndOneOfThoseThatDoTheSame) {
  const Watcher truth = run(enumerationSettings(), runEnumeration, {{"batches", 3}});
  ASSERT_EQ(truth.trials.size(), 84U);
  const TrialTable table(truth.trials, TrialTable::Part::Prompts);
  std::vector<int> kept = table.best()->kept();
  for (const int layer : roles_.complementary) EXPECT_THAT(kept, ::testing::Contains(layer));
  EXPECT_TRUE(
      std::ranges::any_of(roles_.redundant, [&](int layer) { return std::ranges::binary_search(kept, layer); }));

  const auto standing = [&](const Watcher& method) { return *table.standing(method.placements.at(0).placement); };
  for (const char* base : {"one-in", "one-out"}) {
    const Watcher scored = run(nllGuidedSettings(), runNllGuided,
                               {{"base", base}, {"examples", 3}, {"prompt_only", false}, {"prompt_loss", "kl"}});
    EXPECT_GT(standing(scored).regret_interval.low, 1) << base << " cannot see it";
  }
  struct Ranking {
    const char* name;
    std::span<const SettingSpec> table;
    void (*method)(const MethodInput&, MethodContext&);
    json changes;
  };
  for (const Ranking& ranking :
       {Ranking{"candidate-error",
                candidateErrorSettings(),
                runCandidateError,
                {{"error_scale", "sum"}}},  // the loudest are not the best
        Ranking{"kl-ls", klLsSettings(), runKlLs, {{"prompt_share", 0.0}}},
        Ranking{"kl-ls on prompts", klLsSettings(), runKlLs, json::object()},
        Ranking{"halo", haloSettings(), runHalo, json::object()},
        Ranking{"perplexity-bypass", perplexityBypassSettings(), runPerplexityBypass, {{"prompt_share", 0.0}}},
        Ranking{"light-transfer", lightTransferSettings(), runLightTransfer, json::object()},
        Ranking{"retrieval-heads", retrievalHeadsSettings(), runRetrievalHeads, json::object()}}) {
    json changes = ranking.changes;
    changes["examples"] = 3;
    EXPECT_GT(standing(run(ranking.table, ranking.method, changes)).regret_interval.low, 1) << ranking.name;
  }

  // Growth by one layer cannot see two that need each other, unless more than one placement of a size is kept.
  EXPECT_GT(standing(run(beamSettings(), runBeam, {{"batches", 3}})).regret_interval.low, 1) << "greedy";
  EXPECT_LT(standing(run(beamSettings(), runBeam, {{"batches", 3}, {"width", 9}})).regret, 0.1) << "beam";
  EXPECT_LT(standing(run(beamSettings(), runBeam, {{"batches", 3}, {"direction", "backward"}})).regret, 0.1)
      << "backward";
  const Watcher dash = run(dashSettings(), runDash, {{"steps", 60}});
  EXPECT_LT(standing(dash).regret, 0.1) << dash.placements.at(0).placement.line();
}

INSTANTIATE_TEST_SUITE_P(Seeds, PlantedTruth, ::testing::Values(1, 2));

}  // namespace
}  // namespace interleave
