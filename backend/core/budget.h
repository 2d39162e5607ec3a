// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "backend/core/placement.h"

namespace interleave {

/// What an operator costs in one layer. FLOPs count a multiply and an add as two, for one token at the end of a context
/// of the length asked for; cache bytes are what decoding keeps at that length.
struct MixerCost {
  std::int64_t parameters = 0;
  std::int64_t flops = 0;
  std::int64_t cache_bytes = 0;
};

/// Costs of each operator in each layer at one context length: rows are layers, their kMixerKinds columns follow
/// MixerKind.
struct CostTable {
  std::int64_t context_tokens = 0;
  std::vector<std::vector<MixerCost>> rows;

  std::int64_t cacheBytes(const Placement& placement) const;  ///< Usage error when the layer counts differ.
};

/// The context lengths at which costs are drawn: 64 tokens to 128k in doubling steps.
std::vector<std::int64_t> drawnContextLengths();

/// How much full attention may stay: a count of layers, or cache bytes at a context length.
struct Budget {
  enum class Unit { FullLayers, CacheBytes };
  Unit unit = Unit::FullLayers;
  std::int64_t amount = 0;          ///< Layers, or bytes.
  std::int64_t context_tokens = 0;  ///< For CacheBytes: the length at which they are counted.

  static Budget layers(std::int64_t count) { return {Unit::FullLayers, count, 0}; }
  static Budget bytes(std::int64_t amount, std::int64_t tokens) { return {Unit::CacheBytes, amount, tokens}; }

  /// "8", or "54000000@8192", also with a unit ("54MB@8192", "50MiB@8k"). Usage error otherwise.
  static Budget parse(const std::string& text);
  std::string text() const;  ///< What parse() reads back.

  bool operator==(const Budget&) const = default;
};

}  // namespace interleave
