// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstdint>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "backend/core/run_spec.h"

namespace interleave {

/// How long a step takes, told from runs of the same method, model and device; and how long a token that passes the
/// teacher (see work.h), from any runs of that model and device. Not thread-safe.
class Pace {
 public:
  /// `steps` of a run took `seconds` and looked at `tokens`. What was measured `now` counts for more than what a store
  /// remembers: it is of this machine as it is, and of whole runs, not of their steps alone.
  void learn(const RunSpec& run, std::int64_t steps, std::int64_t tokens, double seconds, bool now);
  /// What a short pass of the teacher took, for as long as no run tells more.
  void assume(const std::string& model, const std::string& device, double seconds_per_token);

  /// Remembers what `other` learned of a store, instead of what this one did.
  void takePast(const Pace& other);

  /// Seconds a step of `run`, from runs with the same settings where there are any; nothing where no run like it is
  /// known.
  std::optional<double> secondsPerStep(const RunSpec& run) const;
  /// Seconds for each token of work with the run's model and device; the median over runs.
  std::optional<double> secondsPerToken(const RunSpec& run) const;

 private:
  struct Sample {
    std::string method, model, device;
    nlohmann::json settings;  ///< Those that say what a step costs.
    std::int64_t steps = 0;
    double seconds = 0, seconds_per_token = 0;
    bool now = false;
  };
  static Sample sampleOf(const RunSpec& run);
  std::vector<Sample> samples_;
  std::map<std::pair<std::string, std::string>, double> assumed_;  ///< By model and device.
};

/// The steps that a run on a model of so many layers will take, by its settings; nothing where they do not say. Of a
/// beam, and of an enumeration where all layers cost the same, the trials.
std::optional<std::int64_t> plannedSteps(const RunSpec& run, int layers);

}  // namespace interleave
