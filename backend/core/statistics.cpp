// SPDX-License-Identifier: GPL-3.0-or-later
#include "backend/core/statistics.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>
#include <numeric>
#include <string>
#include <vector>

#include "backend/core/error.h"
#include "backend/core/random.h"

namespace interleave {
namespace {

constexpr double kTied = 1e-12;
constexpr double kNone = std::numeric_limits<double>::quiet_NaN();

void checkPaired(std::span<const double> a, std::span<const double> b) {
  if (a.size() != b.size()) {
    throw usageError("samples", "one side has " + std::to_string(a.size()) + ", the other " + std::to_string(b.size()));
  }
}

bool anyNaN(std::span<const double> values) {
  return std::ranges::any_of(values, [](double value) { return std::isnan(value); });
}

/// 1 for the least; ties share the mean of their ranks.
std::vector<double> ranksOf(std::span<const double> values) {
  std::vector<std::size_t> order(values.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::sort(order, {}, [&](std::size_t i) { return values[i]; });
  std::vector<double> ranks(values.size());
  for (std::size_t first = 0, last = 0; first < order.size(); first = last) {
    while (last < order.size() && values[order[last]] == values[order[first]]) ++last;
    const double shared = static_cast<double>(first + last + 1) / 2;
    for (std::size_t i = first; i < last; ++i) ranks[order[i]] = shared;
  }
  return ranks;
}

/// Pearson's; NaN where one side is constant.
double correlation(std::span<const double> a, std::span<const double> b) {
  const double mean_a = meanOf(a), mean_b = meanOf(b);
  double both = 0, square_a = 0, square_b = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    both += (a[i] - mean_a) * (b[i] - mean_b);
    square_a += (a[i] - mean_a) * (a[i] - mean_a);
    square_b += (b[i] - mean_b) * (b[i] - mean_b);
  }
  return square_a > 0 && square_b > 0 ? both / std::sqrt(square_a * square_b) : kNone;
}

/// P(|T| ≤ t) of Student's t with `freedom` degrees of it: Abramowitz and Stegun 26.7.3 and 26.7.4.
double studentShare(double t, std::size_t freedom) {
  const double angle = std::atan(t / std::sqrt(static_cast<double>(freedom)));
  const double square = std::cos(angle) * std::cos(angle);
  const bool odd = freedom % 2 == 1;
  double term = odd ? std::cos(angle) : 1, sum = 0;
  for (std::size_t i = odd ? 3 : 2; i <= freedom; i += 2) {
    sum += term;
    term *= square * static_cast<double>(i - 1) / static_cast<double>(i);
  }
  return odd ? (angle + std::sin(angle) * sum) * 2 / std::numbers::pi : std::sin(angle) * sum;
}

/// Where 95 % of it lie within; by bisection, for it grows with t.
double studentReach(std::size_t freedom) {
  double low = 0, high = 16;
  for (int i = 0; i < 60; ++i) {
    const double middle = (low + high) / 2;
    (studentShare(middle, freedom) < 0.95 ? low : high) = middle;
  }
  return low;
}

}  // namespace

double meanOf(std::span<const double> samples) {
  if (samples.empty()) return kNone;
  return std::accumulate(samples.begin(), samples.end(), 0.0) / static_cast<double>(samples.size());
}

double medianOf(std::span<const double> samples) {
  if (samples.empty()) return std::numeric_limits<double>::quiet_NaN();
  std::vector<double> sorted(samples.begin(), samples.end());
  std::ranges::sort(sorted);
  const std::size_t half = sorted.size() / 2;
  return sorted.size() % 2 == 1 ? sorted[half] : (sorted[half - 1] + sorted[half]) / 2;
}

std::size_t bootstrapTail(std::size_t samples, std::size_t resamples) {
  if (samples < 2) return 0;
  const auto n = static_cast<double>(samples);
  const double reach = studentReach(samples - 1) * std::sqrt(n / (n - 1));
  const double beyond = std::erfc(reach / std::numbers::sqrt2) / 2;
  return static_cast<std::size_t>(beyond * static_cast<double>(resamples));
}

Interval bootstrapMean(std::span<const double> samples, std::uint64_t seed) {
  if (samples.empty()) return {meanOf(samples), meanOf(samples)};
  Random random(seed);
  std::vector<double> means(kBootstrapResamples);
  for (double& mean : means) {
    for (std::size_t i = 0; i < samples.size(); ++i) mean += samples[random.below(samples.size())];
    mean /= static_cast<double>(samples.size());
  }
  std::ranges::sort(means);
  const std::size_t tail = bootstrapTail(samples.size(), means.size());
  return {means[tail], means[means.size() - 1 - tail]};
}

Interval studentMean(std::span<const double> samples) {
  if (samples.size() < 2) return {kNone, kNone};
  const double mean = meanOf(samples), count = static_cast<double>(samples.size());
  double squares = 0;
  for (const double sample : samples) squares += (sample - mean) * (sample - mean);
  const double reach = studentReach(samples.size() - 1) * std::sqrt(squares / (count - 1) / count);
  return {mean - reach, mean + reach};
}

Interval wilsonInterval(std::int64_t hits, std::int64_t of) {
  if (of == 0) return {std::numeric_limits<double>::quiet_NaN(), std::numeric_limits<double>::quiet_NaN()};
  constexpr double kZ = 1.959963984540054;
  const double n = static_cast<double>(of), p = static_cast<double>(hits) / n, z2 = kZ * kZ;
  const double middle = (p + z2 / (2 * n)) / (1 + z2 / n);
  const double half = kZ * std::sqrt(p * (1 - p) / n + z2 / (4 * n * n)) / (1 + z2 / n);
  return {std::max(0.0, middle - half), std::min(1.0, middle + half)};
}

bool PairedDifference::carries() const { return excludesZero() && won + lost >= kLeastPairs; }

std::string_view PairedDifference::verdict() const {
  if (!carries()) return excludesZero() ? "too few pairs differ" : "no difference shown";
  return (mean < 0) == (better == Better::Lower) ? "better" : "worse";
}

PairedDifference pairedDifference(std::span<const double> values, std::span<const double> reference, Better better,
                                  std::uint64_t seed) {
  checkPaired(values, reference);
  if (values.empty()) throw usageError("samples", "there are none");
  PairedDifference found{.mean = 0, .interval = {}, .better = better};
  std::vector<double> differences;
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (!std::isfinite(values[i]) || !std::isfinite(reference[i])) {
      throw usageError("sample " + std::to_string(i), "it is not finite");
    }
    const double difference = values[i] - reference[i];
    const bool tied = std::abs(difference) <= kTied;
    differences.push_back(tied ? 0 : difference);
    ++(tied ? found.tied : (difference < 0) == (better == Better::Lower) ? found.won : found.lost);
  }
  found.mean = meanOf(differences);
  found.interval = bootstrapMean(differences, seed);
  return found;
}

double spearman(std::span<const double> a, std::span<const double> b) {
  checkPaired(a, b);
  return anyNaN(a) || anyNaN(b) ? kNone : correlation(ranksOf(a), ranksOf(b));
}

double kendall(std::span<const double> a, std::span<const double> b) {
  checkPaired(a, b);
  if (anyNaN(a) || anyNaN(b)) return kNone;
  const auto side = [](double left, double right) { return (left > right) - (left < right); };
  std::int64_t agreement = 0, differ_a = 0, differ_b = 0;  // pairs: concordant less discordant, not tied in a, in b
  for (std::size_t i = 0; i < a.size(); ++i) {
    for (std::size_t j = 0; j < i; ++j) {
      const int in_a = side(a[i], a[j]), in_b = side(b[i], b[j]);
      agreement += in_a * in_b;
      differ_a += in_a != 0 ? 1 : 0;
      differ_b += in_b != 0 ? 1 : 0;
    }
  }
  if (differ_a == 0 || differ_b == 0) return kNone;
  return static_cast<double>(agreement) / std::sqrt(static_cast<double>(differ_a) * static_cast<double>(differ_b));
}

}  // namespace interleave
