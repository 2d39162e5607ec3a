// SPDX-License-Identifier: GPL-3.0-or-later
#include "backend/search/gates.h"

#include <gmock/gmock.h>

#include <array>
#include <cmath>
#include <functional>

#include "backend/core/error.h"
#include "backend/core/random.h"
#include "backend/mixers/cost.h"

namespace interleave {
namespace {

using testing::ElementsAre;
constexpr Gates::Values kLogits = Gates::Values::Logits, kScores = Gates::Values::Scores;

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
    EXPECT_EQ(gates.discretise(made.logits, kLogits).placement.fullCount(), static_cast<int>(budget));
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
  const Gates::Discrete found = gates.discretise(std::vector<double>{0, 0, 3, 1, 0, 0, 1, 1}, kLogits);
  EXPECT_THAT(found.placement.kept(), ElementsAre(0, 1));
  EXPECT_DOUBLE_EQ(found.margin, 0);
  const Gates::Discrete clear = gates.discretise(std::vector<double>{0, 0, 3, 1, 0, 1, 1, 0}, kLogits);
  EXPECT_THAT(clear.placement.kept(), ElementsAre(1, 3));
  EXPECT_DOUBLE_EQ(clear.margin, 1);
  EXPECT_EQ(clear.by_distance.size(), 4U);
}

TEST(Gates, ACountIsMetExactlyAlsoWhereScoresAreNegative) {
  Random random(17);
  for (int trial = 0; trial < 200; ++trial) {
    Case made = randomCase(random.next(), 12, kTwo, false);
    for (double& value : made.logits) value = std::floor(2 * value);  // ties
    const auto kept = static_cast<int>(random.below(12));
    made.problem.budget = kept + 1;
    made.problem.pinned[3] = 0;
    made.problem.pinned[7] = 1;
    if (kept == 11) continue;  // layer 7 cannot be kept
    const auto gap = [&](int l) {
      return made.logits[2 * static_cast<std::size_t>(l)] - made.logits[2 * static_cast<std::size_t>(l) + 1];
    };
    std::vector<int> best{0, 1, 2, 4, 5, 6, 8, 9, 10, 11};
    std::ranges::stable_sort(best, std::greater(), gap);
    best.resize(static_cast<std::size_t>(kept));
    best.push_back(3);
    std::ranges::sort(best);
    const Gates gates(made.problem);
    EXPECT_EQ(gates.place(made.logits, kScores).kept(), best) << trial;
    EXPECT_EQ(gates.place(made.logits, kLogits).kept(), best) << trial;
  }
}

TEST(Gates, OtherLayersTakeTheBestOtherOperator) {
  Gates gates(unpinned(kThree, {1, 0, 0, 1, 0, 0, 1, 0, 0}, 1));
  const Gates::Discrete found = gates.discretise(std::vector<double>{5, 0, 1, 0, 2, 1, 0, 1, 2}, kLogits);
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
    EXPECT_LE(gates.cost(gates.discretise(logits, kLogits).placement), budget + 1e-6) << trial;
  }
}

/// A Gemma-like model: of six layers five slide natively, with few keys and values a token.
ModelConfig slidingConfig() {
  ModelConfig config;
  config.layers = 12;
  config.hidden = 1152;
  config.heads = 4;
  config.kv_heads = 1;
  config.head_dim = 256;
  config.window = 512;
  for (int layer = 0; layer < config.layers; ++layer) config.native_sliding.push_back(layer % 6 != 5);
  return config;
}

Gates::Problem byteProblem(const ModelConfig& config, std::int64_t tokens, double budget) {
  std::vector<double> costs;
  for (const std::vector<MixerCost>& row : costTable(config, {}, tokens).rows) {
    for (const MixerKind kind : kThree)
      costs.push_back(static_cast<double>(row[static_cast<std::size_t>(kind)].cache_bytes));
  }
  Gates::Problem problem = unpinned(kThree, std::move(costs), budget);
  problem.unit = Budget::Unit::CacheBytes;
  return problem;
}

TEST(Gates, PricesKnowNativeWindowsAndSharedKeysAndValues) {
  constexpr std::int64_t kTokens = 32768;
  ModelConfig config = slidingConfig();
  const CostTable table = costTable(config, {}, kTokens);
  const auto full = [&](const CostTable& costs, std::size_t layer) { return costs.rows[layer][0].cache_bytes; };
  EXPECT_EQ(full(table, 0), 2 * 2 * 256 * 512) << "keys and values, bf16, of the native window";
  EXPECT_EQ(full(table, 5), 2 * 2 * 256 * kTokens);
  EXPECT_EQ(full(costTable(config, {}, 256), 0), full(costTable(config, {}, 256), 5)) << "within the window";
  config.kv_heads = 4;
  EXPECT_EQ(full(costTable(config, {}, kTokens), 5), 4 * full(table, 5));
}

TEST(Gates, ScoresUnderBytesGetThePlacementOfTheLargestSum) {
  // Full attention costs half a MiB where it slides natively, and 32 MiB where it sees all.
  const ModelConfig config = slidingConfig();
  std::vector<double> scores(36, 0.0);
  for (std::size_t layer = 0; layer < 12; ++layer) scores[3 * layer] = layer % 6 == 5 ? 5 : 1;
  scores[3 * 4] = -1;  // its full attention hurts
  const auto kept = [&](double budget) {
    return Gates(byteProblem(config, 32768, budget)).place(scores, kScores).kept();
  };
  EXPECT_THAT(kept(32e6), ElementsAre(0, 1, 2, 3, 6, 7, 8, 9, 10));
  EXPECT_THAT(kept(39e6), ElementsAre(0, 1, 2, 3, 5, 6, 7, 8, 9, 10));
  EXPECT_EQ(Gates(byteProblem(config, 32768, 77e6)).place(scores, kScores).fullCount(), 11)
      << "nothing forces spending";
  EXPECT_EQ(Gates(byteProblem(config, 32768, 77e6)).place(scores, kLogits).fullCount(), 12);
}

