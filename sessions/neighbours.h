// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <map>
#include <string>
#include <vector>

#include "sessions/store.h"

namespace interleave {

/// What a store's other runs of the same model tell beside one of them.
struct Neighbours {
  std::map<Placement, std::string> found;  ///< Their placements, each with who found it.

  /// A run that differs in `setting` alone, and in nothing else that determines it.
  struct Swept {
    RunId run = 0;
    double value = 0;  ///< Of the setting.
    StepEvent last;
    bool operator==(const Swept& other) const { return run == other.run && value == other.value; }
  };
  std::string setting;       ///< A number of the method's; of several, that of which there are most. Empty: none.
  std::vector<Swept> sweep;  ///< By value, the run itself included; empty where no other differs so.

  bool operator==(const Neighbours&) const = default;
};

/// Usage error when there is no such run.
Neighbours neighboursOf(const Store& store, RunId run);

}  // namespace interleave
