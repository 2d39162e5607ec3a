// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "backend/core/statistics.h"

namespace interleave {

/// A result of judging a placement on one task: value ± standard error over `samples`.
struct Score {
  std::string task;  ///< "kl", "nll", "passkey", "passkey_nll", …; see taskFacts().
  std::string unit;  ///< "nats", "share".
  double value = 0, standard_error = 0;
  std::int64_t samples = 0;
  std::vector<double> per_sample = {};  ///< For paired comparisons; same order for every placement.
  std::string samples_id = {};  ///< A digest of the samples: their tokens, and what of them is judged. Empty: unknown.
  bool operator==(const Score&) const = default;
};

/// Mean and standard error of per-sample values.
Score scoreOf(std::string task, std::string unit, std::vector<double> per_sample, std::string samples_id = {});

/// The 95 % interval of its value over samples: Wilson's where each is 0 or 1, for of sixteen that are all 1 nothing
/// can be drawn anew; else bootstrapMean(). Nothing where its samples are not told.
std::optional<Interval> intervalOf(const Score& score);

/// How a score differs from another of the same task, or why that cannot be told.
struct ScoreDifference {
  std::optional<PairedDifference> paired;
  std::string why_not;  ///< "other samples", "samples unknown", …; empty where there is a difference.
};
/// score − reference, pair by pair. Only scores on the same samples have a difference.
ScoreDifference differenceOf(const Score& score, const Score& reference);
/// The same of two placements on one task; neither a difference nor a reason where one was not judged on it.
ScoreDifference differenceOn(std::string_view task, std::span<const Score> scores, std::span<const Score> reference);

}  // namespace interleave
