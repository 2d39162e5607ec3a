// SPDX-License-Identifier: GPL-3.0-or-later
#include "backend/core/statistics.h"

#include <algorithm>
#include <limits>
#include <numeric>
#include <vector>

#include "backend/core/random.h"

namespace interleave {
namespace {

constexpr int kResamples = 1000, kTail = kResamples / 40;  // 2.5 % at each end

}  // namespace

double meanOf(std::span<const double> samples) {
  if (samples.empty()) return std::numeric_limits<double>::quiet_NaN();
  return std::accumulate(samples.begin(), samples.end(), 0.0) / static_cast<double>(samples.size());
}

double medianOf(std::span<const double> samples) {
  if (samples.empty()) return std::numeric_limits<double>::quiet_NaN();
  std::vector<double> sorted(samples.begin(), samples.end());
  std::ranges::sort(sorted);
  const std::size_t half = sorted.size() / 2;
  return sorted.size() % 2 == 1 ? sorted[half] : (sorted[half - 1] + sorted[half]) / 2;
}

Interval bootstrapMean(std::span<const double> samples, std::uint64_t seed) {
  if (samples.empty()) return {meanOf(samples), meanOf(samples)};
  Random random(seed);
  std::vector<double> means(kResamples);
  for (double& mean : means) {
    for (std::size_t i = 0; i < samples.size(); ++i) mean += samples[random.below(samples.size())];
    mean /= static_cast<double>(samples.size());
  }
  std::ranges::sort(means);
  return {means[kTail], means[kResamples - 1 - kTail]};
}

}  // namespace interleave
