// SPDX-License-Identifier: GPL-3.0-or-later
#include "backend/evaluation/evaluate.h"

#include <gtest/gtest.h>

#include "backend/candidates/bank.h"
#include "backend/model/generate.h"
#include "tests/backend/support/teacher.h"
#include "tests/backend/support/tiny_model.h"
#include "tests/support/temporary_folder.h"

namespace interleave {
namespace {

class EvaluationTest : public ::testing::Test {
 protected:
  EvaluationTest() : teacher_(testing::writePlantedModel(folder_ / "model", {1, 4})) {
    tokenizer_ = std::make_shared<const Tokenizer>(Tokenizer::from(ModelFiles::open(folder_ / "model")));
    bank_ = CandidateBank::untrained(teacher_.model, {.sliding = {2, 0}});
  }

  test::TemporaryFolder folder_;
  testing::Teacher teacher_;
  std::shared_ptr<const Tokenizer> tokenizer_;
  std::shared_ptr<const CandidateBank> bank_;
  NoProgress progress_;
};

TEST_F(EvaluationTest, TextScoresFollowTheirDefinitions) {
  const TextSource text(tokenizer_, heldOutText({}), 70, 3);
  const int layers = teacher_.model->config().layers;
  const Placement full(layers, MixerKind::Full), none(layers, MixerKind::SlidingWindow);
  TextEvaluation evaluation(bank_->student(full), text, 2);
  EXPECT_EQ(evaluation.scores(bank_->student(full), progress_)[0].value, 0);

  const auto found = evaluation.scores(bank_->student(none), progress_);
  const at::NoGradGuard no_grad;
  for (std::int64_t i = 0; i < 2; ++i) {
    const auto ids = text.sequence(i);
    const at::Tensor batch = tokenBatch(ids, at::kCPU);
    const auto logP = [&](const Placement& placement) {
      return at::log_softmax(logits(*teacher_.model, bank_->row(placement), batch)[0].slice(0, 0, -1).to(at::kDouble),
                             -1);
    };
    const at::Tensor teacher = logP(full), student = logP(none);
    const double divergence = (teacher.exp() * (teacher - student)).sum(-1).mean().item<double>();
    const double likelihood = -student.gather(1, batch[0].slice(0, 1).unsqueeze(1)).mean().item<double>();
    EXPECT_NEAR(found[0].per_sample[static_cast<std::size_t>(i)], divergence, 1e-4 * (1 + divergence));
    EXPECT_NEAR(found[1].per_sample[static_cast<std::size_t>(i)], likelihood, 1e-4 * likelihood);
  }
  EXPECT_GT(found[0].value, 0.01);
}

TEST_F(EvaluationTest, ScoresTellTheSamplesThatTheyAreOf) {
  const int layers = teacher_.model->config().layers;
  const Placement full(layers, MixerKind::Full), none(layers, MixerKind::SlidingWindow);
  const auto texts = [&](std::int64_t length, std::uint64_t seed, std::int64_t count, const Placement& placement) {
    return TextEvaluation(bank_->student(full), TextSource(tokenizer_, heldOutText({}), length, seed), count)
        .scores(bank_->student(placement), progress_);
  };
  const std::vector<Score> some = texts(40, 3, 2, full);
  EXPECT_TRUE(differenceOf(texts(40, 3, 2, none)[0], some[0]).paired);
  EXPECT_TRUE(differenceOf(texts(40, 3, 2, none)[1], some[1]).paired);
  for (const auto& other : {texts(40, 4, 2, none), texts(41, 3, 2, none), texts(40, 3, 1, none)}) {
    EXPECT_EQ(differenceOf(other[0], some[0]).why_not, "other samples");
  }

  const auto filler = std::make_shared<const TextSource>(tokenizer_, heldOutText({}), 300, 2);
  const auto prompts = [&](std::uint64_t seed, const Placement& placement) {
    return PasskeyEvaluation(PasskeyTask(tokenizer_, filler, 300, "number", seed), 1)
        .scores(bank_->student(placement), progress_);
  };
  EXPECT_TRUE(differenceOf(prompts(5, none)[1], prompts(5, full)[1]).paired);
  EXPECT_EQ(differenceOf(prompts(6, none)[1], prompts(5, full)[1]).why_not, "other samples");
  AnsweredPrompt prompt{.ids = {1, 2, 3}, .answer_begin = 1}, later = prompt;
  later.answer_begin = 2;
  EXPECT_NE(samplesId(std::vector{prompt}), samplesId(std::vector{later})) << "more of it is judged";
}

TEST_F(EvaluationTest, PasskeyIsWhatGreedyDecodingAnswers) {
  const auto filler = std::make_shared<const TextSource>(tokenizer_, heldOutText({}), 400, 2);
  const PasskeyTask task(tokenizer_, filler, 400, "number", 5);
  PasskeyEvaluation evaluation(task, 3);
  const Placement full(teacher_.model->config().layers, MixerKind::Full);
  const auto scores = evaluation.scores(bank_->student(full), progress_);
  for (std::int64_t i = 0; i < 3; ++i) {
    const AnsweredPrompt prompt = task.prompt(i);
    const std::span ids(prompt.ids);
    const auto question = ids.first(static_cast<std::size_t>(prompt.answer_begin));
    const auto answer = ids.subspan(question.size());
    const auto said =
        generateGreedy(teacher_.model, bank_->row(full), question, static_cast<std::int64_t>(answer.size()), {});
    const bool right = std::equal(said.begin(), said.end(), answer.begin(), answer.end());
    EXPECT_EQ(scores[0].per_sample[static_cast<std::size_t>(i)], right ? 1 : 0);
    EXPECT_GT(scores[1].per_sample[static_cast<std::size_t>(i)], 0);
  }
}

}  // namespace
}  // namespace interleave
