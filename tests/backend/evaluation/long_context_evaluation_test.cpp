// SPDX-License-Identifier: GPL-3.0-or-later
#include "backend/evaluation/long_context_evaluation.h"

#include <gmock/gmock.h>

#include "backend/candidates/bank.h"
#include "backend/data/text_source.h"
#include "backend/model/generate.h"
#include "tests/backend/support/teacher.h"
#include "tests/backend/support/tiny_model.h"
#include "tests/support/error_of.h"
#include "tests/support/temporary_folder.h"

namespace interleave {
namespace {

using ::testing::HasSubstr;
using ::testing::SizeIs;
using Words = std::vector<std::string>;

TEST(Match, AllIsTheMeanOverReferences) {
  const Words references{"1234567", "7654321"};
  EXPECT_EQ(matchOf(" 1234567 and 7654321.", references, Match::All), 1);
  EXPECT_EQ(matchOf("7654321", references, Match::All), 0.5);
  EXPECT_EQ(matchOf("123456 7654 321", references, Match::All), 0);
  EXPECT_EQ(matchOf("", references, Match::All), 0);
  EXPECT_EQ(matchOf("a b c", Words{"a", "b", "x", "y"}, Match::All), 0.5);
}

TEST(Match, AnyIsTheMaximum) {
  EXPECT_EQ(matchOf("It was Romulus.", Words{"by Romulus", "romulus"}, Match::Any), 1);
  EXPECT_EQ(matchOf("Remus", Words{"by Romulus", "romulus"}, Match::Any), 0);
}

TEST(Match, TakesNoHeedOfCase) {
  EXPECT_EQ(matchOf("the ABC is éclair", Words{"abc", "Éclair"}, Match::All), 1);
  EXPECT_EQ(matchOf("\xff\xfe abc", Words{"ABC"}, Match::All), 1) << "bytes that are no text";
}

class LongContextEvaluationTest : public ::testing::Test {
 protected:
  LongContextEvaluationTest() : teacher_(testing::writePlantedModel(folder_ / "model", {1, 4})) {
    tokenizer_ = std::make_shared<const Tokenizer>(Tokenizer::from(ModelFiles::open(folder_ / "model")));
    bank_ = CandidateBank::untrained(teacher_.model, {.sliding = {2, 0}});
    materials_.hay = std::make_shared<const Hay>(heldOutText({}));
  }

  LongContextTask task(std::string_view name, std::int64_t tokens = 700) const {
    return {tokenizer_, name, tokens, 3, materials_};
  }
  /// What the teacher says to a prompt.
  std::string said(const LongContextPrompt& prompt) const {
    const auto asked = std::span(prompt.ids).first(static_cast<std::size_t>(prompt.answer_begin));
    return tokenizer_->decode(generateGreedy(teacher_.model, bank_->row(full()), asked, prompt.most_new, {}));
  }
  Placement full() const { return Placement(teacher_.model->config().layers, MixerKind::Full); }

  test::TemporaryFolder folder_;
  testing::Teacher teacher_;
  std::shared_ptr<const Tokenizer> tokenizer_;
  std::shared_ptr<const CandidateBank> bank_;
  LongContextTask::Materials materials_;
  NoProgress progress_;
};

TEST_F(LongContextEvaluationTest, ScoresFollowTheirDefinitions) {
  const LongContextTask vt = task("vt");
  LongContextEvaluation evaluation(tokenizer_, vt, 2, true, progress_);
  const Placement none(full().layers(), MixerKind::SlidingWindow);
  for (const Placement& placement : {full(), none}) {
    const std::vector<Score> scores = evaluation.scores(bank_->student(placement), progress_);
    ASSERT_THAT(scores, SizeIs(2));
    EXPECT_EQ(scores[0].task, "vt");
    EXPECT_EQ(scores[0].unit, "match");
    EXPECT_EQ(scores[1].task, "vt_nll");
    EXPECT_EQ(scores[1].unit, "nats");
    const at::NoGradGuard no_grad;
    for (std::int64_t i = 0; i < 2; ++i) {
      const LongContextPrompt prompt = vt.prompt(i);
      const at::Tensor batch = tokenBatch(prompt.ids, at::kCPU);
      const at::Tensor log_p = at::log_softmax(logits(*teacher_.model, bank_->row(placement), batch)[0]
                                                   .slice(0, prompt.answer_begin - 1, -1)
                                                   .to(at::kDouble),
                                               -1);
      const at::Tensor answer = batch[0].slice(0, prompt.answer_begin).unsqueeze(1);
      const double likelihood = -log_p.gather(1, answer).sum().item<double>();
      EXPECT_NEAR(scores[1].per_sample[static_cast<std::size_t>(i)], likelihood, 1e-4 * likelihood);
    }
  }
}

TEST_F(LongContextEvaluationTest, WhatTheModelSaysIsMatched) {
  // Questions whose answers are what this model happens to say: of one length, so that the prompts stay as they are.
  auto questions = std::make_shared<QuestionSet>();
  for (std::size_t i = 0; i < 3; ++i) {
    questions->paragraphs.push_back("Paragraph " + std::to_string(i));
    questions->questions.push_back({"What is in " + std::to_string(i) + "?", {std::string(6, 'x')}, {i}});
  }
  materials_.questions = questions;
  const std::vector<Score> wrong =
      LongContextEvaluation(tokenizer_, task("qa_1"), 99, true, progress_).scores(bank_->student(full()), progress_);
  EXPECT_EQ(wrong[0].samples, 3) << "no question twice";
  EXPECT_EQ(wrong[0].value, 0);

  std::vector<double> expected;
  for (std::int64_t i = 0; i < 3; ++i) {
    const LongContextPrompt prompt = task("qa_1").prompt(i);
    const std::string text = tokenizer_->decode(prompt.ids);
    for (Question& question : questions->questions) {
      if (text.find(question.text) == std::string::npos || i == 1) continue;
      question.answers.push_back(said(prompt));
    }
    expected.push_back(i == 1 ? 0 : 1);
  }
  const std::vector<Score> right =
      LongContextEvaluation(tokenizer_, task("qa_1"), 3, true, progress_).scores(bank_->student(full()), progress_);
  EXPECT_EQ(right[0].per_sample, expected);
  EXPECT_EQ(right[1].per_sample, wrong[1].per_sample) << "the first answer is the one that is forced";
}

TEST_F(LongContextEvaluationTest, LikelihoodsAreHadWithoutGeneration) {
  const std::vector<Score> both =
      LongContextEvaluation(tokenizer_, task("vt"), 2, true, progress_).scores(bank_->student(full()), progress_);
  const std::vector<Score> alone =
      LongContextEvaluation(tokenizer_, task("vt"), 2, false, progress_).scores(bank_->student(full()), progress_);
  ASSERT_THAT(alone, SizeIs(1));
  EXPECT_EQ(alone[0].task, "vt_nll");
  EXPECT_EQ(alone[0].per_sample, both[1].per_sample);
}

TEST_F(LongContextEvaluationTest, TooShortALengthIsRefused) {
  const Error error = test::errorOf([&] { LongContextEvaluation(tokenizer_, task("cwe", 300), 2, true, progress_); });
  EXPECT_EQ(error.kind(), ErrorKind::Usage);
  EXPECT_THAT(error.what(), HasSubstr("cwe"));
}

}  // namespace
}  // namespace interleave
