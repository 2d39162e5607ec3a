// SPDX-License-Identifier: GPL-3.0-or-later
#include "backend/core/random.h"

#include <gmock/gmock.h>

#include <numeric>

namespace interleave {
namespace {

// Reference outputs of SplitMix64 for seed 1234567, as published with the generator.
TEST(Random, GivesTheNumbersOfSplitMix64) {
  Random random(1234567);
  EXPECT_EQ(random.next(), 6457827717110365317ULL);
  EXPECT_EQ(random.next(), 3203168211198807973ULL);
  EXPECT_EQ(random.next(), 9817491932198370423ULL);
  EXPECT_EQ(random.next(), 4593380528125082431ULL);
  EXPECT_EQ(random.next(), 16408922859458223821ULL);
}

TEST(Random, GoesOnFromItsState) {
  Random random(9);
  random.next();
  Random resumed(random.state());
  EXPECT_EQ(resumed.next(), random.next());
}

TEST(Random, StaysInRangeAndCoversIt) {
  Random random(3);
  std::vector<int> counts(7);
  double sum = 0;
  for (int i = 0; i < 7000; ++i) {
    ++counts.at(random.below(7));
    const double value = random.uniform();
    EXPECT_GE(value, 0);
    EXPECT_LT(value, 1);
    sum += value;
  }
  for (const int count : counts) EXPECT_NEAR(count, 1000, 150);
  EXPECT_NEAR(sum / 7000, 0.5, 0.02);
}

TEST(Random, ShufflesWithoutLoss) {
  std::vector<int> values(100), sorted(100);
  std::iota(values.begin(), values.end(), 0);
  sorted = values;
  Random random(1);
  random.shuffle(values);
  EXPECT_NE(values, sorted);
  EXPECT_THAT(values, testing::UnorderedElementsAreArray(sorted));
}

TEST(DerivedSeed, DiffersByPurposeAndSeed) {
  EXPECT_NE(derivedSeed(1, 0), derivedSeed(1, 1));
  EXPECT_NE(derivedSeed(1, 0), derivedSeed(2, 0));
  EXPECT_EQ(derivedSeed(1234567, 0), 6457827717110365317ULL);
}

}  // namespace
}  // namespace interleave
