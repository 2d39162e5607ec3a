// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <map>
#include <span>
#include <string>
#include <vector>

#include "sessions/store.h"

namespace interleave {

/// The placements that other runs of a run's model found, each with who found it; for an enumeration as it has them,
/// with its operator in all layers that keep no full attention. Usage error when there is no such run.
std::map<Placement, std::string> foundElsewhere(const Store& store, RunId run);

/// Those of them that an enumeration has not tried though they keep as many layers as its trials, and the number that a
/// further trial of it has.
struct Untried {
  std::vector<Placement> placements;
  std::int64_t next_step = 1;
};
Untried untriedIn(const Store& store, RunId enumeration);
/// The first of these, of what has been read already.
std::vector<Placement> untriedOf(const std::map<Placement, std::string>& found, std::span<const TrialEvent> trials);

/// Runs that are done and differ in one setting alone, a number, and in nothing else that determines them.
struct Sweep {
  struct Point {
    RunId run = 0;
    double value = 0;  ///< Of the setting.
    StepEvent last;
    bool operator==(const Point& other) const {
      return run == other.run && value == other.value && last.step == other.last.step;
    }
  };
  std::string setting;
  std::vector<Point> points;  ///< By value.
  bool operator==(const Sweep&) const = default;
};
/// That which a run is part of: of several settings, the one in which most runs differ from it. Empty where no other
/// does, or while it is not done. Usage error as above.
Sweep sweepWith(const Store& store, RunId run);

/// What the methods of these runs are called among each other: "dash", and where runs of a method are not all alike but
/// for seed and budget, by their presets or settings too: "beam (greedy)", "nll-guided (examples = 16)".
std::vector<std::string> methodNamesAmong(std::span<const RunSpec> runs);

/// Both.
struct Neighbours {
  std::map<Placement, std::string> found;
  Sweep sweep;
  bool operator==(const Neighbours&) const = default;
};
Neighbours neighboursOf(const Store& store, RunId run);

}  // namespace interleave
