// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstdint>
#include <span>

namespace interleave {

struct Interval {
  double low = 0, high = 0;
};

double meanOf(std::span<const double> samples);  ///< NaN of none.

double medianOf(
    std::span<const double> samples);  ///< Of an even number, the mean of the two in the middle; NaN of none.

/// The 95 % interval of the samples' mean: percentiles of the means of bootstrap resamples (Efron 1979), the same for
/// the same samples and seed. NaN of none.
Interval bootstrapMean(std::span<const double> samples, std::uint64_t seed = 0);

}  // namespace interleave
