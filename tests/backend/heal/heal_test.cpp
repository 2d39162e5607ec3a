// SPDX-License-Identifier: GPL-3.0-or-later
#include "backend/heal/heal.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <iterator>

#include "backend/heal/hybrid_model.h"
#include "tests/backend/export/tiny_bank.h"
#include "tests/backend/search/watcher.h"
#include "tests/backend/support/teacher.h"
#include "tests/backend/support/tiny_model.h"
#include "tests/support/error_of.h"
#include "tests/support/temporary_folder.h"

namespace interleave {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using testing::Watcher;

std::string bytesOf(const fs::path& file) {
  std::ifstream stream(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(stream), {}};
}

class HealTest : public ::testing::Test {
 protected:
  HealTest() : teacher_(testing::writePlantedModel(folder_ / "model", {1, 4})) {
    input_.model = teacher_.model;
    input_.tokenizer = std::make_shared<const Tokenizer>(Tokenizer::from(ModelFiles::open(folder_ / "model")));
    const json windows{{"window", 6}, {"sinks", 2}, {"sliding_window", 4}, {"sliding_sinks", 0}};
    input_.bank =
        CandidateBank::load(testing::writeTinyBank(folder_ / "bank", teacher_.model, windows), teacher_.model);
    input_.spec.method = kHealMethod;
    input_.spec.seed = 3;
  }

  /// A run of `steps`, or on from a checkpoint, that is stopped after `most` steps.
  Watcher heal(const fs::path& dir, const json& changes = {}, std::optional<Checkpoint> from = {},
               std::int64_t most = 1LL << 40) {
    Settings settings(healing().settings);
    settings.merge({{"placement", "HFGWFW"},
                    {"folder", dir.string()},
                    {"steps", 8},
                    {"text_tokens", 48},
                    {"prompt_tokens", 260},
                    {"learning_rate", 3e-3},
                    {"warmup_steps", 2},
                    {"held_out_every", 4},
                    {"held_out_batches", 2},
                    {"save_every", 3},
                    {"judge_tokens", 2048},
                    {"judge_prompts", 2},
                    {"judge_prompt_tokens", 300}},
                   "test");
    if (changes.is_object()) settings.merge(changes, "test");
    healing().check(settings);
    input_.spec.search_settings = settings.json();
    input_.spec.resume_from = std::move(from);
    Watcher watcher;
    watcher.most = most;
    try {
      healing().run(input_, watcher);
    } catch (const Error& problem) {
      if (problem.kind() != ErrorKind::Stopped) throw;
    }
    return watcher;
  }
  Error refused(const fs::path& dir, const json& changes = {}, std::optional<Checkpoint> from = {}) {
    return test::errorOf([&] { heal(dir, changes, std::move(from)); });
  }

  static double metric(const StepEvent& step, Metric which) { return step.metrics[static_cast<std::size_t>(which)]; }

