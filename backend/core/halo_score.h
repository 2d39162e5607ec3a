// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <span>
#include <vector>

namespace interleave {

inline constexpr double kHaloCap = 50;           ///< No layer scores more.
inline constexpr double kHaloSmoothing = 1e-10;  ///< As the authors have it: against a division by zero, no more.

/// HALO's importance of layers (arXiv 2601.22156): what recall loses for each point that common sense loses when layer
/// l alone gives up its attention,
///
///   s_l = min(50, (max_j R_j − R_l) / (max_j C_j − C_l + smoothing))
///
/// over [L] mean accuracies `recall` and `common_sense` of the models with layer l replaced. The layer of the best
/// common sense divides by the smoothing alone, and with the authors' jumps to the cap however little recall it costs;
/// a larger smoothing, of the size of the accuracies' error, keeps it among the others.
/// Usage error: lists of different lengths or empty, values that are not finite, a smoothing that is not above 0.
std::vector<double> haloScores(std::span<const double> recall, std::span<const double> common_sense,
                               double smoothing = kHaloSmoothing);

}  // namespace interleave
