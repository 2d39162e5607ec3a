// SPDX-License-Identifier: GPL-3.0-or-later
#include "backend/core/regret.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "backend/core/error.h"
#include "backend/core/random.h"

namespace interleave {
namespace {

constexpr int kResamples = 400;
constexpr std::uint64_t kSeed = 61;

double weighted(std::span<const double> values, std::span<const std::uint32_t> weights) {
  double sum = 0;
  for (std::size_t i = 0; i < values.size(); ++i) sum += weights[i] * values[i];
  return sum / static_cast<double>(values.size());
}

/// Of values that are each of a resample of `batches`.
Interval middle95(std::vector<double> values, std::size_t batches) {
  std::ranges::sort(values);
  const std::size_t tail = bootstrapTail(batches, values.size());
  return {values[tail], values[values.size() - 1 - tail]};
}

}  // namespace

std::vector<double> TrialTable::batchesOf(const TrialEvent& trial) const {
  std::vector<double> batches;
  if (part_ != Part::Prompts) batches = trial.text;
  if (part_ != Part::Text) batches.insert(batches.end(), trial.prompts.begin(), trial.prompts.end());
  return batches;
}

TrialTable::TrialTable(std::span<const TrialEvent> trials, Part part) : part_(part), trials_(trials) {
  if (trials.empty()) return;
  const std::size_t batches = batchesOf(trials.front()).size();
  // Text and prompts are drawn apart, so that each resample has as many of each.
  const std::size_t text = part == Part::Prompts ? 0 : trials.front().text.size();
  if (batches == 0) throw usageError("trials", "they have no such loss");
  Random random(kSeed);
  for (int i = 0; i < kResamples; ++i) {
    std::vector<std::uint32_t>& weights = resamples_.emplace_back(batches, 0U);
    for (std::size_t b = 0; b < batches; ++b) {
      const std::size_t first = b < text ? 0 : text, count = b < text ? text : batches - text;
      ++weights[first + random.below(count)];
    }
  }
  least_.assign(kResamples, std::numeric_limits<double>::infinity());
  for (const TrialEvent& trial : trials) {
    const std::vector<double> values = batchesOf(trial);
    if (values.size() != batches || trial.text.size() != trials.front().text.size()) {
      throw usageError("trials", "they were not judged on the same batches");
    }
    const double loss = meanOf(values);
    if (!trial.asked) losses_.push_back(loss);
    if (!best_ || loss < least_loss_) least_loss_ = loss, best_ = trial.placement;
    for (std::size_t i = 0; i < least_.size(); ++i) least_[i] = std::min(least_[i], weighted(values, resamples_[i]));
  }
}

std::optional<TrialTable::Standing> TrialTable::standing(const Placement& placement) const {
  const auto found = std::ranges::find(trials_, placement, &TrialEvent::placement);
  if (found == trials_.end()) return std::nullopt;
  const std::vector<double> values = batchesOf(*found);
  Standing standing;
  standing.loss = meanOf(values);
  standing.trials = static_cast<std::int64_t>(losses_.size());
  standing.better = std::ranges::count_if(losses_, [&](double loss) { return loss < standing.loss; });
  standing.regret = standing.loss - least_loss_;
  std::vector<double> regrets;
  for (std::size_t i = 0; i < least_.size(); ++i) regrets.push_back(weighted(values, resamples_[i]) - least_[i]);
  standing.regret_interval = middle95(std::move(regrets), values.size());
  standing.share_better = wilsonInterval(standing.better, standing.trials);
  return standing;
}

std::vector<std::pair<Placement, TrialTable::Standing>> TrialTable::standings(
    std::span<const Placement> placements) const {
  std::vector<std::pair<Placement, Standing>> tried;
  for (const Placement& placement : placements) {
    if (const auto found = standing(placement)) tried.emplace_back(placement, *found);
  }
  std::ranges::stable_sort(tried, {}, [](const auto& each) { return each.second.loss; });
  return tried;
}

}  // namespace interleave
