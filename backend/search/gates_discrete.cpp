// SPDX-License-Identifier: GPL-3.0-or-later
#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "backend/core/knapsack.h"
#include "backend/search/gates.h"

namespace interleave {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

}  // namespace

/// From the cheapest operators on, one step up at a time.
std::vector<int> Gates::filled(std::span<const double> values) const {
  std::vector<int> chosen;
  double spent = 0;
  for (int layer = 0; layer < layers(); ++layer) {
    int cheapest = pin(layer) >= 0 ? pin(layer) : full_column_;
    for (int column = 0; column < operators() && pin(layer) < 0; ++column) {
      const double less = problem_.costs[at(layer, cheapest)] - problem_.costs[at(layer, column)];
      const bool better = cheapest != full_column_ && values[at(layer, column)] > values[at(layer, cheapest)];
      if (less > 0 || (less == 0 && better)) cheapest = column;
    }
    chosen.push_back(cheapest);
    spent += problem_.costs[at(layer, cheapest)];
  }
  // The worth of a step: what it gains for what it costs, and of equal ones what it gains.
  using Worth = std::pair<double, double>;
  for (;;) {
    Worth most{-kInfinity, -kInfinity};
    int layer = -1, column = -1;
    for (int l = 0; l < layers(); ++l) {
      const int now = chosen[static_cast<std::size_t>(l)];
      for (int o = 0; o < operators() && pin(l) < 0 && now != full_column_; ++o) {
        const double gain = values[at(l, o)] - values[at(l, now)];
        const double extra = problem_.costs[at(l, o)] - problem_.costs[at(l, now)];
        const bool up = o == full_column_ || (gain > 0 && extra > 0);
        if (!up || spent + extra > problem_.budget + slack()) continue;
        const Worth worth{extra > 0 ? gain / extra : kInfinity, gain};
        if (worth <= most) continue;
        most = worth;
        layer = l;
        column = o;
      }
    }
    if (layer < 0) return chosen;
    int& choice = chosen[static_cast<std::size_t>(layer)];
    spent += problem_.costs[at(layer, column)] - problem_.costs[at(layer, choice)];
    choice = column;
  }
}

/// The columns of the largest sum, exactly.
std::vector<int> Gates::best(std::span<const double> values) const {
  std::vector<std::vector<KnapsackOption>> classes;
  std::vector<std::vector<int>> offered;  // the column of each option; full attention's first, as the first of equals
  for (int layer = 0; layer < layers(); ++layer) {
    std::vector<int>& its = offered.emplace_back();
    its.push_back(pin(layer) >= 0 ? pin(layer) : full_column_);
    for (int column = 0; column < operators() && pin(layer) < 0; ++column) {
      if (column != full_column_) its.push_back(column);
    }
    std::vector<KnapsackOption>& options = classes.emplace_back();
    for (const int column : its) {
      options.push_back({std::llround(problem_.costs[at(layer, column)]), values[at(layer, column)]});
    }
  }
  const auto found = solveKnapsack(classes, static_cast<std::int64_t>(std::floor(problem_.budget + slack())));
  std::vector<int> chosen;
  for (std::size_t layer = 0; layer < offered.size();
       ++layer) {  // the constructor has checked that the budget suffices
    chosen.push_back(offered[layer][static_cast<std::size_t>(found.value().options[layer])]);
  }
  return chosen;
}

std::vector<int> Gates::columns(std::span<const double> values, Values what) const {
  // Of a count, the fill is the knapsack's optimum under the condition that exactly so many are kept.
  return problem_.unit == Budget::Unit::CacheBytes && what == Values::Scores ? best(values) : filled(values);
}

Placement Gates::placementOf(std::span<const int> columns) const {
  std::vector<MixerKind> kinds;
  for (const int column : columns) kinds.push_back(problem_.operators[static_cast<std::size_t>(column)]);
  return Placement(std::move(kinds));
}

Placement Gates::place(std::span<const double> values, Values what) const { return placementOf(columns(values, what)); }

Gates::Discrete Gates::discretise(std::span<const double> values, Values what) const {
  const std::vector<int> chosen = columns(values, what);
  Discrete result{.placement = placementOf(chosen), .margin = 0, .by_distance = {}};
  const double left = problem_.budget + slack() - cost(result.placement);
  std::vector<double> least(chosen.size(), kInfinity);  // that an exchange with this layer loses
  for (int out = 0; out < layers(); ++out) {
    if (pin(out) >= 0 || chosen[static_cast<std::size_t>(out)] != full_column_) continue;
    for (int in = 0; in < layers(); ++in) {
      const int now = chosen[static_cast<std::size_t>(in)];
      if (pin(in) >= 0 || now == full_column_) continue;
      const double gain = values[at(in, full_column_)] - values[at(in, now)];
      const double extra = problem_.costs[at(in, full_column_)] - problem_.costs[at(in, now)];
      for (int other = 0; other < operators(); ++other) {
        const double saved = problem_.costs[at(out, full_column_)] - problem_.costs[at(out, other)];
        if (other == full_column_ || saved <= 0 || extra - saved > left) continue;
        const double loss = values[at(out, full_column_)] - values[at(out, other)] - gain;
        for (const int layer : {out, in}) {
          double& its = least[static_cast<std::size_t>(layer)];
          its = std::min(its, loss);
        }
      }
    }
  }
  const double margin = std::ranges::min(least);
  if (margin == kInfinity) return result;
  result.margin = margin;
  for (int layer = 0; layer < layers(); ++layer) {
    if (pin(layer) < 0) result.by_distance.push_back(layer);
  }
  std::ranges::stable_sort(result.by_distance, {}, [&](int layer) { return least[static_cast<std::size_t>(layer)]; });
  return result;
}

}  // namespace interleave
