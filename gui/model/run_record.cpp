// SPDX-License-Identifier: GPL-3.0-or-later
#include "gui/model/run_record.h"

#include <algorithm>
#include <map>
#include <type_traits>
#include <utility>

namespace interleave::gui {
namespace {

int seriesOf(const StepEvent&) { return 0; }
int seriesOf(const AlignmentEvent& event) { return 2 * static_cast<int>(event.kind) + (event.held_out ? 1 : 0); }

/// Keeps of each series its newest value and the first of every `stride` steps, doubling the stride until `most` or
/// fewer remain: the past stays evenly spaced however singly the values come.
template <class T>
void thin(std::vector<T>& values, std::int64_t& stride, std::size_t most) {
  struct Seen {
    std::int64_t origin, bucket;
    std::size_t newest;
  };
  for (; stride > 1 || values.size() > most; stride *= 2) {
    if (stride > 1) {
      std::map<int, Seen> series;
      for (std::size_t i = 0; i < values.size(); ++i) series[seriesOf(values[i])] = {values[i].step, -1, i};
      for (std::size_t i = values.size(); i-- > 0;) series[seriesOf(values[i])].origin = values[i].step;
      std::size_t kept = 0;
      for (std::size_t i = 0; i < values.size(); ++i) {
        Seen& seen = series[seriesOf(values[i])];
        const std::int64_t bucket = (values[i].step - seen.origin) / stride;
        if (bucket == std::exchange(seen.bucket, bucket) && i != seen.newest) continue;
        if (kept != i) values[kept] = std::move(values[i]);
        ++kept;
      }
      values.resize(kept);
    }
    if (values.size() <= most) return;
  }
}

/// Appends `next`. A resumed or repeated run goes back: what follows the step it goes back to is told again.
template <class T>
void replaceFrom(std::vector<T>& values, T next) {
  while (!values.empty() && values.back().step >= next.step) values.pop_back();
  values.push_back(std::move(next));
}

void addScore(std::vector<std::vector<LayerScoreEvent>>& measures, LayerScoreEvent next) {
  auto measure = std::ranges::find(measures, next.score, [](const auto& events) { return events.front().score; });
  if (measure == measures.end()) measure = measures.insert(measure, {next});
  replaceFrom(*measure, std::move(next));
}

}  // namespace

void RunRecord::addCost(CostEvent next) {
  std::erase_if(costs, [&](const CostEvent& known) {
    return known.cost.placement == next.cost.placement && known.cost.manner == next.cost.manner;
  });
  costs.push_back(std::move(next));
}

void RunRecord::take(MailboxContents contents) {
  for (StepEvent& step : contents.steps) {
    step.checkpoint = {};
    replaceFrom(steps, std::move(step));
  }
  thin(steps, stride, kMostSteps);
  for (AlignmentEvent& alignment : contents.alignments) alignments.push_back(std::move(alignment));
  thin(alignments, alignment_stride, kMostSteps);
  for (Event& event : contents.rare) {
    std::visit(
        [this]<class T>(T& value) {
          if constexpr (std::is_same_v<T, LayerScoreEvent>) addScore(layer_scores, std::move(value));
          if constexpr (std::is_same_v<T, TrialEvent>) replaceFrom(trials, std::move(value));
          if constexpr (std::is_same_v<T, PlacementEvent>) placements.push_back(std::move(value));
          if constexpr (std::is_same_v<T, ScoreEvent>) {
            if (!value.isTransfer()) scores.push_back(std::move(value));
          }
          if constexpr (std::is_same_v<T, CostEvent>) addCost(std::move(value));
          if constexpr (std::is_same_v<T, InterventionEvent>) changes.push_back(std::move(value.change));
          if constexpr (std::is_same_v<T, EnvironmentEvent>) environment = std::move(value);
          if constexpr (std::is_same_v<T, LogEvent>) {
            log.push_back({std::move(value), QTime::currentTime()});
            ++logged;
          }
        },
        event);
  }
  if (log.size() > kMostLines) {
    log.erase(log.begin(), log.end() - static_cast<std::ptrdiff_t>(kMostLines));
  }
  if (contents.phase) phase = std::move(*contents.phase);
}

int RunRecord::layers() const {
  if (environment && environment->layers > 0) return environment->layers;
  return steps.empty() ? 0 : steps.back().if_stopped_now.layers();
}

std::vector<MixerKind> RunRecord::operators() const {
  if (environment && !environment->operators.empty()) return environment->operators;
  return steps.empty() ? std::vector<MixerKind>{} : steps.back().operators;
}

RunRecord loadRecord(const Store& store, RunId id) {
  RunRecord record;
  record.id = id;
  record.spec = store.spec(id);
  record.environment = store.environment(id);
  record.steps = store.steps(id, 0, static_cast<std::int64_t>(RunRecord::kMostSteps));
  if (record.steps.size() > 1) {  // the store has thinned them too, to nearly even gaps
    const auto gaps = static_cast<std::int64_t>(record.steps.size()) - 1;
    record.stride = std::max<std::int64_t>(1, (record.steps.back().step - record.steps.front().step + gaps - 1) / gaps);
  }
  record.alignments = store.alignments(id);
  for (LayerScoreEvent& event : store.layerScores(id)) addScore(record.layer_scores, std::move(event));
  record.trials = store.trials(id);
  record.placements = store.placements(id);
  record.scores = store.scores(id);
  record.costs = store.costs(id);
  record.changes = record.spec.interventions;
  for (LogEvent& event : store.log(id)) record.log.push_back({std::move(event), QTime()});
  record.logged = static_cast<std::int64_t>(record.log.size());
  const RunSummary summary = store.run(id);
  record.phase = {
      .phase = summary.phase,
      .title = summary.reason,
      .fraction = summary.steps > 0 ? static_cast<double>(summary.step) / static_cast<double>(summary.steps) : -1,
      .elapsed = summary.seconds};
  return record;
}

}  // namespace interleave::gui
