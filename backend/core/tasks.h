// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <string>
#include <string_view>

#include "backend/core/statistics.h"

namespace interleave {

/// What the name of an evaluation task says.
struct TaskFacts {
  std::string title;  ///< "KL on text": the words used on screen.
  std::string unit;   ///< "nats", "share of prompts", "share of references" (that answers hold).
  Better better = Better::Higher;
};

/// Losses ("kl", "nll", "X_nll") are better lower; everything else is a share or a match and is better higher.
TaskFacts taskFacts(std::string_view task);

}  // namespace interleave
