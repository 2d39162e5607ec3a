// SPDX-License-Identifier: GPL-3.0-or-later
#include "backend/core/halo_score.h"

#include <gmock/gmock.h>

#include <limits>

#include "backend/core/error.h"

namespace interleave {
namespace {

using testing::DoubleNear;
using testing::ElementsAre;

TEST(HaloScores, AreWhatRecallLosesForEachPointOfCommonSense) {
  const std::vector<double> recall{0.5, 0.9, 0.8, 0.7}, common_sense{0.3, 0.5, 0.6, 0.7};
  EXPECT_THAT(haloScores(recall, common_sense),
              ElementsAre(DoubleNear(1, 1e-6), DoubleNear(0, 1e-6), DoubleNear(1, 1e-6), 50));
  EXPECT_THAT(haloScores(recall, common_sense, 0.1),
              ElementsAre(DoubleNear(0.8, 1e-9), DoubleNear(0, 1e-9), DoubleNear(0.5, 1e-9), DoubleNear(2, 1e-9)));
}

TEST(HaloScores, TheBestInBothScoresNothing) {
  EXPECT_THAT(haloScores(std::vector<double>{1, 0}, std::vector<double>{1, 0}), ElementsAre(0, DoubleNear(1, 1e-9)));
}

TEST(HaloScores, RefusesWhatIsNoTable) {
  const std::vector<double> two{1, 2}, three{1, 2, 3}, broken{1, std::numeric_limits<double>::quiet_NaN()};
  EXPECT_THROW(haloScores(two, three), Error);
  EXPECT_THROW(haloScores({}, {}), Error);
  EXPECT_THROW(haloScores(two, broken), Error);
  EXPECT_THROW(haloScores(broken, two), Error);
  EXPECT_THROW(haloScores(two, two, 0), Error);
}

}  // namespace
}  // namespace interleave
