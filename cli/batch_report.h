// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "sessions/batch_queue.h"

namespace interleave::cli {

/// Where a batch stands: a table of its runs, then of the scores, if any.
std::string batchText(const BatchQueue& queue);
/// {"runs": […], "placements": […], "remaining": {"seconds", "unknown"}}; see docs/command-line.md.
nlohmann::json batchJson(const BatchQueue& queue, const Estimate& remaining);

/// "about 12:30", "about 12:30 and 3 jobs of unknown time", "unknown".
std::string timeText(const Estimate& estimate);

}  // namespace interleave::cli
