// SPDX-License-Identifier: GPL-3.0-or-later
#include "backend/core/knapsack.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <numeric>
#include <utility>

#include "backend/core/error.h"

namespace interleave {
namespace {

constexpr std::size_t kMostStates = 1U << 22;

/// An option that no other of its class beats in both; cost and value are over those of the cheapest.
struct Efficient {
  std::int64_t cost = 0;
  double value = 0;
  int option = 0;
};
using Class = std::vector<Efficient>;  // cost and value rise strictly, from {0, 0}

Class efficientOf(const std::vector<KnapsackOption>& options) {
  Class sorted;
  for (const KnapsackOption& option : options) {
    if (option.cost < 0 || !std::isfinite(option.value)) throw usageError("knapsack", "a cost or a value is not valid");
    sorted.push_back({option.cost, option.value, static_cast<int>(sorted.size())});
  }
  if (sorted.empty()) throw usageError("knapsack", "a class has no option");
  std::ranges::stable_sort(sorted, {}, [](const Efficient& option) { return std::pair(option.cost, -option.value); });
  const Efficient base = sorted.front();
  Class found;
  for (const Efficient& option : sorted) {
    const Efficient over{option.cost - base.cost, option.value - base.value, option.option};
    if (found.empty() || over.value > found.back().value) found.push_back(over);
  }
  return found;
}

/// A step along the upper hull of a class.
struct Step {
  std::int64_t cost = 0;
  double value = 0;
  std::size_t of = 0;  ///< The class.
  std::size_t to = 0;  ///< The efficient option that it leads to.
  /// Value per cost; falls from step to step of a class. Wide enough that of equal costs the larger value has the
  /// larger one.
  long double slope = 0;
};

/// From the cheapest option up, each time to the one that gives most for what it costs more.
std::vector<Step> hullOf(const Class& options, std::size_t of) {
  std::vector<Step> steps;
  for (std::size_t at = 0; at + 1 < options.size(); at = steps.back().to) {
    Step best;
    for (std::size_t to = at + 1; to < options.size(); ++to) {
      Step step{options[to].cost - options[at].cost, options[to].value - options[at].value, of, to};
      step.slope = static_cast<long double>(step.value) / static_cast<long double>(step.cost);
      if (step.slope >= best.slope) best = step;
    }
    if (!steps.empty()) best.slope = std::min(best.slope, steps.back().slope);  // rounding could make it rise
    steps.push_back(best);
  }
  return steps;
}

/// The knapsack with its last step cut to fit, over the classes that are still open: a bound on what they can give.
class Relaxation {
 public:
  explicit Relaxation(const std::vector<Class>& classes) {
    for (std::size_t of = 0; of < classes.size(); ++of) {
      const std::vector<Step> more = hullOf(classes[of], of);
      steps_.insert(steps_.end(), more.begin(), more.end());
    }
    std::ranges::stable_sort(steps_, std::greater(), &Step::slope);
    add();
  }

  void close(std::size_t of) {
    std::erase_if(steps_, [of](const Step& step) { return step.of == of; });
    add();
  }

  struct Bound {
    std::size_t whole = 0;  ///< Steps that fit, in their order.
    double least = 0;       ///< Their value, which can be had.
    double most = 0;        ///< That, and the cut step's share.
  };
  Bound bound(std::int64_t room) const {
    const auto whole =
        static_cast<std::size_t>(std::ranges::upper_bound(costs_, room) - costs_.begin()) - 1;  // costs_[0] is 0
    Bound found{whole, values_[whole], values_[whole]};
    if (whole < steps_.size()) {
      const auto share = static_cast<double>(room - costs_[whole]) / static_cast<double>(steps_[whole].cost);
      found.most += share * steps_[whole].value;
    }
    return found;
  }
  bool cutsNothing(std::int64_t room) const {
    const std::size_t whole = bound(room).whole;
    return whole == steps_.size() || costs_[whole] == room;
  }
  const std::vector<Step>& steps() const { return steps_; }

 private:
  void add() {
    costs_ = {0};
    values_ = {0};
    for (const Step& step : steps_) {
      costs_.push_back(costs_.back() + step.cost);
      values_.push_back(values_.back() + step.value);
    }
  }

