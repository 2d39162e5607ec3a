// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "backend/core/run_spec.h"
#include "backend/core/settings.h"

namespace interleave {

/// Everything that the next step of a gate search depends on; data are drawn by step number, so there is no cursor.
struct SearchState {
  std::int64_t step = 0;    ///< Steps done.
  std::int64_t tokens = 0;  ///< Consumed.
  double seconds = 0;
  std::vector<double> logits, first_moment, second_moment;  ///< [L × O]; the moments are Adam's.
  std::vector<int> pinned;                                  ///< [L]: operator column, or −1.
  Budget budget;
  Settings settings;  ///< As interventions have left them.
  std::string text;   ///< Digest of the search text.
};

/// As JSON whose numbers round-trip exactly.
Checkpoint toCheckpoint(const SearchState& state);
/// BadInput when it does not fit a search of `layers` × `operators`, or is of one over other operators.
SearchState fromCheckpoint(const Checkpoint& checkpoint, const Settings& settings, int layers, int operators);

}  // namespace interleave
