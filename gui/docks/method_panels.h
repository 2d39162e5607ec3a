// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "gui/model/run_record.h"
#include "gui/plots/figure.h"
#include "sessions/neighbours.h"

namespace interleave::gui {

/// Of a gate search, at a step: the gates in order of size with the cut that `shown` makes, how many are undecided (p
/// between 0.1 and 0.9), each over the steps so far, and against the error of its layer's candidate.
std::vector<Panel> gatePanels(const RunRecord& record, const StepEvent& step, const Placement& shown);

/// Of a gate search beside others that differ from it in one setting alone (λ, say): how many layers each wants to
/// keep, Σ p(full), and how many of its gates are undecided, by that setting. Nothing where there are none.
std::optional<Panel> sweepPanel(const Sweep& sweep, RunId shown);

/// The tokens that a selection by FlashMorph has taken so far, beside those that its paper tells of itself and of
/// others (arXiv 2606.30562, Qwen3-1.7B; without the alignment that all share. DASH's paper counts PostNAS otherwise).
Panel selectionCostPanel(const StepEvent& step);

/// Of a method that scores layers, after the first `examples`: its second measure against the first, where it has two,
/// the score that ranks where it joins them, and how soon the ranking settles.
std::vector<Panel> scoringPanels(const RunRecord& record, std::size_t examples, const Placement& shown);

/// Whether it is a gate search: no score, no trial, and not told which layers to keep.
bool hasGates(const RunRecord& record);

/// All of these as a method has them, at a step of a run; nothing of one that tries placements (see
/// trialPanels), or is told which layers to keep.
std::vector<Panel> methodPanels(const RunRecord& record, const StepEvent& step, const Placement& shown,
                                const Sweep& sweep);

/// Which keys each query of a prompt sees in a layer with a sliding window: `window` last tokens, the first `sinks`,
/// and from `answer_begin` on all of them where `prompt_only`.
struct MaskShape {
  std::int64_t tokens = 0, answer_begin = 0, window = 0, sinks = 0;
  bool prompt_only = false;
};
Panel maskPanel(const MaskShape& shape);

}  // namespace interleave::gui
