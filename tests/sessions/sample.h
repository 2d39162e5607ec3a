// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "backend/core/events.h"
#include "tests/support/temporary_folder.h"

namespace interleave {

using test::TemporaryFolder;

RunSpec sampleSpec(const std::string& title);
/// Depends on `step` alone; every tenth has hard losses; 30 layers, two operators.
StepEvent sampleStep(std::int64_t step, std::int64_t steps);
/// A short run with an event of every kind.
std::vector<Event> sampleEvents();

Event withoutCheckpoint(Event event);
/// Equal in every bit, NaN included.
bool same(const Event& a, const Event& b);

}  // namespace interleave
