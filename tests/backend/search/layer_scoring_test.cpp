// SPDX-License-Identifier: GPL-3.0-or-later
#include "backend/search/layer_scoring.h"

#include <gtest/gtest.h>

#include "backend/core/halo_score.h"
#include "backend/model/decoder.h"
#include "backend/search/exchange_scorer.h"
#include "backend/search/one_layer_scan.h"
#include "backend/search/scored_methods.h"
#include "backend/search/teacher_scorer.h"
#include "tests/backend/search/watcher.h"
#include "tests/backend/support/teacher.h"
#include "tests/backend/support/tiny_model.h"
#include "tests/support/temporary_folder.h"

namespace interleave {
namespace {

using test::TemporaryFolder;
using testing::Teacher;

constexpr int kLayers = 6;
const std::vector<MixerKind> kOperators{MixerKind::Full, MixerKind::SlidingWindow};

class ScorerTest : public ::testing::Test {
 protected:
  ScorerTest() {
    input_.model = teacher_.model;
    input_.bank = CandidateBank::untrained(teacher_.model, {.sliding = {2, 0}});
    input_.tokenizer = std::make_shared<const Tokenizer>(Tokenizer::from(ModelFiles::open(path_)));
  }

  static Settings settings(std::span<const SettingSpec> table) {
    Settings settings(table);
    settings.merge({{"operators", "full,swa"}, {"text_tokens", 40}, {"prompt_tokens", 200}}, "test");
    return settings;
  }

  const TemporaryFolder folder_;
  const std::filesystem::path path_ = testing::writePlantedModel(folder_ / "model", {1, 4});
  const Teacher teacher_{path_, {"cpu", at::kDouble}};
  MethodInput input_;
  NoProgress progress_;
};

TEST_F(ScorerTest, OneLayerExchangedIsThePlacementWithThatLayerExchanged) {
  const Objective objective(input_.bank, kOperators, false);
  const Settings values = settings(klLsSettings());
  const SearchBatch batch = SearchData(input_, values).batch(3);
  const TeacherTarget target = objective.target(batch);
  for (const auto base : {Exchange::Base::Other, Exchange::Base::Full}) {
    const bool one_in = base == Exchange::Base::Other;
    const Placement start(kLayers, one_in ? MixerKind::SlidingWindow : MixerKind::Full);
    const auto scorer = exchangeScorer(input_, values, MixerKind::SlidingWindow, {.base = base});
    const LayerScorer::Example example = scorer->example(3, progress_);
    ASSERT_EQ(example.scores.size(), static_cast<std::size_t>(kLayers));
    const double at_start = objective.hard(batch, target, start);
    for (int layer = 0; layer < kLayers; ++layer) {
      Placement changed = start;
      changed.set(layer, one_in ? MixerKind::Full : MixerKind::SlidingWindow);
      const double with = objective.hard(batch, target, changed);
      EXPECT_NEAR(example.scores[static_cast<std::size_t>(layer)], one_in ? at_start - with : with - at_start, 1e-9);
    }
    EXPECT_EQ(example.tokens, 40 * (kLayers + 1));
  }
}

TEST_F(ScorerTest, AWindowOnThePromptOnlyLeavesTheAnswerItsSight) {
  const Settings values = settings(nllGuidedSettings());
  const auto scores = [&](bool prompt_only) {
    return exchangeScorer(input_, values, MixerKind::SlidingWindow, {.prompt_only = prompt_only})
        ->example(0, progress_)
        .scores;
  };
  EXPECT_NE(scores(true), scores(false));

  // A window that sees everything changes nothing, with the answer's own sight or without.
  input_.bank = CandidateBank::untrained(teacher_.model, {.sliding = {4096, 0}});
  for (const bool prompt_only : {false, true}) {
    for (const double score : scores(prompt_only)) EXPECT_NEAR(score, 0, 1e-9);
  }
}

TEST_F(ScorerTest, HaloIsTheFormulaOfModelsWithOneLayerExchanged) {
  const at::NoGradGuard no_grad;
  Settings values = settings(haloSettings());
  values.merge({{"examples", 2}, {"smoothing", 0.01}}, "test");
  input_.spec.search_settings = values.json();
  input_.spec.budget = Budget::layers(2);
  testing::Watcher watcher;
  runHalo(input_, watcher);

  const Model& model = *teacher_.model;
  const auto rightIn = [&](const SearchBatch& batch, const Placement& placement) {
    const at::Tensor all = at::softmax(
        logits(model, input_.bank->row(placement), tokenBatch(batch.ids, model.device())).to(at::kDouble), -1);
    double sum = 0;
    for (const std::int64_t at : batch.positions) {
      sum += all[0][at][batch.ids[static_cast<std::size_t>(at) + 1]].item<double>();
    }
    return sum / static_cast<double>(batch.positions.size());
  };
  std::vector<double> recall(kLayers, 0.0), common_sense(kLayers, 0.0);
  for (const double share : {1.0, 0.0}) {
    const SearchData data(input_, values, SearchData::Part::Search, share);
    for (int layer = 0; layer < kLayers; ++layer) {
      Placement changed(kLayers, MixerKind::Full);
      changed.set(layer, MixerKind::SlidingWindow);
      for (const std::int64_t i : {0, 1}) {
        (share == 1 ? recall : common_sense)[static_cast<std::size_t>(layer)] += rightIn(data.batch(i), changed) / 2;
      }
    }
  }
  const std::vector<double> expected = haloScores(recall, common_sense, 0.01);
  ASSERT_EQ(watcher.steps.size(), 2U);
  for (std::size_t layer = 0; layer < kLayers; ++layer) {
    EXPECT_NEAR(watcher.steps.back().logits[2 * layer], expected[layer], 1e-4);
  }
}

TEST_F(ScorerTest, AttentionIsWhatTheOperatorWeighsValuesBy) {
  const at::NoGradGuard no_grad;
  const Packing unpacked;
  const Settings values = settings(klLsSettings());
  const SearchBatch batch = SearchData(input_, values).batch(0);
  const Model& model = *teacher_.model;
  LayerInput input(model, 1, model.attentionInput(1, model.embed(tokenBatch(batch.ids, model.device()))), unpacked);
  const std::vector<std::int64_t> rows{0, 7, 39};
  const at::Tensor attention = attentionOf(input, rows).to(at::kDouble);
  const auto group = model.config().heads / model.config().kv_heads;
  const at::Tensor v = input.rotated().v[0].transpose(0, 1).repeat_interleave(group, 0).to(at::kDouble);
  const at::Tensor context = at::matmul(attention, v).transpose(0, 1);  // [n, H, d]
  const auto mixer = SoftmaxAttention::full(teacher_.model, 1);
  const at::Tensor expected =
      mixer->context(input)[0].index_select(0, at::tensor(at::ArrayRef<std::int64_t>(rows), at::kLong));
  EXPECT_LE((context - expected.to(at::kDouble)).abs().max().item<double>(), 1e-5);
  EXPECT_EQ(attention[0][0][1].item<double>(), 0) << "the first token sees itself alone";
}

}  // namespace
}  // namespace interleave
