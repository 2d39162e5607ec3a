// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QString>
#include <filesystem>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "backend/core/statistics.h"
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

/// A placement with its scores by the manner in which they were measured: only those of one manner may be compared.
struct ComparedPlacement {
  QString label;
  Placement placement;
  std::map<std::string, std::vector<Score>> scores;
};

/// Placements of one model with one bank: what its runs found at their own budgets, and all that was judged.
struct Comparison {
  std::shared_ptr<RunRecord> like;  ///< One of the runs: for the model, the bank and the costs.
  std::vector<ComparedPlacement> placements;
  std::vector<std::string> manners;  ///< In which they were judged, the one of most placements first.
};
std::vector<Comparison> comparisonsOf(const std::vector<ReportRun>& runs);

/// How much larger a score is than `first`'s, sample by sample.
struct Difference {
  double mean = 0;
  Interval interval;  ///< 95 %, paired bootstrap.
};
/// Nothing where the two were not measured on the same samples.
std::optional<Difference> differenceFrom(const Score& first, const Score& other);

}  // namespace interleave::gui
