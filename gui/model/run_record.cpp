// SPDX-License-Identifier: GPL-3.0-or-later
#include "gui/model/run_record.h"

#include <algorithm>
#include <type_traits>
#include <utility>

namespace interleave::gui {
namespace {

/// Keeps every second value and the last one, so that a long run stays within memory and evenly spaced.
template <class T>
void thin(std::vector<T>& values, std::size_t most) {
  while (values.size() > most) {
    std::size_t kept = 0;
    for (std::size_t i = 0; i < values.size(); ++i) {
      if (i % 2 == 0 || i + 1 == values.size()) {
        if (kept != i) values[kept] = std::move(values[i]);
        ++kept;
      }
    }
    values.resize(kept);
  }
}

}  // namespace

void RunRecord::take(MailboxContents contents) {
  for (StepEvent& step : contents.steps) {
    step.checkpoint = {};
    // A resumed or repeated run goes back: what follows the step it goes back to is told again.
    while (!steps.empty() && steps.back().step >= step.step) steps.pop_back();
    steps.push_back(std::move(step));
  }
  thin(steps, kMostSteps);
  for (AlignmentEvent& alignment : contents.alignments) alignments.push_back(std::move(alignment));
  thin(alignments, kMostSteps);
  for (Event& event : contents.rare) {
    std::visit(
        [this]<class T>(T& value) {
          if constexpr (std::is_same_v<T, PlacementEvent>) placements.push_back(std::move(value));
          if constexpr (std::is_same_v<T, ScoreEvent>) scores.push_back(std::move(value));
          if constexpr (std::is_same_v<T, InterventionEvent>) changes.push_back(std::move(value.change));
          if constexpr (std::is_same_v<T, EnvironmentEvent>) environment = std::move(value);
          if constexpr (std::is_same_v<T, LogEvent>) {
            log.push_back(std::move(value));
            ++logged;
          }
        },
        event);
  }
  if (log.size() > kMostLines) {
    log.erase(log.begin(), log.end() - static_cast<std::ptrdiff_t>(kMostLines));
  }
  if (contents.phase) phase = std::move(*contents.phase);
  dropped += contents.dropped;
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
  record.alignments = store.alignments(id);
  record.placements = store.placements(id);
  record.scores = store.scores(id);
  record.changes = record.spec.interventions;
  record.log = store.log(id);
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
