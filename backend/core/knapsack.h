// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace interleave {

/// One of the ways to settle a class.
struct KnapsackOption {
  std::int64_t cost = 0;  ///< ≥ 0.
  double value = 0;       ///< Finite; may be negative.
};

struct KnapsackChoice {
  std::vector<int> options;  ///< [classes]: which of each.
  std::int64_t cost = 0;
  double value = 0;  ///< Rounded as sums of doubles are, nothing else is.
};

/// The multiple-choice knapsack, solved exactly: one option of each class, of the largest total value at a total cost
/// within the budget; nothing forces spending. Nothing where the budget is too small for the cheapest. Where all steps
/// up cost the same, equal values are served in the order of classes; else one of equal choices, always the same.
///
/// The choices of which none is both cheaper and better than another are listed class by class (Nemhauser and Ullmann
/// 1969), without those that the linear relaxation of the classes to come (Dyer 1984, Zemel 1984) says cannot win any
/// more. A hundred classes take milliseconds; costs made to be hard may take too many choices: Failed then.
/// Usage error: an empty class, a cost below 0, costs or values whose sum overflows. Thread-safe.
std::optional<KnapsackChoice> solveKnapsack(std::span<const std::vector<KnapsackOption>> classes, std::int64_t budget);

}  // namespace interleave
