// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "backend/core/placement.h"

namespace interleave {

/// What a placement was measured to cost with a context of one length: one sequence, on one machine.
struct CostPoint {
  std::int64_t context_tokens = 0;
  std::vector<double> prefill_samples = {};  ///< Seconds of each repeat, for the whole context.
  std::vector<double> decode_samples = {};   ///< The same, for one token behind it.
  std::int64_t cache_bytes = 0;              ///< Held for the context, in the precision that was measured.
  std::int64_t computed_bytes = 0;           ///< The same as MixerCost counts it: keys and values in bf16.

  double prefillSeconds() const;  ///< Medians.
  double decodeSeconds() const;
};

struct MeasuredCost {
  Placement placement;
  std::vector<CostPoint> points = {};  ///< By ascending length.
};

/// &CostPoint::decodeSeconds, &CostPoint::cache_bytes, …
using CostReading = std::function<double(const CostPoint&)>;

struct Crossover {
  double tokens = 0, value = 0;  ///< The context length, and what both read there.
};

/// Where `cost` falls below `teacher` and stays there, interpolated linearly between the two measured lengths around
/// it. Empty where it is below at every length, or not at the longest one. Both were measured at the same lengths.
std::optional<Crossover> crossover(const MeasuredCost& cost, const MeasuredCost& teacher, const CostReading& reading);

/// Whether it is below at the longest length: with no crossover, then at every one.
bool cheaperAtLast(const MeasuredCost& cost, const MeasuredCost& teacher, const CostReading& reading);

}  // namespace interleave
