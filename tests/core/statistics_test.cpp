// SPDX-License-Identifier: GPL-3.0-or-later
#include "backend/core/statistics.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "backend/core/random.h"

namespace interleave {
namespace {

TEST(MedianOf, IsTheMiddle) {
  EXPECT_EQ(medianOf(std::vector<double>{5, 1, 9}), 5);
  EXPECT_EQ(medianOf(std::vector<double>{8, 1, 4, 2}), 3);
  EXPECT_TRUE(std::isnan(medianOf({})));
}

TEST(BootstrapMean, HoldsTheTrueMeanAboutAsOftenAsItSays) {
  int held = 0;
  constexpr int kTrials = 400;
  Random random(1);
  for (int trial = 0; trial < kTrials; ++trial) {
    std::vector<double> samples(40);
    for (double& sample : samples) sample = random.uniform() * random.uniform();  // skewed; its mean is 1/4
    const Interval interval = bootstrapMean(samples, static_cast<std::uint64_t>(trial));
    EXPECT_LE(interval.low, meanOf(samples));
    EXPECT_GE(interval.high, meanOf(samples));
    held += interval.low <= 0.25 && 0.25 <= interval.high ? 1 : 0;
  }
  EXPECT_GT(held, kTrials * 88 / 100);
  EXPECT_LT(held, kTrials * 99 / 100);
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

}  // namespace
}  // namespace interleave
