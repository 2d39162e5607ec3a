// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace interleave {

struct Interval {
  double low = 0, high = 0;
};

double meanOf(std::span<const double> samples);  ///< NaN of none.

double medianOf(
    std::span<const double> samples);  ///< Of an even number, the mean of the two in the middle; NaN of none.

inline constexpr int kBootstrapResamples = 1000;

/// Which of `resamples` sorted values, from either end, bounds a 95 % interval by percentiles. With few samples these
/// lie too close together, for resamples know nothing of the spread that a mean has lost to itself, nor of t: the
/// percentiles are Φ(∓t √(n/(n−1))), t of Student with n − 1 degrees (expanded percentiles; Hesterberg, Am. Stat.
/// 2015).
std::size_t bootstrapTail(std::size_t samples, std::size_t resamples);

/// The 95 % interval of the samples' mean: expanded percentiles of the means of kBootstrapResamples bootstrap resamples
/// (Efron 1979), the same for the same samples and seed. NaN of none.
Interval bootstrapMean(std::span<const double> samples, std::uint64_t seed = 0);

/// The 95 % interval of the mean of normally distributed samples, by Student's t (1908): for a handful, of which there
/// is nothing to draw anew. NaN of fewer than two.
Interval studentMean(std::span<const double> samples);

/// The 95 % interval of a share `hits`/`of` (Wilson, JASA 1927); NaN of none.
Interval wilsonInterval(std::int64_t hits, std::int64_t of);

enum class Better { Lower, Higher };

/// Two placements judged on the same samples, the one less the other.
struct PairedDifference {
  double mean = 0;
  Interval interval;                         ///< bootstrapMean() over the pairs.
  std::int64_t won = 0, lost = 0, tied = 0;  ///< Pairs in which the one was better, worse, equal.
  Better better = Better::Lower;

  std::int64_t pairs() const { return won + lost + tied; }
  bool excludesZero() const { return interval.low > 0 || interval.high < 0; }
  /// Whether it shows a difference: the interval leaves 0 out, and at least six pairs differ. Were both equal, five
  /// would all fall on one side more often than one time in twenty (2 · 2⁻⁵), and no resampling tells that.
  bool carries() const;
  std::string_view verdict() const;  ///< "better", "worse", "no difference shown", "too few pairs differ".
};
inline constexpr std::int64_t kLeastPairs = 6;

/// values − reference, which are of the same samples in the same order; those within 1e-12 are tied and count as equal.
/// Usage error: differing counts, none, or a value that is not finite.
PairedDifference pairedDifference(std::span<const double> values, std::span<const double> reference, Better better,
                                  std::uint64_t seed = 0);

/// Rank correlations of equally many values, ties sharing their mean rank: in [−1, 1]; NaN where one side is constant
/// or holds a NaN. Usage error: differing counts.
double spearman(std::span<const double> a, std::span<const double> b);
double kendall(std::span<const double> a, std::span<const double> b);  ///< τ-b (Kendall 1945).

}  // namespace interleave
