// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <algorithm>
#include <span>
#include <vector>

#include "backend/core/budget.h"

namespace interleave {

/// The relaxed choice of one operator a layer under a budget, in double precision and without tensors:
///
///   z = α/τ − ν·c,   p_l = softmax(z_l),   ν such that Σ_l Σ_o c_lo p_lo = B   (budget met exactly, by a common shift)
///
/// or ν = 0 with the budget left to a penalty. c is what the budget counts: 1 for full attention and 0 else, or cache
/// bytes. Matrices are layers × operators, row-major. With two operators p is a sigmoid of the logit difference.
class Gates {
 public:
  /// `pinned[l]`: the operator (column) that layer l is fixed to, or −1.
  struct Problem {
    std::vector<MixerKind> operators;  ///< Full attention among them.
    std::vector<double> costs;         ///< [L × O], ≥ 0; whole numbers where they are bytes.
    double budget = 0;                 ///< Within what the costs and pins allow: else Usage error.
    std::vector<int> pinned;           ///< [L].
    Budget::Unit unit = Budget::Unit::FullLayers;
  };
  explicit Gates(Problem problem);

  struct Relaxed {
    std::vector<double> probabilities;  ///< [L × O].
    double temperature = 1;
    bool exact = true;
    bool gated = false;  ///< By gated().
  };
  Relaxed relax(std::span<const double> logits, double temperature, bool exact) const;
  /// One gate in [0, 1] a layer instead of logits (FlashMorph, arXiv 2606.30562): `gates` [L × 2] has it in full
  /// attention's column, and the other operator gets what is left. Nothing meets the budget. Of two operators.
  Relaxed gated(std::span<const double> gates) const;

  /// dL/dα from dL/dp, ν's dependence on α included; zero at pinned layers.
  std::vector<double> pullback(const Relaxed& relaxed, std::span<const double> gradient) const;

  double expectedCost(std::span<const double> probabilities) const;
  double meanEntropy(std::span<const double> probabilities) const;                       ///< Nats a layer.
  std::vector<double> meanEntropyGradient(std::span<const double> probabilities) const;  ///< With respect to p.

  /// What the numbers say that a placement is read from: [L × O].
  enum class Values {
    Logits,  ///< Known up to a common shift along the costs, as relax() takes them: gaps count by what they cost.
    Scores,  ///< What the layers are worth, which adds up.
  };

  /// Never above the budget, pins kept. A count of layers is met exactly: those with the largest gap between full
  /// attention and the best other operator; ties by lower index. Of cache bytes, scores give the placement of the
  /// largest sum, exactly (a knapsack; nothing forces spending); logits give what relax() comes to as the price falls:
  /// from the cheapest operators on, the largest gap per byte first, as far as the budget goes, a layer that no longer
  /// fits being passed over. So logits spend all that they can, and full attention stands where it costs nothing more.
  Placement place(std::span<const double> values, Values what) const;

  /// The same, and how near another choice was, by the exchanges of a layer that keeps full attention for one that does
  /// not which stay within the budget.
  struct Discrete {
    Placement placement;
    double margin = 0;             ///< Least that one of them loses: of equal prices, between the gaps at the cut.
    std::vector<int> by_distance;  ///< Unpinned layers, those in the least exchanges first; empty if there are none.
  };
  Discrete discretise(std::span<const double> values, Values what) const;

  int layers() const { return static_cast<int>(problem_.pinned.size()); }
  int operators() const { return static_cast<int>(problem_.operators.size()); }
  const Problem& problem() const { return problem_; }
  double cost(const Placement& placement) const;
  bool allows(const Placement& placement) const { return cost(placement) <= problem_.budget + slack(); }

 private:
  std::size_t at(int layer, int column) const {
    return static_cast<std::size_t>(layer) * problem_.operators.size() + static_cast<std::size_t>(column);
  }
  double slack() const { return 1e-12 * std::max(1.0, problem_.budget); }
  int pin(int layer) const { return problem_.pinned[static_cast<std::size_t>(layer)]; }
  std::vector<int> filled(std::span<const double> values) const;
  std::vector<int> best(std::span<const double> values) const;
  std::vector<int> columns(std::span<const double> values, Values what) const;
  Placement placementOf(std::span<const int> columns) const;
  void fill(std::span<const double> logits, double temperature, double shift, std::vector<double>& out) const;

  Problem problem_;
  int full_column_ = 0;
  double unit_ = 1;  ///< Largest cost: shifts are per unit, so that they are of the logits' size.
};

}  // namespace interleave
