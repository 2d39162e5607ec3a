// SPDX-License-Identifier: GPL-3.0-or-later
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <limits>

#include "backend/candidates/bank.h"
#include "backend/engine/workbench.h"
#include "backend/evaluation/evaluate.h"
#include "tests/backend/support/teacher.h"
#include "tests/backend/support/tiny_model.h"
#include "tests/engine/engine_contract.h"
#include "tests/support/temporary_folder.h"

namespace interleave {
namespace {

using test::TemporaryFolder;

const std::vector<int> kNeeded{1, 4};

/// A search between full attention and a window of two tokens on the planted model: no bank is needed.
RunSpec plantedSpec(const std::filesystem::path& model) {
  Settings search(searchSettingSpecs("dash"));
  search.merge({{"operators", "full,swa"},
                {"steps", 30},
                {"text_tokens", 48},
                {"text_positions", 40},
                {"prompt_share", 0.0},
                {"learning_rate", 0.2},
                {"precision", "fp32"},
                {"hard_every", 10},
                {"extract", "1,3"}},
               "test");
  Settings bank(bankSettingSpecs());
  bank.merge({{"sliding_window", 2}, {"sliding_sinks", 0}}, "test");
  RunSpec spec;
  spec.model_path = model.string();
  spec.budget = Budget::layers(2);
  spec.search_settings = search.json();
  spec.bank_settings = bank.json();
  return spec;
}

/// The same run with a method that scores layers.
RunSpec scoringSpec(const std::string& method, RunSpec spec, int examples) {
  Settings search(searchSettingSpecs(method));
  search.merge({{"operators", "full,swa"},
                {"examples", examples},
                {"text_tokens", 48},
                {"text_positions", 40},
                {"prompt_tokens", 200},
                {"extract", "1,3"}},
               "test");
  // Nearly silent layers err as much as others in relation to themselves.
  if (method == "candidate-error") search.merge({{"error_scale", "sum"}}, "test");
  spec.method = method;
  spec.search_settings = search.json();
  return spec;
}

struct LocalEngineCase {
  static std::unique_ptr<Engine> make() { return makeEngine(); }
  static RunSpec spec() {
    static const TemporaryFolder folder;
    static const std::filesystem::path model = testing::writePlantedModel(folder / "model", kNeeded);
    return plantedSpec(model);
  }
  static constexpr bool kSearches = true;
};

}  // namespace

/// Layers scored one example a step, on the same model.
struct ScoringCase {
  static std::unique_ptr<Engine> make() { return makeEngine(); }
  static RunSpec spec() { return scoringSpec("kl-ls", LocalEngineCase::spec(), 30); }
  static constexpr bool kSearches = true;
};

/// Placements tried one a step.
struct TrialCase {
  static std::unique_ptr<Engine> make() { return makeEngine(); }
  static RunSpec spec() {
    RunSpec spec = LocalEngineCase::spec();
    Settings search(searchSettingSpecs("enumeration"));
    search.merge({{"operators", "full,swa"}, {"batches", 8}, {"text_tokens", 48}, {"prompt_tokens", 200}}, "test");
    spec.method = "enumeration";
    spec.search_settings = search.json();
    spec.budget = Budget::layers(3);
    return spec;
  }
  static constexpr bool kSearches = false;
};

INSTANTIATE_TYPED_TEST_SUITE_P(Local, EngineContract, LocalEngineCase);
INSTANTIATE_TYPED_TEST_SUITE_P(Scoring, EngineContract, ScoringCase);
INSTANTIATE_TYPED_TEST_SUITE_P(Trials, EngineContract, TrialCase);

namespace {

class PlantedModel : public ::testing::TestWithParam<std::tuple<std::vector<int>, std::string>> {};

/// KL of every placement with two layers kept, on text that the search has not seen.
Placement bestOfAll(const std::filesystem::path& model_path) {
  const testing::Teacher teacher(model_path);
  const auto tokenizer = std::make_shared<const Tokenizer>(Tokenizer::from(ModelFiles::open(model_path)));
  const auto bank = CandidateBank::untrained(teacher.model, {.sliding = {2, 0}});
  const int layers = teacher.model->config().layers;
  TextEvaluation text(bank->student(Placement(layers, MixerKind::Full)), TextSource(tokenizer, heldOutText({}), 64, 3),
                      4);
  NoProgress progress;
  double least = std::numeric_limits<double>::infinity();
  Placement best;
  for (int a = 0; a < layers; ++a) {
    for (int b = a + 1; b < layers; ++b) {
      const std::vector<int> kept{a, b};
      const Placement placement = Placement::keeping(layers, kept, MixerKind::SlidingWindow);
      const double divergence = text.scores(bank->student(placement), progress)[0].value;
      if (divergence >= least) continue;
      least = divergence;
      best = placement;
    }
  }
  return best;
}

TEST_P(PlantedModel, TheSearchFindsTheBestOfAllPlacements) {
  const auto& [needed, mode] = GetParam();
  const TemporaryFolder folder;
  const auto model = testing::writePlantedModel(folder / "model", needed, 7);
  ASSERT_EQ(bestOfAll(model).kept(), needed) << "the model is not planted as it should be";
  RunSpec spec = plantedSpec(model);
  spec.search_settings["budget_mode"] = mode;
  spec.search_settings["steps"] = 60;
  CollectingSink sink;
  const auto engine = makeEngine();
  engine->start(spec, sink);
  const Outcome outcome = engine->wait();
  ASSERT_EQ(outcome.phase, Phase::Done) << outcome.reason;
  EXPECT_EQ(outcome.placements.at(0).placement.kept(), needed);
  ASSERT_EQ(outcome.placements.size(), 3U);
  EXPECT_EQ(outcome.placements[1].placement.fullCount(), 1);
  EXPECT_EQ(outcome.placements[2].placement.fullCount(), 3);
}

INSTANTIATE_TEST_SUITE_P(Everywhere, PlantedModel,
                         ::testing::Combine(::testing::Values(std::vector<int>{1, 4}, std::vector<int>{0, 3},
                                                              std::vector<int>{2, 5}),
                                            ::testing::Values("shift", "penalty")));

class ScoredPlantedModel : public ::testing::TestWithParam<std::string> {};

TEST_P(ScoredPlantedModel, FindsThePlantedLayersAndSaysHowSure) {
  CollectingSink sink;
  const auto engine = makeEngine();
  engine->start(scoringSpec(GetParam(), LocalEngineCase::spec(), 6), sink);
  const Outcome outcome = engine->wait();
  ASSERT_EQ(outcome.phase, Phase::Done) << outcome.reason;
  ASSERT_EQ(outcome.placements.size(), 3U);
  EXPECT_EQ(outcome.placements[0].placement.kept(), kNeeded);
  EXPECT_TRUE(std::isfinite(outcome.placements[0].hard_loss));
  const auto steps = sink.all<StepEvent>();
  ASSERT_EQ(steps.size(), 6U);
  for (const int layer : kNeeded) EXPECT_GT(steps.back().probabilities[2 * static_cast<std::size_t>(layer)], 0.9F);
  double kept = 0;
  for (std::size_t i = 0; i < steps.back().probabilities.size(); i += 2) kept += steps.back().probabilities[i];
  EXPECT_NEAR(kept, 2, 1e-3) << "every resample keeps as many layers as the budget";
  const auto scores = sink.all<LayerScoreEvent>();
  ASSERT_EQ(scores.size(), 6U);
  double mean = 0;
  for (const LayerScoreEvent& score : scores) mean += score.values[1] / 6;
  EXPECT_NEAR(steps.back().logits[2], mean, 1e-5);
}

TEST(PromptPreview, IsThePromptThatARunLooksAt) {
  RunSpec spec = scoringSpec("nll-guided", LocalEngineCase::spec(), 2);
  const std::optional<PromptPreview> preview = previewPrompt(spec);
  ASSERT_TRUE(preview);
  EXPECT_GE(preview->tokens, 200) << "the words of this prompt take more than was asked for";
  EXPECT_GT(preview->answer_begin, preview->tokens / 2);
  EXPECT_LT(preview->answer_begin, preview->tokens);
  // The answer is hidden in the question too.
  const std::string key = preview->answer.substr(preview->answer.find_first_of("0123456789"), 3);
  EXPECT_NE(preview->question.find(key), std::string::npos) << preview->answer;
  ++spec.seed;
  EXPECT_NE(previewPrompt(spec)->question, preview->question);
  spec.search_settings["prompt_share"] = 0.0;
  EXPECT_FALSE(previewPrompt(spec));
}

TEST(LightTransfer, WeighsTheAttentionBetweenSinksAndRecentTokens) {
  const auto scoresWith = [](int sinks, int recent) {
    RunSpec spec = scoringSpec("light-transfer", LocalEngineCase::spec(), 2);
    spec.search_settings["lazy_sinks"] = sinks;
    spec.search_settings["lazy_recent"] = recent;
    CollectingSink sink;
    const auto engine = makeEngine();
    engine->start(spec, sink);
    EXPECT_EQ(engine->wait().phase, Phase::Done);
    return sink.all<LayerScoreEvent>().at(0).values;
  };
  const auto some = scoresWith(4, 8), fewer = scoresWith(4, 64), none = scoresWith(0, 4096);
  for (std::size_t layer = 0; layer < some.size(); ++layer) {
    EXPECT_GT(some[layer], fewer[layer]);
    EXPECT_LT(some[layer], 1);
    EXPECT_EQ(none[layer], 0);
  }
}

/// FlashMorph on the same model: gates that λ closes where they are not needed; and stopped and resumed like the
/// others.
struct FlashMorphCase {
  static std::unique_ptr<Engine> make() { return makeEngine(); }
  static RunSpec spec() {
    RunSpec spec = LocalEngineCase::spec();
    Settings search(searchSettingSpecs("flashmorph"));
    search.merge({{"operators", "full,swa"},
                  {"steps", 60},
                  {"text_tokens", 48},
                  {"text_positions", 40},
                  {"prompt_share", 0.0},
                  {"text_loss", "layer-sum"},
                  {"learning_rate", 0.05},
                  {"hard_every", 10},
                  {"extract", "1,3"}},
                 "test");
    spec.method = "flashmorph";
    spec.search_settings = search.json();
    return spec;
  }
  static constexpr bool kSearches = true;
};

TEST(FlashMorph, FindsThePlantedLayersFromGatesThatAreAllOpen) {
  CollectingSink sink;
  const auto engine = makeEngine();
  engine->start(FlashMorphCase::spec(), sink);
  const Outcome outcome = engine->wait();
  ASSERT_EQ(outcome.phase, Phase::Done) << outcome.reason;
  EXPECT_EQ(outcome.placements.at(0).placement.kept(), kNeeded);
  const auto steps = sink.all<StepEvent>();
  double first = 0, last = 0;
  for (std::size_t i = 0; i < steps.front().probabilities.size(); i += 2) {
    first += steps.front().probabilities[i];
    last += steps.back().probabilities[i];
  }
  EXPECT_GT(first, 5.5) << "all open";
  EXPECT_LT(last, first);
}

INSTANTIATE_TEST_SUITE_P(EveryScore, ScoredPlantedModel,
                         ::testing::Values("kl-ls", "candidate-error", "perplexity-bypass"));

TEST(LocalEngine, ABudgetInBytesIsMetAtEveryStep) {
  RunSpec spec = LocalEngineCase::spec();
  const CostTable costs = Workbench()
                              .costs(
                                  spec.model_path,
                                  [&] {
                                    Settings bank(bankSettingSpecs());
                                    bank.merge(spec.bank_settings, "test");
                                    return bank;
                                  }(),
                                  std::vector<std::int64_t>{4096})
                              .at(0);
  const std::int64_t bytes = costs.cacheBytes(Placement::uniform(6, 2, 0, MixerKind::SlidingWindow)) + 10;
  spec.budget = Budget::bytes(bytes, 4096);
  CollectingSink sink;
  const auto engine = makeEngine();
  engine->start(spec, sink);
  const Outcome outcome = engine->wait();
  ASSERT_EQ(outcome.phase, Phase::Done) << outcome.reason;
  for (const StepEvent& step : sink.all<StepEvent>()) {
    EXPECT_NEAR(step.metrics[static_cast<std::size_t>(Metric::ExpectedBudget)], static_cast<double>(bytes), 1);
  }
  EXPECT_EQ(outcome.placements.at(0).placement.fullCount(), 2);
}

TEST(LocalEngine, FailuresAreNamed) {
  const auto failureOf = [](RunSpec spec) {
    CollectingSink sink;
    const auto engine = makeEngine();
    engine->start(std::move(spec), sink);
    return engine->wait().reason;
  };
  RunSpec spec = LocalEngineCase::spec();
  spec.budget = Budget::layers(7);
  EXPECT_NE(failureOf(spec).find("budget"), std::string::npos);
  spec = LocalEngineCase::spec();
  spec.model_path = "/nonexistent/model";
  EXPECT_NE(failureOf(spec).find("/nonexistent/model"), std::string::npos);
  spec = LocalEngineCase::spec();
  spec.method = "dahs";
  EXPECT_NE(failureOf(spec).find("did you mean \"dash\""), std::string::npos);
  spec = LocalEngineCase::spec();
  spec.search_settings["operators"] = "full,gdn";
  EXPECT_NE(failureOf(spec).find("bank"), std::string::npos);
  spec = LocalEngineCase::spec();
  spec.model_fingerprint = "of another model";
  EXPECT_NE(failureOf(spec).find("fingerprint"), std::string::npos);
}

TEST(LocalEngine, ARunGoesOnWithTheTextItWasBegunWith) {
  const TemporaryFolder folder;
  const std::filesystem::path text = folder / "text.txt";
  const auto write = [&](const std::string& word) {
    std::ofstream out(text);
    for (int i = 0; i < 2000; ++i) out << word << i << " ";
  };
  write("one");
  RunSpec spec = LocalEngineCase::spec();
  spec.search_settings["steps"] = 4;
  spec.search_settings["text_file"] = text.string();
  CollectingSink sink;
  const auto engine = makeEngine();
  engine->start(spec, sink);
  ASSERT_EQ(engine->wait().phase, Phase::Done);
  spec.resume_from = sink.all<StepEvent>()[1].checkpoint;
  engine->start(spec, sink);
  EXPECT_EQ(engine->wait().phase, Phase::Done) << "the same text";
  write("two");
  engine->start(spec, sink);
  const Outcome refused = engine->wait();
  EXPECT_EQ(refused.phase, Phase::Failed);
  EXPECT_NE(refused.reason.find("begun with"), std::string::npos) << refused.reason;
}

TEST(LocalEngine, ARunGoesOnWithPromptsInTheFormThatItWasBegunWith) {
  const TemporaryFolder folder;
  RunSpec spec = plantedSpec(testing::writePlantedModel(folder / "model", kNeeded));
  spec.search_settings["steps"] = 4;
  const auto setTemplate = [&](const char* text) { std::ofstream(folder / "model" / "chat_template.jinja") << text; };
  CollectingSink sink;
  const auto engine = makeEngine();
  const auto outcome = [&](const RunSpec& run) {
    engine->start(run, sink);
    return engine->wait();
  };
  const auto expectRefused = [&](const RunSpec& run) {
    const Outcome refused = outcome(run);
    EXPECT_EQ(refused.phase, Phase::Failed);
    for (const char* part : {"chat", "begun with prompts in another form", "the model's own template"}) {
      EXPECT_NE(refused.reason.find(part), std::string::npos) << refused.reason;
    }
  };
  ASSERT_EQ(outcome(spec).phase, Phase::Done);
  const StepEvent second = sink.all<StepEvent>()[1];
  RunSpec stored = spec;
  stored.prompt_form = sink.all<EnvironmentEvent>()[0].prompt_form;
  stored.resume_from = second.checkpoint;
  RunSpec older = stored;  // of a program that had no setting `chat` and kept no digest
  older.prompt_form.clear();
  older.search_settings.erase(kChatSetting);
  RunSpec fork = stored;
  fork.forked_from = "1@" + std::to_string(second.checkpoint.step);

  EXPECT_EQ(outcome(stored).phase, Phase::Done) << "as it was";
  EXPECT_EQ(outcome(older).phase, Phase::Done) << "plain prompts then and now";
  setTemplate("Q: {{ messages[0].content }}");
  expectRefused(stored);
  expectRefused(older);  // without a mark that counted then, its prompts were plain
  EXPECT_EQ(outcome(fork).phase, Phase::Done) << "a fork takes the form of now";
  setTemplate("<|im_start|>{{ messages[0].content }}");
  expectRefused(stored);
  EXPECT_EQ(outcome(older).phase, Phase::Done) << "a template with that mark was used then too";
}

TEST(LocalEngine, TheDiscreteLossIsMeasuredAsOftenAsAsked) {
  for (const auto& [share, measured] : {std::pair{0.0, 3}, std::pair{0.5, 6}}) {
    RunSpec spec = LocalEngineCase::spec();  // 30 steps, hard_every 10
    spec.search_settings["prompt_share"] = share;
    spec.search_settings["prompt_tokens"] = 200;
    CollectingSink sink;
    const auto engine = makeEngine();
    engine->start(spec, sink);
    ASSERT_EQ(engine->wait().phase, Phase::Done);
    const auto steps = sink.all<StepEvent>();
    const auto has = [](const StepEvent& step) {
      return std::isfinite(step.metrics[static_cast<std::size_t>(Metric::HardTextLoss)]) ||
             std::isfinite(step.metrics[static_cast<std::size_t>(Metric::HardPromptLoss)]);
    };
    EXPECT_EQ(std::ranges::count_if(steps, has), measured);
  }
}

TEST(LocalEngine, AChangeThatIsRefusedIsToldAndLeavesNoTrace) {
  RunSpec spec = LocalEngineCase::spec();
  spec.search_settings["steps"] = 3;
  Intervention bad;
  bad.step = 2;
  bad.key = "budget";
  bad.value = 99;  // more layers than there are
  Intervention good = bad;
  good.value = "3";
  spec.interventions = {bad, good};
  CollectingSink sink;
  const auto engine = makeEngine();
  engine->start(spec, sink);
  ASSERT_EQ(engine->wait().phase, Phase::Done);
  const auto taken = sink.all<InterventionEvent>();
  ASSERT_EQ(taken.size(), 1u);
  EXPECT_EQ(taken[0].change, good);
  EXPECT_TRUE(std::ranges::any_of(sink.all<LogEvent>(),
                                  [](const LogEvent& line) { return line.text.find("refused") != std::string::npos; }));
}

}  // namespace
}  // namespace interleave