  test::TemporaryFolder folder_;
  testing::Teacher teacher_;
  MethodInput input_;
};

TEST_F(HealTest, BringsTheHybridNearerToTheTeacher) {
  for (const char* train : {"attention", "all"}) {
    for (const char* adapt : {"lora", "full"}) {
      const std::string name = std::string(train) + " " + adapt;
      const fs::path dir = folder_ / name;
      const Watcher run = heal(dir, {{"train", train}, {"adapt", adapt}, {"rank", 4}, {"sequences", 2}, {"steps", 12}});
      ASSERT_THAT(run.steps, SizeIs(12));
      EXPECT_LT(metric(run.steps.back(), Metric::HeldOutLoss), 0.98 * metric(run.steps.front(), Metric::HeldOutLoss))
          << name;
      EXPECT_EQ(run.steps.back().tokens, 12 * 2 * 48);
      EXPECT_EQ(run.steps.back().if_stopped_now.letters(), "HFGWFW");
      ASSERT_THAT(run.scores, SizeIs(2));
      EXPECT_EQ(run.scores[0].label, ScoreEvent::kBeforeHealing);
      EXPECT_EQ(run.scores[1].label, ScoreEvent::kAfterHealing);
      ASSERT_THAT(run.scores[1].scores, SizeIs(4));
      for (std::size_t i = 0; i < 4; ++i) {
        EXPECT_TRUE(differenceOf(run.scores[1].scores[i], run.scores[0].scores[i]).paired) << "the same samples";
      }
      EXPECT_LT(run.scores[1].scores[0].value, run.scores[0].scores[0].value) << name;
      EXPECT_THAT(run.placements, IsEmpty()) << "it selects nothing";
      EXPECT_TRUE(readHealedCard(dir).at("complete").get<bool>());
      EXPECT_EQ(std::distance(fs::directory_iterator(dir), {}), 2) << "the card and the weights";
    }
  }
}

TEST_F(HealTest, PromptsHaveTheirShare) {
  const Watcher run = heal(folder_ / "out", {{"prompt_share", 0.5}, {"steps", 4}});
  int texts = 0, prompts = 0;
  for (const StepEvent& step : run.steps) {
    texts += std::isfinite(metric(step, Metric::TextLoss)) ? 1 : 0;
    prompts += std::isfinite(metric(step, Metric::PromptLoss)) ? 1 : 0;
  }
  EXPECT_EQ(texts, 2);
  EXPECT_EQ(prompts, 2);
}

TEST_F(HealTest, StopsAndGoesOnBitForBit) {
  for (const char* adapt : {"lora", "full"}) {
    const json changes{{"adapt", adapt}, {"prompt_share", 0.25}};
    const fs::path whole = folder_ / (std::string("whole ") + adapt), parts = folder_ / (std::string("parts ") + adapt);
    const Watcher once = heal(whole, changes);
    const Watcher first = heal(parts, changes, {}, 2);  // before the first state was due
    ASSERT_THAT(first.steps, SizeIs(2));
    const Watcher second = heal(parts, changes, first.steps.back().checkpoint, 7);
    EXPECT_THAT(second.scores, IsEmpty()) << "the hybrid was judged before";
    ASSERT_EQ(second.steps.front().step, 3);
    const Watcher third = heal(parts, changes, second.steps.back().checkpoint);
    EXPECT_EQ(bytesOf(whole / kHealedWeights), bytesOf(parts / kHealedWeights));
    std::vector<StepEvent> steps = first.steps;
    steps.insert(steps.end(), second.steps.begin(), second.steps.end());
    steps.insert(steps.end(), third.steps.begin(), third.steps.end());
    ASSERT_EQ(steps.size(), once.steps.size());
    for (std::size_t i = 0; i < steps.size(); ++i) {
      EXPECT_EQ(metric(steps[i], Metric::Loss), metric(once.steps[i], Metric::Loss));
      EXPECT_EQ(metric(steps[i], Metric::GradientNorm), metric(once.steps[i], Metric::GradientNorm));
      EXPECT_EQ(steps[i].tokens, once.steps[i].tokens);
    }
    ASSERT_THAT(third.scores, SizeIs(1));
    EXPECT_EQ(third.scores[0].scores, once.scores[1].scores);
    EXPECT_THAT(heal(parts, changes, third.steps.back().checkpoint).scores, SizeIs(1)) << "killed while it was judged";
  }
}

TEST_F(HealTest, AKillLeavesAStateToGoOnFrom) {
  const fs::path whole = folder_ / "whole", cut = folder_ / "cut";
  heal(whole);
  const Watcher run = heal(cut, {}, {}, 6);  // states of steps 3 and 6
  ASSERT_TRUE(fs::exists(cut / "state-6.safetensors"));
  // The store knows step 5: the state of step 6 is ahead of it, and step 4 is done again.
  const Watcher on = heal(cut, {}, run.steps[4].checkpoint);
  EXPECT_EQ(on.steps.front().step, 4);
  EXPECT_EQ(bytesOf(whole / kHealedWeights), bytesOf(cut / kHealedWeights));

  // It knows step 2, before any state: the run begins anew, and is the same.
  const fs::path early = folder_ / "early";
  const Watcher begun = heal(early, {}, {}, 6);
  EXPECT_EQ(heal(early, {}, begun.steps[1].checkpoint).steps.front().step, 1);
  EXPECT_EQ(bytesOf(whole / kHealedWeights), bytesOf(early / kHealedWeights));
}

TEST_F(HealTest, ADamagedStateIsToldAndTheOneBeforeServes) {
  const fs::path whole = folder_ / "whole", cut = folder_ / "cut";
  heal(whole);
  const Watcher run = heal(cut, {}, {}, 7);  // states of steps 6 and 7
  const auto damage = [&](const char* name) { fs::resize_file(cut / name, fs::file_size(cut / name) - 9); };
  damage("state-7.safetensors");
  const Watcher on = heal(cut, {}, run.steps.back().checkpoint, 7);
  ASSERT_THAT(on.logs, ::testing::Not(IsEmpty()));
  EXPECT_THAT(on.logs.front(), HasSubstr("state-7.safetensors"));
  EXPECT_EQ(on.steps.front().step, 7);
  EXPECT_EQ(heal(cut, {}, on.steps.back().checkpoint).steps.front().step, 8);
  EXPECT_EQ(bytesOf(whole / kHealedWeights), bytesOf(cut / kHealedWeights));

  const fs::path lost = folder_ / "lost";
  const Watcher other = heal(lost, {}, {}, 6);
  for (const char* name : {"state-3.safetensors", "state-6.safetensors"}) fs::resize_file(lost / name, 40);
  EXPECT_THAT(refused(lost, {}, other.steps.back().checkpoint).what(), HasSubstr("state-3.safetensors"));
  for (const char* name : {"state-3.safetensors", "state-6.safetensors"}) fs::remove(lost / name);
  EXPECT_THAT(refused(lost, {}, other.steps.back().checkpoint).what(), HasSubstr("state-6.safetensors"));
  fs::copy_file(cut / kHealedWeights, lost / "state-6.safetensors");
  EXPECT_THAT(refused(lost, {}, other.steps.back().checkpoint).what(), HasSubstr("state-6.safetensors"));
}

TEST_F(HealTest, RefusesWhatCannotBeBeforeAnythingIsWritten) {
  const fs::path out = folder_ / "out";
  const auto usage = [&](const json& changes) {
    const Error problem = refused(out, changes);
    EXPECT_FALSE(fs::exists(out)) << problem.what();
    return std::string(problem.what());
  };
  EXPECT_THAT(usage({{"placement", ""}}), HasSubstr("missing"));
  EXPECT_THAT(usage({{"placement", "FFFFFF"}}), HasSubstr("nothing to heal"));
  EXPECT_THAT(usage({{"placement", "HFX"}}), HasSubstr("\"X\""));
  EXPECT_THAT(usage({{"placement", "HFH"}}), HasSubstr("it has 3 layers, the model 6"));
  EXPECT_THAT(usage({{"judge_prompt_tokens", 40}}), HasSubstr("too few"));
  EXPECT_THAT(usage({{"text_file", (folder_ / "absent.txt").string()}}), HasSubstr("absent.txt"));
  EXPECT_THAT(refused(folder_ / "model").what(), HasSubstr("holds no heal"));
  EXPECT_EQ(refused(folder_ / "bank").kind(), ErrorKind::BadInput) << "a card, but of a bank";

  const Watcher run = heal(out, {}, {}, 4);
  EXPECT_THAT(refused(out, {{"learning_rate", 1e-3}}).what(), HasSubstr("learning_rate"));
  EXPECT_THAT(refused(out, {{"learning_rate", 1e-3}}, run.steps.back().checkpoint).what(), HasSubstr("another heal"));
  NoProgress progress;
  EXPECT_THAT(test::errorOf([&] { HybridModel::load(out, teacher_.model, progress); }).what(),
              HasSubstr("was stopped"));
  EXPECT_THAT(refused(folder_ / "gone", {}, run.steps.back().checkpoint).what(), HasSubstr("not there"));
  heal(out);
  EXPECT_THAT(refused(out).what(), HasSubstr("finished"));
  EXPECT_THAT(refused(out, {{"learning_rate", 1.0}, {"schedule", "constant"}}).what(), HasSubstr("another heal"));
}

}  // namespace
}  // namespace interleave
