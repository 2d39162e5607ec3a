// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

namespace interleave::cli {

/// From now on the first SIGINT or SIGTERM asks the job to stop, and a second one ends the process.
void installStopSignals();

/// True once asked. Any thread.
bool stopSignalled();

}  // namespace interleave::cli
