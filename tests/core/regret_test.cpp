// SPDX-License-Identifier: GPL-3.0-or-later
#include "backend/core/regret.h"

#include <gtest/gtest.h>

#include <cmath>

#include "backend/core/error.h"

namespace interleave {
namespace {

Placement keeping(std::vector<int> kept) { return Placement::keeping(4, kept, MixerKind::Gdn); }

const std::vector<TrialEvent> kTrials{
    {1, keeping({0, 1}), {1.0, 2.0, 3.0}, {9.0, 9.0}, false},
    {2, keeping({0, 2}), {1.5, 2.5, 3.5}, {1.0, 1.0}, false},
    {3, keeping({1, 2}), {2.0, 1.0, 3.0}, {4.0, 6.0}, false},
    {4, keeping({0, 3}), {0.0, 0.0, 0.0}, {0.0, 0.0}, true},
};

TEST(TrialTable, RanksByThePartThatCounts) {
  const TrialTable text(kTrials, TrialTable::Part::Text), prompts(kTrials, TrialTable::Part::Prompts);
  EXPECT_EQ(text.losses(), (std::vector<double>{2, 2.5, 2}));
  EXPECT_EQ(text.standing(keeping({0, 2}))->rank(), 3);
  EXPECT_EQ(text.standing(keeping({1, 2}))->rank(), 1) << "an equal one is not better";
  EXPECT_EQ(prompts.standing(keeping({0, 2}))->rank(), 1);
  EXPECT_EQ(prompts.standing(keeping({0, 1}))->rank(), 3);
  EXPECT_FALSE(text.standing(keeping({2, 3}))) << "it was not tried";
}

TEST(TrialTable, StandingsAreOfThoseTriedTheBestFirst) {
  const TrialTable text(kTrials, TrialTable::Part::Text);
  const auto standings = text.standings(std::vector{keeping({0, 2}), keeping({2, 3}), keeping({0, 3})});
  ASSERT_EQ(standings.size(), 2u);
  EXPECT_EQ(standings[0].first, keeping({0, 3}));
  EXPECT_EQ(standings[1].first, keeping({0, 2}));
  EXPECT_EQ(standings[1].second.rank(), 3);
}

TEST(TrialTable, RegretIsAgainstTheBestOfAllTried) {
  const TrialTable text(kTrials, TrialTable::Part::Text);
  EXPECT_EQ(text.best(), keeping({0, 3}));
  const auto standing = text.standing(keeping({0, 1}));
  EXPECT_DOUBLE_EQ(standing->regret, 2);
  EXPECT_EQ(standing->trials, 3) << "one named by the user is no part of the distribution";
  EXPECT_GE(standing->regret_interval.low, 1);
  EXPECT_LE(standing->regret_interval.high, 3);
  EXPECT_LT(standing->regret_interval.low, standing->regret_interval.high);
  const auto best = text.standing(keeping({0, 3}));
  EXPECT_EQ(best->regret, 0);
  EXPECT_EQ(best->regret_interval.high, 0);
}

TEST(TrialTable, TheBestIsFoundAnewInEveryResample) {
  // Either is best on one batch: whichever batches are drawn, one of them has no regret.
  const std::vector<TrialEvent> trials{{1, keeping({0}), {0, 1}, {}, false}, {2, keeping({1}), {1, 0}, {}, false}};
  const auto standing = TrialTable(trials, TrialTable::Part::All).standing(keeping({0}));
  EXPECT_EQ(standing->regret, 0);
  EXPECT_EQ(standing->regret_interval.low, 0);
  EXPECT_EQ(standing->regret_interval.high, 1);
}

TEST(TrialTable, RefusesWhatCannotBeCompared) {
  std::vector<TrialEvent> trials = kTrials;
  trials[1].text.pop_back();
  EXPECT_THROW(TrialTable(trials, TrialTable::Part::All), Error);
  trials = {{1, keeping({0}), {1}, {}, false}};
  EXPECT_THROW(TrialTable(trials, TrialTable::Part::Prompts), Error);
  const TrialTable none({}, TrialTable::Part::All);
  EXPECT_FALSE(none.best());
  EXPECT_FALSE(none.standing(keeping({0})));
}

TEST(Wilson, IsTheIntervalOfTheTextbook) {
  const Interval interval = wilsonInterval(3, 20);
  EXPECT_NEAR(interval.low, 0.0524, 5e-4);
  EXPECT_NEAR(interval.high, 0.3604, 5e-4);
  EXPECT_EQ(wilsonInterval(0, 10).low, 0);
  EXPECT_NEAR(wilsonInterval(0, 10).high, 0.2775, 5e-4);
  EXPECT_TRUE(std::isnan(wilsonInterval(0, 0).low));
}

}  // namespace
}  // namespace interleave
