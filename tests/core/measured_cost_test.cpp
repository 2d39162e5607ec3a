// SPDX-License-Identifier: GPL-3.0-or-later
#include "backend/core/measured_cost.h"

#include <gtest/gtest.h>

#include <cmath>

namespace interleave {
namespace {

/// Decoding measured at 100, 200, 400, … tokens.
MeasuredCost decoding(const std::vector<double>& seconds) {
  MeasuredCost cost;
  std::int64_t tokens = 100;
  for (const double value : seconds) {
    cost.points.push_back({.context_tokens = tokens, .decode_samples = {value}});
    tokens *= 2;
  }
  return cost;
}

std::optional<Crossover> decodingCrosses(const std::vector<double>& cost, const std::vector<double>& teacher) {
  return crossover(decoding(cost), decoding(teacher), &CostPoint::decodeSeconds);
}

TEST(Crossover, IsInterpolatedLinearly) {
  const auto at = decodingCrosses({3, 3, 3}, {1, 2, 6});
  ASSERT_TRUE(at);
  EXPECT_DOUBLE_EQ(at->tokens, 250);  // the teacher takes 2 at 200 and 6 at 400
  EXPECT_DOUBLE_EQ(at->value, 3);
}

TEST(Crossover, IsTheLastOneAfterWhichThePlacementStaysCheaper) {
  const auto at = decodingCrosses({1, 3, 1, 1}, {2, 2, 2, 2});
  ASSERT_TRUE(at);
  EXPECT_DOUBLE_EQ(at->tokens, 300);
  EXPECT_FALSE(decodingCrosses({3, 1, 3}, {2, 2, 2})) << "dearer again at the longest";
}

TEST(Crossover, IsThereOnlyIfTheyCross) {
  EXPECT_FALSE(decodingCrosses({1, 1}, {2, 2}));
  EXPECT_FALSE(decodingCrosses({2, 2}, {1, 1}));
  EXPECT_FALSE(decodingCrosses({2, 2}, {2, 2})) << "equal is not below";
  EXPECT_FALSE(decodingCrosses({}, {}));
  EXPECT_TRUE(cheaperAtLast(decoding({1, 1}), decoding({2, 2}), &CostPoint::decodeSeconds));
  EXPECT_FALSE(cheaperAtLast(decoding({2, 2}), decoding({2, 2}), &CostPoint::decodeSeconds));
  EXPECT_FALSE(cheaperAtLast(decoding({}), decoding({}), &CostPoint::decodeSeconds));
}

TEST(Crossover, ReadsWhatItIsAskedFor) {
  MeasuredCost cost = decoding({5, 5}), teacher = decoding({1, 1});
  for (std::size_t i = 0; i < 2; ++i) {
    cost.points[i].cache_bytes = 30;
    teacher.points[i].cache_bytes = i == 0 ? 20 : 40;
  }
  const auto at = crossover(cost, teacher, &CostPoint::cache_bytes);
  ASSERT_TRUE(at);
  EXPECT_DOUBLE_EQ(at->tokens, 150);
}

TEST(CostPoint, IsComputedFromTheTeachersTimeByFlops) {
  const CostPoint point{.prefill_flops = 30, .decode_bytes = 5}, untold{};
  const CostPoint teacher{.prefill_samples = {4}, .decode_samples = {1}, .prefill_flops = 20, .decode_bytes = 10};
  EXPECT_DOUBLE_EQ(computedPrefillSeconds(point, teacher), 6);
  EXPECT_DOUBLE_EQ(computedDecodeSeconds(point, teacher), 0.5);
  EXPECT_TRUE(std::isnan(computedPrefillSeconds(untold, teacher)));
  EXPECT_TRUE(std::isnan(computedDecodeSeconds(point, untold)));
}

TEST(CostPoint, TellsMedians) {
  const CostPoint point{.prefill_samples = {9, 1, 2}, .decode_samples = {4, 1, 3, 100}};
  EXPECT_DOUBLE_EQ(point.prefillSeconds(), 2);
  EXPECT_DOUBLE_EQ(point.decodeSeconds(), 3.5);
}

}  // namespace
}  // namespace interleave
