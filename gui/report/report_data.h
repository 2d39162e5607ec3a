// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QString>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "gui/model/run_record.h"

namespace interleave::gui {

/// A stored run, as a report tells it.
struct ReportRun {
  RunSummary summary;
  std::shared_ptr<RunRecord> record;
};

/// The runs with these numbers, each once, in this order; with none named, all that are not in the bin. Usage error: no
/// such run, or none at all. Errors of the store pass through.
std::vector<ReportRun> reportRuns(const std::filesystem::path& store, std::span<const RunId> runs);

/// The placements of a run that are reported: that at its own budget, and those that were judged.
std::vector<const PlacementEvent*> reportedOf(const ReportRun& run);

/// A placement with its scores by the manner in which they were measured.
struct ComparedPlacement {
  QString label;
  Placement placement;
  std::map<std::string, std::vector<Score>> scores;
  std::vector<std::string> names;  ///< By which a user may mean it: a run's number, its method, "uniform:8", "uniform".
  std::vector<double> layer_scores;  ///< As in KnownPlacement.
};

/// Placements of one model with one bank: what its runs found at their own budgets, and all that was judged. The fewer
/// layers a placement keeps, the earlier it stands.
struct Comparison {
  std::shared_ptr<RunRecord> like;  ///< One of the runs: for the model, the bank and the costs.
  std::vector<ReportRun> runs;
  std::vector<ComparedPlacement> placements;
  std::vector<std::string> manners;  ///< In which they were judged, the one of most placements first.
};
std::vector<Comparison> comparisonsOf(const std::vector<ReportRun>& runs);

/// For each placement judged in a manner the one that it is compared with: the first named `against` of those that keep
/// as many layers; of one that is alone in that, the first named so of all. Nothing for the reference itself, or where
/// no placement has that name. With an empty name any may be the reference that is not all full attention.
std::vector<std::optional<std::size_t>> referencesOf(const Comparison& comparison, const std::string& manner,
                                                     const std::string& against);
/// Whether any placement has that name; the empty one is everybody's.
bool namesAny(const Comparison& comparison, const std::string& against);

}  // namespace interleave::gui
