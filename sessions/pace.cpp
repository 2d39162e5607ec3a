// SPDX-License-Identifier: GPL-3.0-or-later
#include "sessions/pace.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <exception>
#include <iterator>
#include <utility>

#include "backend/core/budget.h"
#include "backend/core/layer_list.h"
#include "backend/core/settings.h"
#include "backend/core/statistics.h"
#include "sessions/work.h"

namespace interleave {
namespace {

/// The settings that say how many steps a run takes: gradient searches count steps, scores count examples, an
/// enumeration the placements that it draws (0: all, however many they are).
constexpr std::array<const char*, 3> kStepSettings{"steps", "examples", "sample"};

double binomial(int n, int k) {
  double ways = 1;
  for (int i = 1; i <= k; ++i) ways *= static_cast<double>(n - k + i) / i;
  return ways;
}

/// Of a method that tries placements; nothing where its settings are damaged, or a budget is not of layers.
std::optional<std::int64_t> plannedTrials(const RunSpec& run, int layers) {
  const nlohmann::json& settings = run.search_settings;
  try {
    const auto count = [&](const char* key) {
      return static_cast<int>(layersListed(settings.value(key, std::string()), key).size());
    };
    const int kept = count("keep"), free = layers - kept - count("leave");
    std::vector<Budget> budgets{run.budget};
    for (const std::string& word : wordsOf(settings.value("extract", std::string()))) {
      budgets.push_back(Budget::parse(word));
    }
    int least = free, most = 0;  // of the free layers that a budget has room for
    for (const Budget& budget : budgets) {
      if (budget.unit != Budget::Unit::FullLayers) return std::nullopt;
      const int room = std::clamp(static_cast<int>(budget.amount) - kept, 0, std::max(free, 0));
      least = std::min(least, room);
      most = std::max(most, room);
    }
    if (run.method == kEnumerationMethod) {
      const double all = binomial(free, std::clamp(static_cast<int>(run.budget.amount) - kept, 0, std::max(free, 0)));
      const auto sample = settings.value("sample", std::int64_t{0});
      if (sample > 0 && static_cast<double>(sample) < all) return sample;
      return all < 1e15 ? std::optional(static_cast<std::int64_t>(std::llround(all))) : std::nullopt;
    }
    const int sizes = settings.value("direction", std::string()) == "backward" ? free - least : most;
    const auto width = std::max<std::int64_t>(1, settings.value("width", std::int64_t{1}));
    std::int64_t trials = 0;
    for (int size = 0; size < sizes; ++size) trials += (size == 0 ? 1 : width) * (free - size);
    return trials;
  } catch (const std::exception&) {
    return std::nullopt;
  }
}

}  // namespace

Pace::Sample Pace::sampleOf(const RunSpec& run) {
  Sample sample{
      .method = run.method, .model = run.model_fingerprint, .device = run.device, .settings = run.search_settings};
  if (!sample.settings.is_object()) return sample;
  for (const char* key : kStepSettings) sample.settings.erase(key);
  sample.settings.erase("extract");
  return sample;
}

void Pace::learn(const RunSpec& run, std::int64_t steps, std::int64_t tokens, double seconds, bool now) {
  if (steps <= 0 || !(seconds > 0) || !std::isfinite(seconds)) return;
  Sample sample = sampleOf(run);
  sample.steps = steps;
  sample.seconds = seconds;
  if (tokens > 0) sample.seconds_per_token = seconds / (static_cast<double>(tokens) * passesPerToken(run));
  sample.now = now;
  samples_.push_back(std::move(sample));
}

void Pace::assume(const std::string& model, const std::string& device, double seconds_per_token) {
  assumed_[{model, device}] = seconds_per_token;
}

void Pace::takePast(const Pace& other) {
  std::erase_if(samples_, [](const Sample& sample) { return !sample.now; });
  std::ranges::copy_if(other.samples_, std::back_inserter(samples_), [](const Sample& sample) { return !sample.now; });
  for (const auto& [of, seconds] : other.assumed_) assumed_[of] = seconds;
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

std::optional<double> Pace::secondsPerToken(const RunSpec& run) const {
  std::vector<double> known;
  for (const Sample& sample : samples_) {
    if (sample.model == run.model_fingerprint && sample.device == run.device && sample.seconds_per_token > 0) {
      known.push_back(sample.seconds_per_token);
    }
  }
  if (!known.empty()) return medianOf(std::move(known));
  const auto assumed = assumed_.find({run.model_fingerprint, run.device});
  return assumed == assumed_.end() ? std::nullopt : std::optional(assumed->second);
}

std::optional<std::int64_t> plannedSteps(const RunSpec& run, int layers) {
  if (!run.search_settings.is_object()) return std::nullopt;
  if (run.method == "hand-rule") return 1;
  if (run.method == "beam" || run.method == kEnumerationMethod) return plannedTrials(run, layers);
  for (const char* key : kStepSettings) {
    const auto found = run.search_settings.find(key);
    if (found == run.search_settings.end() || !found->is_number_integer()) continue;
    if (const auto steps = found->get<std::int64_t>(); steps > 0) return steps;
  }
  return std::nullopt;
}

}  // namespace interleave
