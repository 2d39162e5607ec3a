// SPDX-License-Identifier: GPL-3.0-or-later
#include "backend/core/score.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "backend/core/digest.h"
#include "backend/core/tasks.h"

namespace interleave {
namespace {

TEST(ScoreOf, IsMeanAndStandardError) {
  const Score score = scoreOf("kl", "nats", {1, 2, 3, 6});
  EXPECT_DOUBLE_EQ(score.value, 3);
  EXPECT_NEAR(score.standard_error, std::sqrt(14.0 / 3 / 4), 1e-12);
  EXPECT_EQ(score.samples, 4);
  EXPECT_EQ(scoreOf("kl", "nats", {5}).standard_error, 0);
}

TEST(DifferenceOf, PairsScoresOnTheSameSamples) {
  const Score a = scoreOf("passkey", "share", {1, 1, 1, 0}, "x"), b = scoreOf("passkey", "share", {0, 1, 0, 1}, "x");
  const ScoreDifference found = differenceOf(a, b);
  ASSERT_TRUE(found.paired);
  EXPECT_TRUE(found.why_not.empty());
  EXPECT_DOUBLE_EQ(found.paired->mean, 0.25);
  EXPECT_EQ(found.paired->won, 2) << "recall is better higher";
  EXPECT_EQ(found.paired->lost, 1);
  EXPECT_EQ(found.paired->tied, 1);
  const ScoreDifference loss = differenceOf(scoreOf("kl", "nats", {1, 2}, "x"), scoreOf("kl", "nats", {3, 3}, "x"));
  EXPECT_EQ(loss.paired->won, 2) << "and KL lower";
}

TEST(DifferenceOf, RefusesAllOthersAndSaysWhy) {
  const Score score = scoreOf("kl", "nats", {1, 2}, "x");
  const auto why = [&](const Score& reference) {
    EXPECT_FALSE(differenceOf(score, reference).paired);
    EXPECT_EQ(differenceOf(score, reference).why_not, differenceOf(reference, score).why_not);
    return differenceOf(score, reference).why_not;
  };
  EXPECT_EQ(why(scoreOf("kl", "nats", {1, 2}, "y")), "other samples");
  EXPECT_EQ(why(scoreOf("kl", "nats", {1, 2, 3}, "x")), "other samples");
  EXPECT_EQ(why(scoreOf("kl", "nats", {1, 2})), "samples unknown") << "of an older store";
  EXPECT_EQ(why({"kl", "nats", 1.5, 0.5, 2, {}, "x"}), "samples unknown");
  EXPECT_EQ(why(scoreOf("nll", "nats", {1, 2}, "x")), "another task");
  EXPECT_EQ(why(scoreOf("kl", "nats", {1, std::numeric_limits<double>::infinity()}, "x")), "a value is not finite");
}

TEST(TaskFacts, LossesAreBetterLower) {
  for (const char* task : {"kl", "nll", "passkey_nll", "anything_nll"}) {
    EXPECT_EQ(taskFacts(task).better, Better::Lower) << task;
    EXPECT_EQ(taskFacts(task).unit, "nats") << task;
  }
  for (const char* task : {"passkey", "anything", ""}) EXPECT_EQ(taskFacts(task).better, Better::Higher) << task;
  EXPECT_EQ(taskFacts("kl").title, "KL on text");
  EXPECT_EQ(taskFacts("anything_nll").title, "anything, answer NLL");
  EXPECT_EQ(taskFacts("niah_single_1").title, "niah_single_1 (RULER-style)");
  EXPECT_EQ(taskFacts("vt").unit, "share of references");
  EXPECT_EQ(taskFacts("qa_2_nll").title, "qa_2 (RULER-style), answer NLL");
  EXPECT_EQ(taskFacts("flashmorph_passkey").title, "flashmorph_passkey (FlashMorph-style)");
}

TEST(Digest, IsFnv1aAndTellsWhereAListEnds) {
  Digest digest;
  EXPECT_EQ(digest.text(), "cbf29ce484222325");
  digest.add("a");
  EXPECT_EQ(digest.text(), "af63dc4c8601ec8c") << "the authors' own test vector";
  const auto of = [](std::initializer_list<std::vector<std::int32_t>> lists) {
    Digest made;
    for (const auto& list : lists) made.add(std::span(list));
    return made.value();
  };
  EXPECT_NE(of({{1, 2}, {3}}), of({{1}, {2, 3}}));
  EXPECT_NE(of({{1, 256}}), of({{256, 1}}));
  EXPECT_EQ(of({{-1, 7}}), of({{-1, 7}}));
}

TEST(IntervalOf, IsWilsonsWhereEachIsRightOrWrong) {
  const Interval all = intervalOf(scoreOf("passkey", "share", std::vector<double>(16, 1))).value();
  EXPECT_NEAR(all.low, 0.806, 1e-3);
  EXPECT_EQ(all.high, 1);
  const std::vector<double> values{0.25, 1, 0, 0.5};
  const Interval other = intervalOf(scoreOf("niah_multiquery", "match", values)).value();
  EXPECT_EQ(other.low, bootstrapMean(values).low);
  EXPECT_FALSE(intervalOf(Score{"kl", "nats", 1, 0.1, 8}));
}

}  // namespace
}  // namespace interleave
