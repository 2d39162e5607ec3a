// SPDX-License-Identifier: GPL-3.0-or-later
#include "gui/model/readings.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <numeric>

namespace interleave::gui {
namespace {

constexpr double kNone = std::numeric_limits<double>::quiet_NaN();

std::size_t layersOf(const StepEvent& step) {
  return step.operators.empty() ? 0 : step.logits.size() / step.operators.size();
}

std::ptrdiff_t fullColumn(const StepEvent& step) {
  const auto found = std::ranges::find(step.operators, MixerKind::Full);
  return found == step.operators.end() ? -1 : found - step.operators.begin();
}

/// The column of the layer's largest logit besides that of full attention; -1 when there is none.
std::ptrdiff_t bestOther(const StepEvent& step, std::size_t layer) {
  const std::size_t width = step.operators.size();
  std::ptrdiff_t best = -1;
  for (std::size_t column = 0; column < width; ++column) {
    if (step.operators[column] == MixerKind::Full) continue;
    if (best < 0 || step.logits[layer * width + column] > step.logits[layer * width + static_cast<std::size_t>(best)]) {
      best = static_cast<std::ptrdiff_t>(column);
    }
  }
  return best;
}

/// Layers from the largest advantage to the least, ties by index.
std::vector<int> ranking(const std::vector<double>& advantages) {
  std::vector<int> order(advantages.size());
  std::iota(order.begin(), order.end(), 0);
  std::ranges::stable_sort(order, std::greater{},
                           [&](int layer) { return advantages[static_cast<std::size_t>(layer)]; });
  return order;
}

}  // namespace

std::vector<double> fullProbabilities(const StepEvent& step) {
  std::vector<double> values(layersOf(step), 0.0);
  const std::ptrdiff_t column = fullColumn(step);
  if (column < 0 || step.probabilities.size() != step.logits.size()) return values;
  for (std::size_t layer = 0; layer < values.size(); ++layer) {
    values[layer] =
        static_cast<double>(step.probabilities[layer * step.operators.size() + static_cast<std::size_t>(column)]);
  }
  return values;
}

Placement keepLargest(const StepEvent& step, int kept, const Pins& pins) {
  std::vector<MixerKind> kinds(layersOf(step), MixerKind::Full);
  for (std::size_t layer = 0; layer < kinds.size(); ++layer) {
    const std::ptrdiff_t other = bestOther(step, layer);
    if (other >= 0) kinds[layer] = step.operators[static_cast<std::size_t>(other)];
  }
  std::vector<double> advantages = fullAdvantages(step);
  for (const auto& [layer, kind] : pins) {
    if (layer < 0 || static_cast<std::size_t>(layer) >= kinds.size()) continue;
    const double infinity = std::numeric_limits<double>::infinity();
    advantages[static_cast<std::size_t>(layer)] = kind == MixerKind::Full ? infinity : -infinity;
  }
  const std::vector<int> order = ranking(advantages);
  const std::size_t count = std::min(order.size(), static_cast<std::size_t>(std::max(kept, 0)));
  for (std::size_t i = 0; i < count; ++i) kinds[static_cast<std::size_t>(order[i])] = MixerKind::Full;
  for (const auto& [layer, kind] : pins) {
    if (layer >= 0 && static_cast<std::size_t>(layer) < kinds.size()) kinds[static_cast<std::size_t>(layer)] = kind;
  }
  return Placement(std::move(kinds));
}

double marginAt(const StepEvent& step, int kept) {
  const std::vector<double> advantages = fullAdvantages(step);
  const std::vector<int> order = ranking(advantages);
  if (kept <= 0 || static_cast<std::size_t>(kept) >= order.size()) return kNone;
  const auto at = [&](int rank) { return advantages[static_cast<std::size_t>(order[static_cast<std::size_t>(rank)])]; };
  return at(kept - 1) - at(kept);
}

std::vector<MixerKind> bankKinds(const RunRecord& record) {
  std::vector<MixerKind> kinds;
  for (const AlignmentEvent& event : record.alignments) {
    if (std::ranges::find(kinds, event.kind) == kinds.end()) kinds.push_back(event.kind);
  }
  return kinds;
}

const AlignmentEvent* bankMeasure(const RunRecord& record, std::optional<MixerKind> kind) {
  if (record.alignments.empty()) return nullptr;
  const MixerKind wanted = kind.value_or(record.alignments.back().kind);
  const AlignmentEvent* newest[2] = {};
  for (const AlignmentEvent& event : record.alignments) {
    if (event.kind == wanted) newest[event.held_out ? 1 : 0] = &event;
  }
  return newest[1] != nullptr ? newest[1] : newest[0];
}

std::vector<float> bankError(const RunRecord& record, std::optional<MixerKind> kind) {
  const AlignmentEvent* event = bankMeasure(record, kind);
  return event == nullptr ? std::vector<float>{} : event->relative_error;
}

std::vector<const AlignmentEvent*> trainingOf(const RunRecord& record, MixerKind kind, bool held_out) {
  std::vector<const AlignmentEvent*> events;
  for (const AlignmentEvent& event : record.alignments) {
    if (event.kind == kind && event.held_out == held_out && event.step > 0 && !event.relative_error.empty()) {
      events.push_back(&event);
    }
  }
  return events;
}

double meanOf(const std::vector<float>& values) {
  if (values.empty()) return kNone;
  return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

FullHistory fullHistory(const RunRecord& record) {
  FullHistory map{.stride = record.stride, .layers = record.layers()};
  const std::vector<StepEvent>& steps = record.steps;
  if (steps.empty()) return map;
  map.first = steps.front().step;
  // A window that fell behind has steps further apart than the record's stride.
  map.stride = std::max(map.stride, (steps.back().step - map.first) / std::int64_t{RunRecord::kMostSteps} + 1);
  map.columns = static_cast<int>((steps.back().step - map.first) / map.stride) + 1;
  map.values.resize(static_cast<std::size_t>(map.layers) * static_cast<std::size_t>(map.columns), 0.0f);
  std::size_t nearest = 0;
  for (int column = 0; column < map.columns; ++column) {
    const std::int64_t wanted = map.first + column * map.stride;
    const auto away = [&](std::size_t i) { return std::abs(steps[i].step - wanted); };
    while (nearest + 1 < steps.size() && away(nearest + 1) <= away(nearest)) ++nearest;
    const std::vector<double> full = fullProbabilities(steps[nearest]);
    for (std::size_t layer = 0; layer < std::min(full.size(), static_cast<std::size_t>(map.layers)); ++layer) {
      map.values[layer * static_cast<std::size_t>(map.columns) + static_cast<std::size_t>(column)] =
          static_cast<float>(full[layer]);
    }
  }
  return map;
}

const CostTable* costsAt(const std::vector<CostTable>& costs, std::int64_t context_tokens) {
  const auto found = std::ranges::min_element(
      costs, {}, [&](const CostTable& table) { return std::abs(table.context_tokens - context_tokens); });
  return found == costs.end() ? nullptr : &*found;
}

double cacheBytes(const CostTable* costs, const Placement& placement) {
  if (costs == nullptr || costs->rows.size() != static_cast<std::size_t>(placement.layers())) return kNone;
  return static_cast<double>(costs->cacheBytes(placement));
}

std::optional<double> breakEven(const std::vector<CostTable>& costs, const Placement& placement) {
  const Placement teacher(placement.layers(), MixerKind::Full);
  double before_tokens = 0, before_gap = 0;
  for (const CostTable& table : costs) {
    const double mine = cacheBytes(&table, placement), full = cacheBytes(&table, teacher);
    if (std::isnan(mine) || std::isnan(full) || mine <= 0 || full <= 0) return std::nullopt;
    const double gap = std::log(mine / full), tokens = std::log(static_cast<double>(table.context_tokens));
    if (gap < 0) {
      if (before_gap <= 0) return std::nullopt;
      return std::exp(before_tokens + (tokens - before_tokens) * before_gap / (before_gap - gap));
    }
    before_gap = gap;
    before_tokens = tokens;
  }
  return std::nullopt;
}

const Score* scoreOf(const std::vector<Score>& scores, const std::string& task) {
  const auto found = std::ranges::find(scores, task, &Score::task);
  return found == scores.end() ? nullptr : &*found;
}

MixerKind restOf(const Placement& placement, MixerKind otherwise) {
  std::array<int, kMixerKinds> counts{};
  for (const MixerKind kind : placement.kinds()) ++counts.at(static_cast<std::size_t>(kind));
  counts[static_cast<std::size_t>(MixerKind::Full)] = 0;
  const auto most = std::ranges::max_element(counts);
  return *most == 0 ? otherwise : static_cast<MixerKind>(most - counts.begin());
}

}  // namespace interleave::gui
