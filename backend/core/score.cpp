// SPDX-License-Identifier: GPL-3.0-or-later
#include "backend/core/score.h"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <utility>

#include "backend/core/tasks.h"

namespace interleave {
namespace {

std::string whyNotPaired(const Score& score, const Score& reference) {
  if (score.task != reference.task) return "another task";
  for (const Score* each : {&score, &reference}) {
    if (each->samples_id.empty() || each->per_sample.empty()) return "samples unknown";
  }
  if (score.samples_id != reference.samples_id || score.per_sample.size() != reference.per_sample.size()) {
    return "other samples";
  }
  for (const Score* each : {&score, &reference}) {
    if (!std::ranges::all_of(each->per_sample, [](double value) { return std::isfinite(value); })) {
      return "a value is not finite";
    }
  }
  return {};
}

}  // namespace

Score scoreOf(std::string task, std::string unit, std::vector<double> per_sample, std::string samples_id) {
  const auto samples = static_cast<std::int64_t>(per_sample.size());
  Score score{.task = std::move(task),
              .unit = std::move(unit),
              .samples = samples,
              .per_sample = std::move(per_sample),
              .samples_id = std::move(samples_id)};
  const auto count = static_cast<double>(score.samples);
  for (double value : score.per_sample) score.value += value / count;
  double square = 0;
  for (double value : score.per_sample) square += (value - score.value) * (value - score.value);
  score.standard_error = score.samples > 1 ? std::sqrt(square / (count - 1) / count) : 0;
  return score;
}

std::optional<Interval> intervalOf(const Score& score) {
  const std::vector<double>& values = score.per_sample;
  if (values.empty()) return std::nullopt;
  if (!std::ranges::all_of(values, [](double value) { return value == 0 || value == 1; })) return bootstrapMean(values);
  return wilsonInterval(std::ranges::count(values, 1.0), std::ssize(values));
}

ScoreDifference differenceOf(const Score& score, const Score& reference) {
  if (std::string why_not = whyNotPaired(score, reference); !why_not.empty()) return {{}, std::move(why_not)};
  return {pairedDifference(score.per_sample, reference.per_sample, taskFacts(score.task).better), {}};
}

ScoreDifference differenceOn(std::string_view task, std::span<const Score> scores, std::span<const Score> reference) {
  const auto mine = std::ranges::find(scores, task, &Score::task);
  const auto other = std::ranges::find(reference, task, &Score::task);
  return mine == scores.end() || other == reference.end() ? ScoreDifference{} : differenceOf(*mine, *other);
}

}  // namespace interleave
