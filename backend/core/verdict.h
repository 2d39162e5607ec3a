// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <string>
#include <string_view>

#include "backend/core/statistics.h"

namespace interleave {

/// Whether a difference is on the better side of 0, be it shown or not.
bool isBetter(const PairedDifference& difference);
/// "▲" better, "▼" worse, "" where it does not carry: the one sign for it, beside whatever colour or word.
std::string_view markOf(const PairedDifference& difference);
std::string markedVerdict(const PairedDifference& difference);  ///< "▲ better", "no difference shown": with its mark.

}  // namespace interleave
