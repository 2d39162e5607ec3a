// SPDX-License-Identifier: GPL-3.0-or-later
#include "backend/search/gates.h"

#include <gmock/gmock.h>

#include <array>
#include <cmath>

#include "backend/core/error.h"
#include "backend/core/random.h"

namespace interleave {
namespace {

using testing::ElementsAre;

Gates::Problem unpinned(std::vector<MixerKind> operators, std::vector<double> costs, double budget) {
  const std::size_t layers = costs.size() / operators.size();
  return {std::move(operators), std::move(costs), budget, std::vector<int>(layers, -1)};
}

/// Random logits, and costs that differ from layer to layer like cache bytes do.
struct Case {
  Gates::Problem problem;
  std::vector<double> logits, direction;
};

Case randomCase(std::uint64_t seed, int layers, std::vector<MixerKind> operators, bool bytes) {
  Random random(seed);
  const std::size_t columns = operators.size();
  Case made;
  std::vector<double> costs;
  double middle = 0;
  for (int layer = 0; layer < layers; ++layer) {
    for (std::size_t o = 0; o < columns; ++o) {
      costs.push_back(bytes ? (o == 0 ? 3e6 + 1e6 * random.uniform() : 2e5 * static_cast<double>(o))
                            : (o == 0 ? 1.0 : 0.0));
      made.logits.push_back(4 * random.uniform() - 2);
      made.direction.push_back(2 * random.uniform() - 1);
      middle += costs.back() / static_cast<double>(columns);
    }
  }
  made.problem = unpinned(std::move(operators), std::move(costs), bytes ? 0.8 * middle : 0.3 * layers);
  return made;
}

const std::vector<MixerKind> kTwo{MixerKind::Full, MixerKind::Gdn};
const std::vector<MixerKind> kThree{MixerKind::Full, MixerKind::SlidingWindow, MixerKind::Gdn};

double along(const std::vector<double>& a, const std::vector<double>& b) {
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += a[i] * b[i];
  return sum;
}

class GatesCase : public testing::TestWithParam<std::tuple<int, bool, bool>> {
 protected:
  Case make(std::uint64_t seed) const {
    const auto& [columns, bytes, exact] = GetParam();
    return randomCase(seed, 7, columns == 2 ? kTwo : kThree, bytes);
  }
};

TEST_P(GatesCase, RowsSumToOneAndTheShiftMeetsTheBudget) {
  const bool exact = std::get<2>(GetParam());
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    const Case made = make(seed);
    const Gates gates(made.problem);
    const Gates::Relaxed relaxed = gates.relax(made.logits, 0.7, exact);
    for (int layer = 0; layer < gates.layers(); ++layer) {
      double sum = 0;
      for (int o = 0; o < gates.operators(); ++o)
        sum += relaxed.probabilities[static_cast<std::size_t>(layer * gates.operators() + o)];
      EXPECT_NEAR(sum, 1, 1e-12);
    }
    if (!exact) continue;
    EXPECT_NEAR(gates.expectedCost(relaxed.probabilities) / made.problem.budget, 1, 1e-9);
  }
}

TEST_P(GatesCase, PullbackIsTheDerivative) {
  const bool exact = std::get<2>(GetParam());
  for (std::uint64_t seed = 0; seed < 10; ++seed) {
    Case made = make(seed);
    if (seed % 2 == 1) made.problem.pinned[2] = 1;
    const Gates gates(made.problem);
    // L(p) = Σ w p² / 2 has slope w p: not linear, so that a wrong point would show.
    const auto loss = [&](const std::vector<double>& logits) {
      double sum = 0;
      const auto p = gates.relax(logits, 0.7, exact).probabilities;
      for (std::size_t i = 0; i < p.size(); ++i) sum += made.direction[i] * p[i] * p[i] / 2;
      return sum;
    };
    const Gates::Relaxed relaxed = gates.relax(made.logits, 0.7, exact);
    std::vector<double> slope;
    for (std::size_t i = 0; i < made.logits.size(); ++i) slope.push_back(made.direction[i] * relaxed.probabilities[i]);
    const std::vector<double> gradient = gates.pullback(relaxed, slope);
    for (std::size_t i = 0; i < made.logits.size(); ++i) {
      constexpr double kStep = 1e-5;
      std::vector<double> up = made.logits, down = made.logits;
      up[i] += kStep;
      down[i] -= kStep;
      EXPECT_NEAR(gradient[i], (loss(up) - loss(down)) / (2 * kStep), 1e-8) << "seed " << seed << ", entry " << i;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(All, GatesCase, testing::Combine(testing::Values(2, 3), testing::Bool(), testing::Bool()));

TEST(Gates, AShiftTakesTheCommonModeOutOfTheGradient) {
  const Case made = randomCase(3, 9, kTwo, false);
  const Gates gates(made.problem);
  const Gates::Relaxed relaxed = gates.relax(made.logits, 1, true);
  const std::vector<double> gradient = gates.pullback(relaxed, made.direction);
  std::vector<double> common(made.logits.size(), 0);
  for (std::size_t i = 0; i < common.size(); i += 2) common[i] = 1;
  EXPECT_NEAR(along(gradient, common), 0, 1e-12);
}

TEST(Gates, BudgetsAtTheEndsOfTheRangeAreMet) {
  for (const double budget : {0.0, 5.0}) {
    Case made = randomCase(1, 5, kTwo, false);
    made.problem.budget = budget;
    const Gates gates(made.problem);
    EXPECT_NEAR(gates.expectedCost(gates.relax(made.logits, 1, true).probabilities), budget, 1e-6);
    EXPECT_EQ(gates.discretise(made.logits).placement.fullCount(), static_cast<int>(budget));
  }
}

TEST(Gates, RefusesABudgetThatPinsDoNotAllow) {
  Case made = randomCase(1, 5, kTwo, false);
  made.problem.pinned = {0, 0, 0, -1, -1};
  made.problem.budget = 2;
  EXPECT_THROW(Gates{made.problem}, Error);
  made.problem.budget = 6;
  EXPECT_THROW(Gates{made.problem}, Error);
  made.problem.budget = 5;
  EXPECT_NO_THROW(Gates{made.problem});
}

TEST(Gates, KeepsTheLargestGapsAndBreaksTiesByIndex) {
  Gates gates(unpinned(kTwo, {1, 0, 1, 0, 1, 0, 1, 0}, 2));
  const Gates::Discrete found = gates.discretise(std::vector<double>{0, 0, 3, 1, 0, 0, 1, 1});
  EXPECT_THAT(found.placement.kept(), ElementsAre(0, 1));
  EXPECT_DOUBLE_EQ(found.margin, 0);
  const Gates::Discrete clear = gates.discretise(std::vector<double>{0, 0, 3, 1, 0, 1, 1, 0});
  EXPECT_THAT(clear.placement.kept(), ElementsAre(1, 3));
  EXPECT_DOUBLE_EQ(clear.margin, 1);
  EXPECT_EQ(clear.by_distance.size(), 4U);
}

TEST(Gates, OtherLayersTakeTheBestOtherOperator) {
  Gates gates(unpinned(kThree, {1, 0, 0, 1, 0, 0, 1, 0, 0}, 1));
  const Gates::Discrete found = gates.discretise(std::vector<double>{5, 0, 1, 0, 2, 1, 0, 1, 2});
  EXPECT_EQ(found.placement, Placement({MixerKind::Full, MixerKind::SlidingWindow, MixerKind::Gdn}));
}

TEST(Gates, NeverExceedsABudgetThatCanBeMet) {
  Random random(7);
  const auto one = [&] { return std::floor(1 + 9 * random.uniform()); };
  for (int trial = 0; trial < 300; ++trial) {
    std::vector<double> costs, logits;
    double least = 0, most = 0;
    for (int layer = 0; layer < 6; ++layer) {
      const std::array<double, 3> row{one(), one(), one()};  // Full attention may be the cheapest: short contexts.
      least += std::ranges::min(row);
      most += std::ranges::max(row);
      costs.insert(costs.end(), row.begin(), row.end());
      for (int o = 0; o < 3; ++o) logits.push_back(6 * random.uniform() - 3);
    }
    const double budget = trial % 3 == 0 ? least : least + (most - least) * random.uniform();
    const Gates gates(unpinned(kThree, costs, budget));
    EXPECT_LE(gates.cost(gates.discretise(logits).placement), budget + 1e-6) << trial;
  }
}

TEST(Gates, PinnedLayersStayWhatTheyAre) {
  Gates::Problem problem = unpinned(kTwo, {1, 0, 1, 0, 1, 0}, 1);
  problem.pinned = {-1, 0, 1};
  const Gates gates(problem);
  const std::vector<double> logits{9, 0, 0, 9, 9, 0};
  EXPECT_THAT(gates.discretise(logits).placement.kept(), ElementsAre(1));
  const auto p = gates.relax(logits, 1, true).probabilities;
  EXPECT_EQ(p[2], 1);
  EXPECT_EQ(p[4], 0);
  EXPECT_NEAR(p[0], 0, 1e-6);
}

}  // namespace
}  // namespace interleave