TEST(Gates, PlacementsOfBytesAreThoseOfEnumeration) {
  Random random(29);
  const ModelConfig config = slidingConfig();
  for (int trial = 0; trial < 40; ++trial) {
    Gates::Problem problem = byteProblem(config, trial % 2 == 0 ? 32768 : 700, 0);
    problem.pinned.resize(7);  // 3⁷ placements
    problem.costs.resize(21);
    for (int& pin : problem.pinned) pin = random.below(4) == 0 ? static_cast<int>(random.below(3)) : -1;
    std::vector<double> scores;
    for (int i = 0; i < 21; ++i) scores.push_back(4 * random.uniform() - 1);
    double least = 0, most = 0;
    for (std::size_t layer = 0; layer < 7; ++layer) {
      const auto row = std::span(problem.costs).subspan(3 * layer, 3);
      const int pin = problem.pinned[layer];
      least += pin < 0 ? std::ranges::min(row) : row[static_cast<std::size_t>(pin)];
      most += pin < 0 ? std::ranges::max(row) : row[static_cast<std::size_t>(pin)];
    }
    problem.budget = least + std::floor((most - least) * random.uniform());
    const Gates gates(problem);
    double best = -1e300;
    for (int code = 0; code < 2187; ++code) {
      double value = 0, cost = 0;
      bool allowed = true;
      for (std::size_t layer = 0, rest = static_cast<std::size_t>(code); layer < 7; ++layer, rest /= 3) {
        const std::size_t column = rest % 3;
        value += scores[3 * layer + column];
        cost += problem.costs[3 * layer + column];
        allowed = allowed && (problem.pinned[layer] < 0 || problem.pinned[layer] == static_cast<int>(column));
      }
      if (allowed && cost <= problem.budget) best = std::max(best, value);
    }
    const Gates::Discrete found = gates.discretise(scores, kScores);
    double value = 0;
    for (std::size_t layer = 0; layer < 7; ++layer) {
      const auto column = std::ranges::find(kThree, found.placement[static_cast<int>(layer)]) - kThree.begin();
      value += scores[3 * layer + static_cast<std::size_t>(column)];
      EXPECT_TRUE(problem.pinned[layer] < 0 || problem.pinned[layer] == column) << trial;
    }
    EXPECT_NEAR(value, best, 1e-12) << trial;
    EXPECT_LE(gates.cost(found.placement), problem.budget) << trial;
    EXPECT_GE(found.margin, -1e-12) << "no exchange makes it better";
  }
}

TEST(Gates, LogitsUnderBytesDoNotDependOnTheirCommonShift) {
  Random random(31);
  for (int trial = 0; trial < 50; ++trial) {
    Gates::Problem problem = byteProblem(slidingConfig(), 32768, std::floor(1e7 + 6e7 * random.uniform()));
    problem.operators = kTwo;
    std::vector<double> costs, logits, shifted;
    for (std::size_t layer = 0; layer < 12; ++layer) {
      for (const std::size_t column : {0U, 2U}) {
        costs.push_back(problem.costs[3 * layer + column]);
        logits.push_back(random.uniform());
        shifted.push_back(logits.back() + 1e-6 * costs.back());
      }
    }
    problem.costs = costs;
    const Gates gates(problem);
    const Gates::Discrete found = gates.discretise(logits, kLogits);
    EXPECT_EQ(found.placement, gates.place(shifted, kLogits)) << trial;
    EXPECT_LE(gates.cost(found.placement), problem.budget) << trial;
  }
}

TEST(Gates, TheMarginIsWhatTheLeastExchangeLoses) {
  Gates::Problem problem = unpinned(kTwo, {4, 0, 4, 0, 2, 0, 2, 0, 9, 0}, 6);
  problem.unit = Budget::Unit::CacheBytes;
  const Gates gates(problem);
  const Gates::Discrete found = gates.discretise(std::vector<double>{5, 0, 4, 0, 3, 0, 1, 0, 7, 0}, kScores);
  EXPECT_THAT(found.placement.kept(), ElementsAre(0, 2));
  EXPECT_DOUBLE_EQ(found.margin, 1);  // layer 1 for layer 0
  EXPECT_THAT(found.by_distance, ElementsAre(0, 1, 2, 3, 4)) << "the last fits for neither";
}

TEST(Gates, PinnedLayersStayWhatTheyAre) {
  Gates::Problem problem = unpinned(kTwo, {1, 0, 1, 0, 1, 0}, 1);
  problem.pinned = {-1, 0, 1};
  const Gates gates(problem);
  const std::vector<double> logits{9, 0, 0, 9, 9, 0};
  EXPECT_THAT(gates.discretise(logits, kLogits).placement.kept(), ElementsAre(1));
  const auto p = gates.relax(logits, 1, true).probabilities;
  EXPECT_EQ(p[2], 1);
  EXPECT_EQ(p[4], 0);
  EXPECT_NEAR(p[0], 0, 1e-6);
}

}  // namespace
}  // namespace interleave
