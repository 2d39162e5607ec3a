// SPDX-License-Identifier: GPL-3.0-or-later
#include "backend/search/gates.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <utility>

#include "backend/core/error.h"

namespace interleave {

Gates::Gates(Problem problem) : problem_(std::move(problem)) {
  const auto full = std::ranges::find(problem_.operators, MixerKind::Full);
  if (full == problem_.operators.end() || problem_.operators.size() < 2) {
    throw usageError("operators", "a search needs full attention and at least one other operator");
  }
  full_column_ = static_cast<int>(full - problem_.operators.begin());
  unit_ = std::max(std::ranges::max(problem_.costs), std::numeric_limits<double>::min());
  double least = 0, most = 0;
  for (int layer = 0; layer < layers(); ++layer) {
    const int pin = problem_.pinned[static_cast<std::size_t>(layer)];
    const auto row = std::span(problem_.costs).subspan(at(layer, 0), problem_.operators.size());
    least += pin >= 0 ? row[static_cast<std::size_t>(pin)] : std::ranges::min(row);
    most += pin >= 0 ? row[static_cast<std::size_t>(pin)] : std::ranges::max(row);
  }
  const double slack = 1e-12 * std::max(1.0, most);
  if (problem_.budget < least - slack || problem_.budget > most + slack) {
    throw usageError("budget", std::to_string(problem_.budget) + " is outside what the operators" +
                                   " and pinned layers allow, " + std::to_string(least) + " to " +
                                   std::to_string(most));
  }
}

void Gates::fill(std::span<const double> logits, double temperature, double shift, std::vector<double>& out) const {
  out.resize(logits.size());
  for (int layer = 0; layer < layers(); ++layer) {
    const int pin = problem_.pinned[static_cast<std::size_t>(layer)];
    double highest = -std::numeric_limits<double>::infinity(), sum = 0;
    for (int column = 0; column < operators(); ++column) {
      const std::size_t i = at(layer, column);
      out[i] = logits[i] / temperature - shift * problem_.costs[i] / unit_;
      highest = std::max(highest, out[i]);
    }
    for (int column = 0; column < operators(); ++column)
      sum += out[at(layer, column)] = std::exp(out[at(layer, column)] - highest);
    for (int column = 0; column < operators(); ++column) {
      double& p = out[at(layer, column)];
      p = pin >= 0 ? (pin == column ? 1.0 : 0.0) : p / sum;
    }
  }
}

Gates::Relaxed Gates::gated(std::span<const double> gates) const {
  Relaxed relaxed{.probabilities = {gates.begin(), gates.end()}, .exact = false, .gated = true};
  for (int layer = 0; layer < layers(); ++layer) {
    const int pin = problem_.pinned[static_cast<std::size_t>(layer)];
    const double gate =
        pin >= 0 ? (pin == full_column_ ? 1.0 : 0.0) : std::clamp(gates[at(layer, full_column_)], 0.0, 1.0);
    relaxed.probabilities[at(layer, full_column_)] = gate;
    relaxed.probabilities[at(layer, 1 - full_column_)] = 1 - gate;
  }
  return relaxed;
}

Gates::Relaxed Gates::relax(std::span<const double> logits, double temperature, bool exact) const {
  Relaxed relaxed{.probabilities = {}, .temperature = temperature, .exact = exact};
  if (!exact) {
    fill(logits, temperature, 0, relaxed.probabilities);
    return relaxed;
  }
  // The expected cost falls monotonically with the shift: bracket, then bisect to the last bit that matters.
  double low = -1, high = 1;
  const auto costAt = [&](double shift) {
    fill(logits, temperature, shift, relaxed.probabilities);
    return expectedCost(relaxed.probabilities);
  };
  constexpr double kFarthest = 1e6;  // a budget at the very end of the range is met in the limit only
  while (costAt(low) < problem_.budget && low > -kFarthest) low *= 2;
  while (costAt(high) > problem_.budget && high < kFarthest) high *= 2;
  for (int i = 0; i < 200 && high - low > 1e-14 * std::max(1.0, std::abs(high)); ++i) {
    const double middle = 0.5 * (low + high);
    (costAt(middle) > problem_.budget ? low : high) = middle;
  }
  costAt(0.5 * (low + high));
  return relaxed;
}

std::vector<double> Gates::pullback(const Relaxed& relaxed, std::span<const double> gradient) const {
  const std::vector<double>& p = relaxed.probabilities;
  std::vector<double> through(p.size());  // dL/dz at fixed shift: p ⊙ (g − ⟨p, g⟩)
  std::vector<double> pull(p.size());     // −d(cost)/dz at fixed shift, up to sign: p ⊙ (c − ⟨p, c⟩)
  double along = 0, variance = 0;
  for (int layer = 0; layer < layers(); ++layer) {
    double mean_gradient = 0, mean_cost = 0;
    for (int column = 0; column < operators(); ++column) {
      const std::size_t i = at(layer, column);
      mean_gradient += p[i] * gradient[i];
      mean_cost += p[i] * problem_.costs[i] / unit_;
    }
    for (int column = 0; column < operators(); ++column) {
      const std::size_t i = at(layer, column);
      const double cost = problem_.costs[i] / unit_;
      through[i] = p[i] * (gradient[i] - mean_gradient);
      pull[i] = p[i] * (cost - mean_cost);
      along += through[i] * cost;
      variance += pull[i] * cost;
    }
  }
  // Implicit function theorem: dν/dz = pull / variance, so the common mode drops out of the gradient.
  const double correction = relaxed.exact && variance > 1e-300 ? along / variance : 0;
  for (std::size_t i = 0; i < through.size(); ++i) {
    through[i] = (through[i] - correction * pull[i]) / relaxed.temperature;
  }
  for (int layer = 0; relaxed.gated && layer < layers(); ++layer) {
    const std::size_t full = at(layer, full_column_), other = at(layer, 1 - full_column_);
    through[full] = gradient[full] - gradient[other];
    through[other] = 0;
  }
  for (int layer = 0; layer < layers(); ++layer) {
    if (problem_.pinned[static_cast<std::size_t>(layer)] < 0) continue;
    std::fill_n(through.begin() + static_cast<std::ptrdiff_t>(at(layer, 0)), operators(), 0.0);
  }
  return through;
}

double Gates::expectedCost(std::span<const double> probabilities) const {
  return std::transform_reduce(probabilities.begin(), probabilities.end(), problem_.costs.begin(), 0.0);
}

double Gates::meanEntropy(std::span<const double> probabilities) const {
  double sum = 0;
  for (double p : probabilities) sum -= p > 0 ? p * std::log(p) : 0;
  return sum / layers();
}

std::vector<double> Gates::meanEntropyGradient(std::span<const double> probabilities) const {
  std::vector<double> gradient;
  for (double p : probabilities) gradient.push_back(-(std::log(std::max(p, 1e-300)) + 1) / layers());
  return gradient;
}

double Gates::cost(const Placement& placement) const {
  double total = 0;
  for (int layer = 0; layer < layers(); ++layer) {
    const auto column = std::ranges::find(problem_.operators, placement[layer]) - problem_.operators.begin();
    total += problem_.costs[at(layer, static_cast<int>(column))];
  }
  return total;
}

}  // namespace interleave
