// SPDX-License-Identifier: GPL-3.0-or-later
#include "backend/core/statistics.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <vector>

#include "backend/core/error.h"
#include "backend/core/random.h"

namespace interleave {
namespace {

TEST(MedianOf, IsTheMiddle) {
  EXPECT_EQ(medianOf(std::vector<double>{5, 1, 9}), 5);
  EXPECT_EQ(medianOf(std::vector<double>{8, 1, 4, 2}), 3);
  EXPECT_TRUE(std::isnan(medianOf({})));
}

/// The share of trials in which the interval of `count` samples holds their true mean.
template <class Draw>
double shareHeld(int trials, std::size_t count, double mean, std::uint64_t seed, Draw draw) {
  Random random(seed);
  int held = 0;
  for (int trial = 0; trial < trials; ++trial) {
    std::vector<double> samples(count);
    for (double& sample : samples) sample = draw(random);
    const Interval interval = bootstrapMean(samples, static_cast<std::uint64_t>(trial));
    EXPECT_LE(interval.low, meanOf(samples));
    EXPECT_GE(interval.high, meanOf(samples));
    held += interval.low <= mean && mean <= interval.high ? 1 : 0;
  }
  return static_cast<double>(held) / trials;
}

TEST(BootstrapMean, HoldsTheTrueMeanAboutAsOftenAsItSays) {
  const auto skewed = [](Random& random) { return random.uniform() * random.uniform(); };
  const double held = shareHeld(400, 40, 0.25, 1, skewed);
  EXPECT_GT(held, 0.88);
  EXPECT_LT(held, 0.99);
}

TEST(BootstrapMean, OfFewSamplesHoldsTheMeanNearlyAsOften) {
  const auto nearly_normal = [](Random& random) {
    double sum = -6;
    for (int i = 0; i < 12; ++i) sum += random.uniform();
    return sum;
  };
  const double held = shareHeld(600, 8, 0, 5, nearly_normal);
  EXPECT_GT(held, 0.92) << "plain percentiles hold it 89 times in a hundred";
  EXPECT_LT(held, 0.98);
}

TEST(BootstrapTail, IsFartherOutWithFewerSamples) {
  EXPECT_EQ(bootstrapTail(100'000, 1000), 24U) << "2.5 %, but for a hair";
  EXPECT_EQ(bootstrapTail(8, 1000), 5U) << ".57 %: t of 7 degrees is 2.36, and √(8/7)";
  EXPECT_EQ(bootstrapTail(2, 1000), 0U);
  EXPECT_EQ(bootstrapTail(1, 1000), 0U);
}

TEST(BootstrapMean, OfOneSampleOrNoneIsThatOrNothing) {
  const std::vector<double> one{3.5};
  EXPECT_EQ(bootstrapMean(one).low, 3.5);
  EXPECT_EQ(bootstrapMean(one).high, 3.5);
  EXPECT_TRUE(std::isnan(bootstrapMean({}).low));
}

TEST(BootstrapMean, RepeatsItself) {
  const std::vector<double> samples{1, 2, 4, 8, 16};
  EXPECT_EQ(bootstrapMean(samples, 7).low, bootstrapMean(samples, 7).low);
}

/// `count` pairs whose differences are `shift` and a noise of mean 0 in [−1/2, 1/2).
PairedDifference noisyPairs(int count, double shift, std::uint64_t seed) {
  Random random(seed);
  std::vector<double> values, reference;
  for (int i = 0; i < count; ++i) {
    reference.push_back(100 * random.uniform());  // what a sample is like matters far more than who answers it
    values.push_back(reference.back() + shift + random.uniform() - 0.5);
  }
  return pairedDifference(values, reference, Better::Lower, seed);
}

TEST(StudentMean, ReachesAsFarAsTheTablesSay) {
  for (const auto& [count, reach] : std::map<std::size_t, double>{{2, 12.706205},
                                                                  {3, 4.302653},
                                                                  {4, 3.182446},
                                                                  {5, 2.776445},
                                                                  {11, 2.228139},
                                                                  {31, 2.042272},
                                                                  {1001, 1.962339}}) {
    std::vector<double> samples(count);
    for (std::size_t i = 0; i < count; ++i) samples[i] = i % 2 == 0 ? 5 : 7;
    const double mean = meanOf(samples);
    double squares = 0;
    for (const double sample : samples) squares += (sample - mean) * (sample - mean);
    const double error = std::sqrt(squares / static_cast<double>(count - 1) / static_cast<double>(count));
    const Interval interval = studentMean(samples);
    EXPECT_NEAR((interval.high - mean) / error, reach, 1e-5) << count;
    EXPECT_NEAR(interval.high - mean, mean - interval.low, 1e-12) << count;
  }
}

TEST(StudentMean, OfEqualSamplesIsThatAndOfOneNothing) {
  const Interval equal = studentMean(std::vector{2.5, 2.5, 2.5});
  EXPECT_EQ(equal.low, 2.5);
  EXPECT_EQ(equal.high, 2.5);
  EXPECT_TRUE(std::isnan(studentMean(std::vector{2.5}).low));
  EXPECT_TRUE(std::isnan(studentMean({}).high));
}

TEST(PairedDifference, IsThatOfThePairsAndCountsThem) {
  const std::vector<double> a{1, 2, 3, 4.5, 5}, b{2, 2, 3 + 1e-13, 4, 7};
  const PairedDifference lower = pairedDifference(a, b, Better::Lower);
  EXPECT_DOUBLE_EQ(lower.mean, (-1 + 0 + 0 + 0.5 - 2) / 5);
  EXPECT_EQ(lower.won, 2);
  EXPECT_EQ(lower.lost, 1);
  EXPECT_EQ(lower.tied, 2) << "1e-13 apart is equal";
  EXPECT_EQ(lower.pairs(), 5);
  EXPECT_LE(lower.interval.low, lower.mean);
  EXPECT_GE(lower.interval.high, lower.mean);
  const PairedDifference higher = pairedDifference(a, b, Better::Higher);
  EXPECT_EQ(higher.won, 1);
  EXPECT_EQ(higher.lost, 2);
  EXPECT_EQ(higher.mean, lower.mean);
  EXPECT_EQ(higher.interval.low, pairedDifference(a, b, Better::Higher).interval.low) << "it repeats itself";
}

TEST(PairedDifference, SeesThroughTheSpreadOfTheSamples) {
  const PairedDifference found = noisyPairs(16, -0.4, 1);
  EXPECT_TRUE(found.carries());
  EXPECT_EQ(found.verdict(), "better");
  EXPECT_EQ(noisyPairs(16, 0.4, 1).verdict(), "worse");
}

TEST(PairedDifference, OfEqualsIsSeldomCarried) {
  int carried = 0;
  constexpr int kTrials = 400;
  for (int trial = 0; trial < kTrials; ++trial) {
    const PairedDifference found = noisyPairs(24, 0, static_cast<std::uint64_t>(trial));
    EXPECT_EQ(found.carries(), found.interval.low > 0 || found.interval.high < 0);
    carried += found.carries() ? 1 : 0;
  }
  EXPECT_LT(carried, kTrials * 10 / 100);
  EXPECT_GT(carried, 0);
}

TEST(PairedDifference, OfFewPairsThatDifferShowsNothing) {
  const std::vector<double> zeros(20, 0), ones(5, -1);
  for (std::size_t pairs = 1; pairs <= 5; ++pairs) {
    const PairedDifference found =
        pairedDifference(std::span(ones).first(pairs), std::span(zeros).first(pairs), Better::Lower);
    EXPECT_TRUE(found.excludesZero());
    EXPECT_FALSE(found.carries());
    EXPECT_EQ(found.verdict(), "too few pairs differ");
  }
  std::vector<double> six(20, 0);
  std::fill_n(six.begin(), 6, -1.0);
  EXPECT_TRUE(pairedDifference(six, zeros, Better::Lower).carries());
  EXPECT_EQ(pairedDifference(zeros, zeros, Better::Lower).verdict(), "no difference shown");
}

TEST(PairedDifference, RefusesWhatIsNoPair) {
  const std::vector<double> two{1, 2}, three{1, 2, 3}, endless{1, INFINITY}, none;
  EXPECT_THROW(pairedDifference(two, three, Better::Lower), Error);
  EXPECT_THROW(pairedDifference(none, none, Better::Lower), Error);
  EXPECT_THROW(pairedDifference(two, endless, Better::Lower), Error);
}

TEST(RankCorrelation, IsWhatTheDefinitionsGiveByHand) {
  const std::vector<double> order{1, 2, 3, 4, 5}, swapped{2, 1, 4, 3, 5}, turned{5, 4, 3, 2, 1};
  EXPECT_DOUBLE_EQ(spearman(order, swapped), 0.8);  // 1 − 6·Σd²/(n(n²−1)), Σd² = 4
  EXPECT_DOUBLE_EQ(kendall(order, swapped), 0.6);   // (8 concordant − 2 discordant) / 10
  EXPECT_DOUBLE_EQ(spearman(order, turned), -1);
  EXPECT_DOUBLE_EQ(kendall(order, turned), -1);
  // With a tie: mid-ranks 1, 2.5, 2.5, 4; five pairs agree, one is tied on one side.
  const std::vector<double> tied{10, 20, 20, 30}, other{0.1, 0.3, 0.2, 0.4};
  EXPECT_NEAR(spearman(tied, other), 4.5 / std::sqrt(4.5 * 5), 1e-12);
  EXPECT_NEAR(kendall(tied, other), 5 / std::sqrt(5.0 * 6), 1e-12);
  // Ties on both sides, of which one pair is tied in both: ranks 1.5 1.5 3 4 and 1.5 1.5 3.5 3.5.
  const std::vector<double> left{1, 1, 2, 3}, right{5, 5, 6, 6};
  EXPECT_NEAR(spearman(left, right), 4 / std::sqrt(4.5 * 4), 1e-12);
  EXPECT_NEAR(kendall(left, right), 4 / std::sqrt(5.0 * 4), 1e-12);
}

TEST(RankCorrelation, SeesRanksAloneAndNoNumberWhereThereIsNone) {
  const std::vector<double> a{0.1, 5, -3, 2}, b{std::exp(0.1), std::exp(5), INFINITY * -1, std::exp(2)};
  EXPECT_DOUBLE_EQ(spearman(a, b), 1);
  EXPECT_DOUBLE_EQ(kendall(a, b), 1);
  const std::vector<double> flat(4, 1.0), broken{1, NAN, 2, 3}, short_one{1};
  EXPECT_TRUE(std::isnan(spearman(a, flat)) && std::isnan(kendall(flat, a)));
  EXPECT_TRUE(std::isnan(spearman(a, broken)) && std::isnan(kendall(broken, a)));
  EXPECT_TRUE(std::isnan(spearman({}, {})) && std::isnan(kendall({}, {})));
  EXPECT_THROW(spearman(a, short_one), Error);
  EXPECT_THROW(kendall(a, short_one), Error);
}

}  // namespace
}  // namespace interleave
