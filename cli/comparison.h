// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstddef>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "backend/core/events.h"

namespace interleave::cli {

/// A placement as it is compared with others.
struct Judged {
  std::string label;
  Placement placement;
  std::vector<Score> scores;
  std::vector<double> layer_scores;  ///< Of the run that proposed it, at its end: fullAdvantages(). Empty: none known.
};

/// {"difference", "low", "high", "pairs", "won", "lost", "tied", "carried", "verdict"}, or null and "why_not".
nlohmann::json toJson(const ScoreDifference& difference);

/// A difference as the columns of a table, and what stands above them.
std::string differenceText(const ScoreDifference& difference);
std::string differenceHeader();

/// How placements differ from one of them: scores pair by pair, and overlaps of the layers kept.
class Comparison {
 public:
  /// `reference` is an index in `judged`; all have equally many layers.
  Comparison(std::vector<Judged> judged, std::size_t reference);

  /// {"against", "bootstrap", "differences": […], "overlaps": […]}.
  nlohmann::json json() const;
  std::string text() const;  ///< The same as two tables.

 private:
  template <class Row>
  void forEachDifference(Row row) const;
  template <class Row>
  void forEachOverlap(Row row) const;

  std::vector<Judged> judged_;
  std::size_t reference_;
};

/// Which of the labels --against names: one of them, or its number from 1 on. Usage error where it is none or several.
std::size_t namedBy(const std::string& against, const std::vector<std::string>& labels);

}  // namespace interleave::cli
