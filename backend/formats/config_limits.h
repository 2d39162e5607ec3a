// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

namespace interleave {

/// What a configuration may claim: far above every model known, and small enough that products of two fit 64 bits and
/// a list of tensors fits memory.
inline constexpr int kMostLayers = 2048;
inline constexpr int kMostHeads = 1 << 14;
inline constexpr int kMostWidth = 1 << 22;
inline constexpr int kMostVocabulary = 1 << 26;
inline constexpr int kMostContext = 1 << 30;
inline constexpr double kLeastFactor = 1e-6, kMostFactor = 1e6;  ///< Of rotary scaling.
inline constexpr double kLeastTheta = 1e-3, kMostTheta = 1e15;

}  // namespace interleave
