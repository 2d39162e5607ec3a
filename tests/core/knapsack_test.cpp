// SPDX-License-Identifier: GPL-3.0-or-later
#include "backend/core/knapsack.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <functional>
#include <limits>
#include <numeric>

#include "backend/core/error.h"
#include "backend/core/random.h"

namespace interleave {
namespace {

using testing::ElementsAre;
using Classes = std::vector<std::vector<KnapsackOption>>;

/// The best value of all choices, or nothing.
std::optional<double> byEnumeration(const Classes& classes, std::int64_t budget, std::size_t at = 0) {
  if (budget < 0) return std::nullopt;
  if (at == classes.size()) return 0;
  std::optional<double> best;
  for (const KnapsackOption& option : classes[at]) {
    const auto rest = byEnumeration(classes, budget - option.cost, at + 1);
    if (rest && (!best || option.value + *rest > *best)) best = option.value + *rest;
  }
  return best;
}

/// One class a layer: nothing at no cost, or `value` at `cost`.
Classes keepOrNot(const std::vector<KnapsackOption>& layers) {
  Classes classes;
  for (const KnapsackOption& layer : layers) classes.push_back({{0, 0}, layer});
  return classes;
}

std::vector<int> kept(const KnapsackChoice& choice) {
  std::vector<int> layers;
  for (std::size_t layer = 0; layer < choice.options.size(); ++layer) {
    if (choice.options[layer] == 1) layers.push_back(static_cast<int>(layer));
  }
  return layers;
}

TEST(Knapsack, EqualsTheBestOfAllChoices) {
  Random random(11);
  int feasible = 0;
  for (int trial = 0; trial < 4000; ++trial) {
    const bool whole = trial % 2 == 0;  // whole values: ties, and no rounding
    const std::uint64_t dearest = std::array<std::uint64_t, 3>{2, 10, 1000}[static_cast<std::size_t>(trial) % 3];
    Classes classes(1 + random.below(7));
    std::int64_t most = 0;
    for (std::vector<KnapsackOption>& options : classes) {
      const std::uint64_t count = random.below(4) == 0 ? 1 : 2 + random.below(3);  // a pinned layer has one
      for (std::uint64_t i = 0; i < count; ++i) {
        const double value = 20 * random.uniform() - 8;
        options.push_back({static_cast<std::int64_t>(random.below(dearest)), whole ? std::floor(value) : value});
      }
      most += std::ranges::max(options, {}, &KnapsackOption::cost).cost;
    }
    const auto budget = static_cast<std::int64_t>(random.below(static_cast<std::uint64_t>(most) + 1));
    const auto found = solveKnapsack(classes, budget);
    const auto best = byEnumeration(classes, budget);
    ASSERT_EQ(found.has_value(), best.has_value()) << trial;
    if (!found) continue;
    ++feasible;
    ASSERT_EQ(found->options.size(), classes.size());
    KnapsackOption total;
    for (std::size_t c = 0; c < classes.size(); ++c) {
      total.cost += classes[c].at(static_cast<std::size_t>(found->options[c])).cost;
      total.value += classes[c][static_cast<std::size_t>(found->options[c])].value;
    }
    EXPECT_LE(total.cost, budget) << trial;
    EXPECT_EQ(total.cost, found->cost) << trial;
    EXPECT_DOUBLE_EQ(total.value, found->value) << trial;
    EXPECT_NEAR(found->value, *best, whole ? 0 : 1e-12) << trial;
  }
  EXPECT_GT(feasible, 2000);
}

TEST(Knapsack, OfEqualPricesTakesTheLargestValuesAndTheFirstOfEqualOnes) {
  Random random(5);
  for (int trial = 0; trial < 500; ++trial) {
    std::vector<KnapsackOption> layers(40);
    for (KnapsackOption& layer : layers) {
      layer = {7'340'032, std::exp(30 * random.uniform() - 15) * (random.below(4) == 0 ? -1 : 1)};
    }
    for (int twins = 0; twins < 12; ++twins) layers[random.below(40)].value = layers[random.below(40)].value;
    const std::int64_t budget = static_cast<std::int64_t>(random.below(41)) * 7'340'032 + 12'345;
    std::vector<int> best(40);
    std::iota(best.begin(), best.end(), 0);
    std::ranges::stable_sort(best, std::greater(), [&](int l) { return layers[static_cast<std::size_t>(l)].value; });
    best.resize(static_cast<std::size_t>(budget / 7'340'032));
    std::erase_if(best, [&](int layer) { return layers[static_cast<std::size_t>(layer)].value < 0; });
    std::ranges::sort(best);
    EXPECT_EQ(kept(*solveKnapsack(keepOrNot(layers), budget)), best) << trial;
  }
}

TEST(Knapsack, PassesOverTheLayerThatASortWouldTakeFirst) {
  const Classes classes = keepOrNot({{6, 8}, {5, 6}, {5, 6}});
  EXPECT_THAT(kept(*solveKnapsack(classes, 10)), ElementsAre(1, 2));
  EXPECT_THAT(kept(*solveKnapsack(classes, 9)), ElementsAre(0));
  EXPECT_THAT(kept(*solveKnapsack(classes, 4)), ElementsAre());
}

TEST(Knapsack, NothingForcesSpending) {
  const auto found = solveKnapsack(keepOrNot({{3, -1}, {0, 2}, {0, -2}, {1, 0}}), 100);
  EXPECT_THAT(kept(*found), ElementsAre(1));
  EXPECT_EQ(found->cost, 0);
  EXPECT_EQ(found->value, 2);
}

TEST(Knapsack, KnowsWhatCannotBe) {
  EXPECT_FALSE(solveKnapsack(Classes{{{3, 1}}, {{2, 1}, {4, 9}}}, 4).has_value());
  EXPECT_FALSE(solveKnapsack(Classes{{{0, 1}}}, std::numeric_limits<std::int64_t>::min()).has_value());
  EXPECT_EQ(solveKnapsack(Classes{}, 0)->value, 0);
}

TEST(Knapsack, RefusesWhatIsNone) {
  constexpr std::int64_t kMost = std::numeric_limits<std::int64_t>::max();
  constexpr double kInfinite = std::numeric_limits<double>::infinity();
  EXPECT_THROW(solveKnapsack(Classes{{}}, 1), Error);
  EXPECT_THROW(solveKnapsack(Classes{{{-1, 0}}}, 1), Error);
  EXPECT_THROW(solveKnapsack(Classes{{{0, std::nan("")}}}, 1), Error);
  EXPECT_THROW(solveKnapsack(Classes{{{0, kInfinite}}}, 1), Error);
  EXPECT_THROW(solveKnapsack(Classes{{{0, 1e308}}, {{0, 1e308}}}, 1), Error);
  EXPECT_THROW(solveKnapsack(keepOrNot({{kMost, 1}, {kMost, 1}}), 1), Error);
  EXPECT_THAT(kept(*solveKnapsack(keepOrNot({{kMost - 1, 1}, {1, 1}}), kMost)), ElementsAre(0, 1));
}

TEST(Knapsack, CostsMadeToBeHardFailInsteadOfFillingTheMemory) {
  Random random(1);
  Classes classes;
  for (int c = 0; c < 60; ++c) {  // a subset sum: every layer is worth its cost
    const auto cost = static_cast<std::int64_t>(random.below(1'000'000'000'000));
    classes.push_back({{0, 0}, {cost, static_cast<double>(cost)}});
  }
  try {
    solveKnapsack(classes, 20'000'000'000'001);
    FAIL() << "this cannot be settled";
  } catch (const Error& problem) {
    EXPECT_EQ(problem.kind(), ErrorKind::Failed);
  }
}

/// A hundred layers of distinct costs take milliseconds; the bound is wide for a slow and busy machine.
TEST(Knapsack, AHundredLayersOfDistinctCostsAreSoonSettled) {
  Random random(3);
  for (const double tied : {0.0, 0.9}) {  // how much a layer's worth follows its cost
    for (const std::size_t options : {2U, 4U}) {
      Classes classes(100);
      std::int64_t most = 0;
      for (std::vector<KnapsackOption>& its : classes) {
        for (std::size_t i = 0; i < options; ++i) {
          const auto cost = static_cast<std::int64_t>(i * 1'000'000 + random.below(1'000'000));
          const double value = tied * static_cast<double>(cost) / 1e6 + (1 - tied) * random.uniform();
          its.push_back({i == 0 ? 0 : cost, i == 0 ? 0 : value});
        }
        most += its.back().cost;
      }
      const auto began = std::chrono::steady_clock::now();
      for (int tenth = 1; tenth < 10; ++tenth) ASSERT_TRUE(solveKnapsack(classes, most / 10 * tenth).has_value());
      const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count() / 9;
      RecordProperty("milliseconds", std::to_string(1000 * seconds));
      EXPECT_LT(seconds, 0.5) << options << " options, " << tied;
    }
  }
}

}  // namespace
}  // namespace interleave
