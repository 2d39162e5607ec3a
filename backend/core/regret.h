// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "backend/core/events.h"
#include "backend/core/statistics.h"

namespace interleave {

/// Where placements stand among all that a run tried.
class TrialTable {
 public:
  enum class Part { All, Text, Prompts };  ///< Which of a trial's losses count.

  /// Trials with the same batches, of one run; they must outlive the table. Usage error where a placement has no loss
  /// of this part, or the trials have different batches. Those that the user named count as tried, but not as part of
  /// the distribution.
  TrialTable(std::span<const TrialEvent> trials, Part part);

  /// The mean losses of the distribution, in the order of the trials.
  const std::vector<double>& losses() const { return losses_; }

  struct Standing {
    double loss = 0;
    double regret = 0;         ///< Loss less that of the best trial.
    Interval regret_interval;  ///< 95 %: batches drawn anew with replacement, the best found anew each time.
    std::int64_t better = 0;   ///< Trials of the distribution with a smaller loss.
    std::int64_t trials = 0;   ///< Of the distribution.
    Interval share_better;     ///< 95 % (Wilson 1927), for a distribution that is a random sample.
    std::int64_t rank() const { return better + 1; }
  };
  /// Of a placement that was tried; none otherwise.
  std::optional<Standing> standing(const Placement& placement) const;
  /// Of those of `placements` that were tried, the best first.
  std::vector<std::pair<Placement, Standing>> standings(std::span<const Placement> placements) const;
  const std::optional<Placement>& best() const { return best_; }  ///< None without trials.

 private:
  std::vector<double> batchesOf(const TrialEvent& trial) const;

  Part part_;
  std::span<const TrialEvent> trials_;
  std::vector<double> losses_;
  std::optional<Placement> best_;
  double least_loss_ = 0;
  std::vector<std::vector<std::uint32_t>> resamples_;  ///< How often each batch is drawn.
  std::vector<double> least_;                          ///< In each resample, over all trials.
};

/// The keys of a map of placements.
template <class Value>
std::vector<Placement> placementsOf(const std::map<Placement, Value>& named) {
  std::vector<Placement> placements;
  for (const auto& [placement, value] : named) placements.push_back(placement);
  return placements;
}

}  // namespace interleave
