// SPDX-License-Identifier: GPL-3.0-or-later
#include "backend/core/events.h"

#include <algorithm>

namespace interleave {
namespace {

struct MetricWords {
  std::string_view name, title;
};
constexpr std::array<MetricWords, kMetrics> kMetricWords{{
    {"loss", "Loss"},
    {"text_loss", "Text loss (soft)"},
    {"prompt_loss", "Prompt loss (soft)"},
    {"hard_text_loss", "Text loss (hard)"},
    {"hard_prompt_loss", "Prompt loss (hard)"},
    {"expected_budget", "Expected budget"},
    {"entropy", "Entropy"},
    {"margin", "Margin at the cut"},
    {"temperature", "Temperature"},
    {"learning_rate", "Learning rate"},
    {"entropy_weight", "Entropy weight"},
    {"gradient_norm", "Gradient norm"},
    {"tokens_per_second", "Tokens per second"},
    {"memory_bytes", "Memory"},
    {"held_out_loss", "Loss (held out)"},
}};
constexpr std::array<std::string_view, 8> kPhaseNames{"loading", "preparing", "searching", "evaluating",
                                                      "paused",  "done",      "stopped",   "failed"};

}  // namespace

std::string_view name(Metric metric) { return kMetricWords.at(static_cast<std::size_t>(metric)).name; }
std::string_view title(Metric metric) { return kMetricWords.at(static_cast<std::size_t>(metric)).title; }
bool isFinal(Phase phase) { return phase == Phase::Done || phase == Phase::Stopped || phase == Phase::Failed; }

std::vector<double> fullAdvantages(const StepEvent& step) {
  const std::size_t width = step.operators.size();
  std::vector<double> values(width == 0 ? 0 : step.logits.size() / width, 0.0);
  const auto full =
      static_cast<std::size_t>(std::ranges::find(step.operators, MixerKind::Full) - step.operators.begin());
  if (full == width) return values;
  for (std::size_t layer = 0; layer < values.size(); ++layer) {
    const float* logits = &step.logits[layer * width];
    std::optional<float> rival;
    for (std::size_t column = 0; column < width; ++column) {
      if (column != full) rival = std::max(rival.value_or(logits[column]), logits[column]);
    }
    values[layer] = static_cast<double>(logits[full]) - static_cast<double>(rival.value_or(0));
  }
  return values;
}

std::string_view name(Phase phase) { return kPhaseNames.at(static_cast<std::size_t>(phase)); }

}  // namespace interleave