  std::vector<Step> steps_;  ///< Best first; those of one class stay in order, for their slopes fall.
  std::vector<std::int64_t> costs_;
  std::vector<double> values_;  ///< Of the first 0, 1, … steps together.
};

/// A way to settle the classes from some class to the last.
struct State {
  std::int64_t cost = 0;
  double value = 0;
  double most = 0;  ///< With the best of the open classes.
  std::uint32_t parent = 0;
  std::uint32_t option = 0;  ///< Efficient option of the first of them.
};

/// Leaves what no other beats in both, and what can still win.
void thin(std::vector<State>& states, double to_win) {
  std::ranges::stable_sort(states, {}, [](const State& state) { return std::pair(state.cost, -state.value); });
  std::vector<State> kept;
  for (const State& state : states) {
    if (state.most >= to_win && (kept.empty() || state.value > kept.back().value)) kept.push_back(state);
  }
  states = std::move(kept);
}

/// Which efficient option each class takes.
std::vector<std::size_t> search(const std::vector<Class>& classes, Relaxation open, std::int64_t room) {
  double slack = 0;  // of rounding: sums of the same values in another order
  for (const Class& options : classes) slack += 1e-11 * options.back().value;
  double had = open.bound(room).least;
  std::vector<std::vector<State>> fronts(classes.size() + 1);
  fronts.back().push_back({});
  std::size_t states = 0;
  for (std::size_t c = classes.size(); c-- > 0;) {
    open.close(c);
    const std::vector<State>& before = fronts[c + 1];
    std::vector<State>& front = fronts[c];
    for (std::size_t option = classes[c].size(); option-- > 0;) {  // among equals, the dearer in the earlier class
      for (std::size_t parent = 0; parent < before.size(); ++parent) {
        const std::int64_t cost = before[parent].cost + classes[c][option].cost;
        if (cost > room) break;
        const double value = before[parent].value + classes[c][option].value;
        const Relaxation::Bound rest = open.bound(room - cost);
        had = std::max(had, value + rest.least);
        if (value + rest.most < had - slack) continue;
        front.push_back(
            {cost, value, value + rest.most, static_cast<std::uint32_t>(parent), static_cast<std::uint32_t>(option)});
      }
      if (states + front.size() > kMostStates) throw failure("knapsack", "the costs differ in too many ways");
    }
    thin(front, had - slack);
    states += front.size();
  }
  std::vector<std::size_t> chosen;
  std::size_t at = fronts[0].size() - 1;  // the dearest is the best
  for (std::size_t c = 0; c < classes.size(); ++c) {
    chosen.push_back(fronts[c][at].option);
    at = fronts[c][at].parent;
  }
  return chosen;
}

/// Usage error where sums of the largest overflow.
void checkSums(std::span<const std::vector<KnapsackOption>> classes) {
  std::int64_t cost = 0;
  double value = 0;
  for (const std::vector<KnapsackOption>& options : classes) {
    std::int64_t dearest = 0;
    double largest = 0;
    for (const KnapsackOption& option : options) {
      dearest = std::max(dearest, option.cost);
      largest = std::max(largest, std::abs(option.value));
    }
    value += 2 * largest;
    if (__builtin_add_overflow(cost, dearest, &cost) || !std::isfinite(value)) {
      throw usageError("knapsack", "the sum of the costs or of the values is too large");
    }
  }
}

}  // namespace

std::optional<KnapsackChoice> solveKnapsack(std::span<const std::vector<KnapsackOption>> classes, std::int64_t budget) {
  if (budget < 0) return std::nullopt;
  checkSums(classes);
  std::vector<Class> efficient;
  std::int64_t room = budget, unit = 0;
  for (const std::vector<KnapsackOption>& options : classes) {
    const Class& its = efficient.emplace_back(efficientOf(options));
    room -= options[static_cast<std::size_t>(its.front().option)].cost;
    for (const Efficient& option : its) unit = std::gcd(unit, option.cost);
  }
  if (room < 0) return std::nullopt;
  if (unit > 0) room -= room % unit;  // what is left of it no choice could spend

  const Relaxation relaxation(efficient);
  std::vector<std::size_t> chosen(efficient.size(), 0);
  if (relaxation.cutsNothing(room)) {  // then the relaxation is a choice itself
    const std::size_t whole = relaxation.bound(room).whole;
    for (const Step& step : std::span(relaxation.steps()).first(whole)) chosen[step.of] = step.to;
  } else {
    chosen = search(efficient, relaxation, room);
  }

  KnapsackChoice choice;
  for (std::size_t c = 0; c < efficient.size(); ++c) {
    choice.options.push_back(efficient[c][chosen[c]].option);
    const KnapsackOption& option = classes[c][static_cast<std::size_t>(choice.options.back())];
    choice.cost += option.cost;
    choice.value += option.value;
  }
  return choice;
}

}  // namespace interleave
