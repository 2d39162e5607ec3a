// SPDX-License-Identifier: GPL-3.0-or-later
#include "backend/core/transfer.h"

#include <gtest/gtest.h>

#include <cmath>

namespace interleave {
namespace {

/// Of eight samples, around a mean.
std::vector<Score> judged(double kl, double recall, const std::string& samples = "x") {
  std::vector<double> losses, answers;
  for (int i = 0; i < 8; ++i) {
    losses.push_back(kl + 10 * i);
    answers.push_back(i < 8 * recall ? 1 : 0);
  }
  return {scoreOf("kl", "nats", std::move(losses), samples), scoreOf("passkey", "share", std::move(answers), samples)};
}

TEST(TransferTable, TheBestIsTheLowestLossAndTheHighestRecall) {
  const TransferTable table{{"a", "b", "c"},
                            {"found", "other"},
                            {{judged(3, 0.5), judged(1, 1)}, {judged(2, 1), {}}, {judged(4, 0), judged(2, 0)}}};
  EXPECT_EQ(table.tasks(), (std::vector<std::string>{"kl", "passkey"}));
  EXPECT_EQ(table.best(0, "kl"), 1U);
  EXPECT_EQ(table.best(0, "passkey"), 1U);
  EXPECT_EQ(table.best(1, "kl"), 0U);
  EXPECT_EQ(table.best(0, "nll"), std::nullopt);
  const ScoreDifference regret = table.regret(2, 0, "kl");
  ASSERT_TRUE(regret.paired);
  EXPECT_NEAR(regret.paired->mean, 2, 1e-12);
  EXPECT_TRUE(regret.paired->carries()) << "each pair differs by two, whatever the spread of the samples";
  EXPECT_EQ(table.regret(1, 0, "kl").paired->tied, 8) << "the best loses nothing to itself";
  EXPECT_FALSE(table.regret(1, 1, "kl").paired);
  EXPECT_TRUE(table.regret(1, 1, "kl").why_not.empty());
}

TEST(TransferTable, AgreementIsOfTheRowsJudgedInBoth) {
  TransferTable table{{"a", "b", "c", "d"}, {"one", "two"}, {}};
  for (const auto& [first, second] : {std::pair{1, 30}, {2, 20}, {3, 10}}) {
    table.scores.push_back({judged(first, 0), judged(second, 0)});
  }
  table.scores.push_back({judged(4, 0), {}});
  EXPECT_NEAR(table.agreement(0, 1, "kl"), -1, 1e-12);
  EXPECT_TRUE(std::isnan(table.agreement(0, 1, "passkey"))) << "all are equal";
  EXPECT_TRUE(std::isnan(table.agreement(0, 0, "kl"))) << "what was not measured anew agrees with itself";
  table.scores[0][1].clear();
  EXPECT_TRUE(std::isnan(table.agreement(0, 1, "kl"))) << "two rows say nothing of an order";
}

}  // namespace
}  // namespace interleave
