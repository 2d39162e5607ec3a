// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <atomic>
#include <memory>
#include <vector>

#include "backend/engine/engine.h"

namespace interleave {

/// How many times faster than recorded a replay goes; may be changed while it plays. Infinity does not wait at all.
using ReplaySpeed = std::atomic<double>;

/// Plays a recorded run, paced by the seconds of its steps, and ends as it ended. Changes are refused with a log line.
/// The specification given to start() is not looked at.
std::unique_ptr<Engine> makeReplayEngine(std::vector<Event> events, std::shared_ptr<const ReplaySpeed> speed);

}  // namespace interleave
