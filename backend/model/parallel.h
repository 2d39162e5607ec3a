// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstdint>
#include <functional>

#include "backend/core/progress.h"
#include "backend/model/model.h"

namespace interleave {

/// Calls work(i), without gradients, for each of `count` sequences of at most `longest` tokens. On a CPU as many run at
/// a time as there are threads, each computing on one, so that threads need not wait for each other within every
/// product. What is left over runs one by one on all threads, and so do long ones, whose activations would be too many
/// beside each other. In between, the calling thread calls `done` with how many are. Stopped when asked; otherwise the
/// first exception of `work`.
void eachSequence(const Model& model, std::int64_t count, std::int64_t longest, Progress& progress,
                  const std::function<void(std::int64_t)>& work, const std::function<void(std::int64_t)>& done = {});

/// How many rows of logits are made at once: kHeadRows; fewer where threads compute beside each
/// other, but 64 at least.
std::int64_t headRows();

}  // namespace interleave
