// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "gui/model/run_record.h"

namespace interleave::gui {

/// What views read off steps, costs and scores: pure functions.

/// p(full attention) of each layer; 0 where the search has no such operator.
std::vector<double> fullProbabilities(const StepEvent& step);
/// The K layers with the largest advantage keep full attention (ties: the lower index), the others get the operator
/// with their largest other logit: every budget from one run.
/// Pinned layers keep what they are pinned to; those pinned to full attention count.
Placement keepLargest(const StepEvent& step, int kept, const Pins& pins = {});
/// Advantage of the last layer kept less that of the first left out; NaN at the ends.
double marginAt(const StepEvent& step, int kept);

/// The kinds of candidates whose errors are known, in the order in which they came.
std::vector<MixerKind> bankKinds(const RunRecord& record);
/// What was measured last of the candidates of a kind (without one: of the last that came), held-out where there is
/// that. Null: nothing.
const AlignmentEvent* bankMeasure(const RunRecord& record, std::optional<MixerKind> kind = {});
/// Its relative error in each layer; empty: none known.
std::vector<float> bankError(const RunRecord& record, std::optional<MixerKind> kind = {});
/// The alignment events that stand on a curve: a bank that was there before tells its quality at step 0.
std::vector<const AlignmentEvent*> trainingOf(const RunRecord& record, MixerKind kind, bool held_out);
/// Mean over layers; NaN of none.
double meanOf(const std::vector<float>& values);

/// Layers × steps of p(full attention), row-major, for a map with evenly spaced columns: `columns` from step `first`
/// on, `stride` apart, each showing the recorded step nearest to it. A newest step between two columns is left out.
struct FullHistory {
  std::int64_t first = 0, stride = 1;
  int columns = 0, layers = 0;
  std::vector<float> values;
};
FullHistory fullHistory(const RunRecord& record);

/// The table at the length nearest to `context_tokens`; null when there is none.
const CostTable* costsAt(const std::vector<CostTable>& costs, std::int64_t context_tokens);
/// Bytes of cache, NaN when the table does not fit the placement.
double cacheBytes(const CostTable* costs, const Placement& placement);
/// The least context length at which the placement's cache is smaller than the teacher's; interpolated between the
/// lengths of the table (log-linear). Empty when it never is, or always.
std::optional<double> breakEven(const std::vector<CostTable>& costs, const Placement& placement);

const Score* scoreOf(const std::vector<Score>& scores, const std::string& task);

/// The operator that most layers of the placement have besides full attention; `otherwise` when all are full.
MixerKind restOf(const Placement& placement, MixerKind otherwise);

}  // namespace interleave::gui
