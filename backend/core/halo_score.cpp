// SPDX-License-Identifier: GPL-3.0-or-later
#include "backend/core/halo_score.h"

#include <algorithm>
#include <cmath>

#include "backend/core/error.h"

namespace interleave {

std::vector<double> haloScores(std::span<const double> recall, std::span<const double> common_sense, double smoothing) {
  const auto finite = [](double value) { return std::isfinite(value); };
  if (recall.empty() || recall.size() != common_sense.size() || !std::ranges::all_of(recall, finite) ||
      !std::ranges::all_of(common_sense, finite)) {
    throw usageError("halo", "recall and common sense need a finite value for each layer");
  }
  if (!(smoothing > 0) || !std::isfinite(smoothing)) throw usageError("halo", "the smoothing must be above 0");
  const double most_recall = std::ranges::max(recall), most_sense = std::ranges::max(common_sense);
  std::vector<double> scores;
  for (std::size_t layer = 0; layer < recall.size(); ++layer) {
    scores.push_back(
        std::min(kHaloCap, (most_recall - recall[layer]) / (most_sense - common_sense[layer] + smoothing)));
  }
  return scores;
}

}  // namespace interleave
