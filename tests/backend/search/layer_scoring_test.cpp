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

  /// A method's first example.
  SearchBatch batchOf(std::span<const SettingSpec> table) const { return SearchData(input_, settings(table)).batch(0); }
  /// Of each layer on it, as a run tells them.
  std::vector<double> scoresOf(std::span<const SettingSpec> table, void (*method)(const MethodInput&, MethodContext&),
                               const nlohmann::json& changes) {
    Settings values = settings(table);
    values.merge(changes, "test");
    values.merge({{"examples", 1}}, "test");
    input_.spec.search_settings = values.json();
    input_.spec.budget = Budget::layers(2);
    testing::Watcher watcher;
    method(input_, watcher);
    return watcher.layer_scores.at(0).values;
  }
  /// The teacher's attention [H, n, T] of a batch's `rows` in each layer.
  std::vector<at::Tensor> attentionInLayers(const SearchBatch& batch, const std::vector<std::int64_t>& rows) const {
    const Model& model = *teacher_.model;
    std::vector<at::Tensor> all;
    at::Tensor stream = model.embed(tokenBatch(batch.ids, model.device()));
    for (int layer = 0; layer < kLayers; ++layer) {
      const LayerLease lease = model.lease(layer);
      LayerInput input = lease.input(stream);
      all.push_back(attentionOf(input, rows).to(at::kDouble));
      const auto mixer = SoftmaxAttention::full(teacher_.model, layer);
      stream = lease.finish(stream, mixer->forward(input));
    }
    return all;
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

TEST_F(ScorerTest, TheControlIsTheSameOfShorterPrompts) {
  const Settings values = settings(nllGuidedSettings());
  Settings shorter = values;
  shorter.merge({{"prompt_tokens", 120}}, "test");
  const auto scorerOf = [&](const Settings& of, std::int64_t control) {
    return exchangeScorer(input_, of, MixerKind::SlidingWindow, {.prompt_only = true, .control_tokens = control});
  };
  const auto both = scorerOf(values, 120);
  ASSERT_EQ(both->measures(), 2U);
  const LayerScorer::Example example = both->example(1, progress_);
  const LayerScorer::Example first = scorerOf(values, 0)->example(1, progress_);
  const LayerScorer::Example second = scorerOf(shorter, 0)->example(1, progress_);
  std::vector<double> expected = first.scores;
  expected.insert(expected.end(), second.scores.begin(), second.scores.end());
  EXPECT_EQ(example.scores, expected);
  EXPECT_EQ(example.tokens, first.tokens + second.tokens);
}

TEST_F(ScorerTest, TheControlIsToldAndDoesNotRank) {
  Settings values = settings(nllGuidedSettings());
  values.merge({{"examples", 3}}, "test");
  input_.spec.budget = Budget::layers(2);
  const auto run = [&](int control) {
    Settings with = values;
    with.merge({{"control_tokens", control}}, "test");
    input_.spec.search_settings = with.json();
    testing::Watcher watcher;
    runNllGuided(input_, watcher);
    return watcher;
  };
  const testing::Watcher with = run(120), without = run(0);
  ASSERT_EQ(with.layer_scores.size(), 6U);
  ASSERT_EQ(without.layer_scores.size(), 3U);
  for (std::size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(with.layer_scores[2 * i].values, without.layer_scores[i].values);
    EXPECT_EQ(with.layer_scores[2 * i + 1].score, "the same on short prompts");
    EXPECT_EQ(with.steps[i].logits, without.steps[i].logits);
    EXPECT_EQ(with.steps[i].probabilities, without.steps[i].probabilities);
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
  const Settings values = settings(klLsSettings());
  const SearchBatch batch = SearchData(input_, values).batch(0);
  const Model& model = *teacher_.model;
  LayerInput input = model.lease(1).input(model.embed(tokenBatch(batch.ids, model.device())));
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

TEST_F(ScorerTest, RetrievalHeadsAreThoseWhoseLargestAttentionIsOnTheTokenThatIsSaid) {
  const at::NoGradGuard no_grad;
  const SearchBatch batch = batchOf(retrievalHeadsSettings());
  const auto answer = static_cast<std::size_t>(batch.answer);
  const std::vector<std::int32_t> said(batch.ids.begin() + batch.answer, batch.ids.end());
  const auto found = std::search(batch.ids.begin(), batch.ids.begin() + batch.answer, said.begin(), said.end());
  ASSERT_NE(found, batch.ids.begin() + batch.answer) << "the prompt tells the answer";
  const std::vector<at::Tensor> attention = attentionInLayers(batch, batch.positions);
  for (const bool sum : {true, false}) {
    const std::vector<double> scores =
        scoresOf(retrievalHeadsSettings(), runRetrievalHeads, {{"heads", sum ? "sum" : "max"}});
    double most_of_all = 0;
    for (int layer = 0; layer < kLayers; ++layer) {
      const at::Tensor& of_layer = attention[static_cast<std::size_t>(layer)];
      double total = 0, most = 0;
      for (std::int64_t head = 0; head < of_layer.size(0); ++head) {
        double hits = 0;
        for (std::size_t i = 0; i < said.size(); ++i) {
          const auto looked = of_layer[head][static_cast<std::int64_t>(i)].argmax().item<std::int64_t>();
          // Any copy of the answer in the prompt counts, at the place of the token that is said next.
          for (std::size_t from = 0; from + said.size() <= answer; ++from) {
            const bool copy =
                std::equal(said.begin(), said.end(), batch.ids.begin() + static_cast<std::ptrdiff_t>(from));
            if (copy && looked == static_cast<std::int64_t>(from + i)) hits += 1;
          }
        }
        total += hits / static_cast<double>(said.size());
        most = std::max(most, hits / static_cast<double>(said.size()));
      }
      EXPECT_NEAR(scores[static_cast<std::size_t>(layer)], sum ? total : most, 1e-12) << layer;
      most_of_all = std::max(most_of_all, most);
    }
    EXPECT_GT(most_of_all, 0) << "some head looks there";
  }
}

TEST_F(ScorerTest, LightTransferIsTheAttentionBetweenSinksAndRecentTokens) {
  const at::NoGradGuard no_grad;
  const SearchBatch batch = batchOf(lightTransferSettings());
  const auto tokens = static_cast<std::int64_t>(batch.ids.size());
  std::vector<std::int64_t> rows;
  for (std::int64_t row = tokens - 5; row < tokens; ++row) rows.push_back(row);
  const std::vector<at::Tensor> attention = attentionInLayers(batch, rows);
  const std::vector<double> scores =
      scoresOf(lightTransferSettings(), runLightTransfer, {{"lazy_sinks", 3}, {"lazy_recent", 7}, {"last_queries", 5}});
  for (int layer = 0; layer < kLayers; ++layer) {
    const at::Tensor& of_layer = attention[static_cast<std::size_t>(layer)];
    double sum = 0;
    for (std::int64_t head = 0; head < of_layer.size(0); ++head) {
      for (std::size_t i = 0; i < rows.size(); ++i) {
        for (std::int64_t column = 3; column <= rows[i] - 7; ++column) {  // the last 7 are the query's own and 6 more
          sum += of_layer[head][static_cast<std::int64_t>(i)][column].item<double>();
        }
      }
    }
    const double expected = sum / static_cast<double>(of_layer.size(0) * 5);
    EXPECT_NEAR(scores[static_cast<std::size_t>(layer)], expected, 1e-6) << layer;
  }
}

}  // namespace
}  // namespace interleave
