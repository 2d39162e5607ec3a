// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QTime>
#include <cstddef>
#include <memory>
#include <optional>
#include <vector>

#include "backend/engine/mailbox.h"
#include "sessions/store.h"

namespace interleave::gui {

/// All that windows know of one run, gathered from its events: a plain value, bounded in size. Built live from a
/// mailbox, or at once from the store; views cannot tell the difference.
struct RunRecord {
  RunId id = 0;  ///< 0: not in a store.
  RunSpec spec;
  std::optional<EnvironmentEvent> environment;
  std::vector<StepEvent> steps;  ///< In order, checkpoints left out: every stride-th, and the newest.
  std::vector<AlignmentEvent> alignments;
  PhaseEvent phase;
  /// Of methods that score layers: for each of their measures, that which ranks layers first, one an example, in order.
  std::vector<std::vector<LayerScoreEvent>> layer_scores;
  std::vector<TrialEvent> trials;  ///< Of methods that try placements, in order.
  std::vector<PlacementEvent> placements;
  std::vector<ScoreEvent> scores;  ///< Without transfers; see Store.
  std::vector<CostEvent> costs;    ///< The newest of each placement and manner.
  std::vector<Intervention> changes;
  struct Line {
    LogEvent event;
    QTime when;  ///< When it came; invalid for stored lines, whose times the store does not keep.
  };
  std::vector<Line> log;
  std::int64_t logged = 0;                        ///< Lines that ever came; log holds the newest of them.
  std::int64_t stride = 1, alignment_stride = 1;  ///< Grow so that kMostSteps hold the run; the store has all.

  static constexpr std::size_t kMostSteps = 4096, kMostLines = 5000;

  void take(MailboxContents contents);
  void addCost(CostEvent next);
  int layers() const;
  /// The operators that a layer may hold, full attention first.
  std::vector<MixerKind> operators() const;
};

/// A stored run as it stands. Errors of the store pass through.
RunRecord loadRecord(const Store& store, RunId id);

}  // namespace interleave::gui
