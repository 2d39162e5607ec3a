// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
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
  double prefill_flops = 0;                  ///< As forwardFlops() counts them; 0: not told.
  double decode_bytes = 0;                   ///< Read for one token: weights, and what is held; 0: not told.
  bool operator==(const CostPoint&) const = default;

  double prefillSeconds() const;  ///< Medians.
  double decodeSeconds() const;
};

struct MeasuredCost {
  Placement placement;
  std::vector<CostPoint> points = {};  ///< By ascending length.
  std::string manner = {};  ///< The machine, and how it was measured; times of one manner alone may be compared.
  bool operator==(const MeasuredCost&) const = default;
};

/// What counting alone makes of the teacher's time at the same length: of a prefill by the ratio of FLOPs, of decoding
/// one sequence, which waits for memory, by that of bytes read. NaN where they are not told.
double computedPrefillSeconds(const CostPoint& point, const CostPoint& teacher);
double computedDecodeSeconds(const CostPoint& point, const CostPoint& teacher);

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
