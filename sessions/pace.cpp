// SPDX-License-Identifier: GPL-3.0-or-later
#include "sessions/pace.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <iterator>
#include <utility>

namespace interleave {
namespace {

/// The settings that say how many steps a run takes: gradient searches count steps, scores count examples, an
/// enumeration the placements that it draws (0: all, however many they are).
constexpr std::array<const char*, 3> kStepSettings{"steps", "examples", "sample"};

}  // namespace

Pace::Sample Pace::sampleOf(const RunSpec& run) {
  Sample sample{
      .method = run.method, .model = run.model_fingerprint, .device = run.device, .settings = run.search_settings};
  if (!sample.settings.is_object()) return sample;
  for (const char* key : kStepSettings) sample.settings.erase(key);
  sample.settings.erase("extract");
  return sample;
}

void Pace::learn(const RunSpec& run, std::int64_t steps, double seconds, bool now) {
  if (steps <= 0 || !(seconds > 0) || !std::isfinite(seconds)) return;
  Sample sample = sampleOf(run);
  sample.steps = steps;
  sample.seconds = seconds;
  sample.now = now;
  samples_.push_back(std::move(sample));
}

void Pace::takePast(const Pace& other) {
  std::erase_if(samples_, [](const Sample& sample) { return !sample.now; });
  std::ranges::copy_if(other.samples_, std::back_inserter(samples_), [](const Sample& sample) { return !sample.now; });
}

std::optional<double> Pace::secondsPerStep(const RunSpec& run) const {
  struct Sum {
    std::int64_t steps = 0;
    double seconds = 0;
  };
  std::array<Sum, 4> sums;  // the later, the nearer
  const Sample like = sampleOf(run);
  for (const Sample& sample : samples_) {
    if (sample.method != like.method || sample.model != like.model || sample.device != like.device) continue;
    Sum& sum = sums.at((sample.settings == like.settings ? 2u : 0u) + (sample.now ? 1u : 0u));
    sum.steps += sample.steps;
    sum.seconds += sample.seconds;
  }
  for (auto sum = sums.rbegin(); sum != sums.rend(); ++sum) {
    if (sum->steps > 0) return sum->seconds / static_cast<double>(sum->steps);
  }
  return std::nullopt;
}

std::optional<std::int64_t> plannedSteps(const RunSpec& run) {
  for (const char* key : kStepSettings) {
    const auto found = run.search_settings.find(key);
    if (found == run.search_settings.end() || !found->is_number_integer()) continue;
    if (const auto steps = found->get<std::int64_t>(); steps > 0) return steps;
  }
  return std::nullopt;
}

}  // namespace interleave
