// SPDX-License-Identifier: GPL-3.0-or-later
#include "backend/core/verdict.h"

namespace interleave {

bool isBetter(const PairedDifference& difference) {
  return (difference.mean < 0) == (difference.better == Better::Lower);
}

std::string_view markOf(const PairedDifference& difference) {
  if (!difference.carries()) return "";
  return isBetter(difference) ? "▲" : "▼";
}

std::string markedVerdict(const PairedDifference& difference) {
  const std::string_view mark = markOf(difference);
  return (mark.empty() ? std::string() : std::string(mark) + " ") + std::string(difference.verdict());
}

}  // namespace interleave
