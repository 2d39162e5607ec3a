// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "backend/core/score.h"

namespace interleave {

/// Placements (rows), each judged under several conditions (columns): another operator, bank, length or seed than it
/// was found with. Scores of one column are of the same samples. A value type.
struct TransferTable {
  std::vector<std::string> rows, columns;
  std::vector<std::vector<std::vector<Score>>> scores;  ///< [rows][columns]: of each task; empty: not judged.
  bool operator==(const TransferTable&) const = default;

  std::vector<std::string> tasks() const;  ///< In the order in which they come.
  const Score* score(std::size_t row, std::size_t column, const std::string& task) const;  ///< Null: not judged on it.
  /// The row with the best mean in a column; nothing where none was judged on the task.
  std::optional<std::size_t> best(std::size_t column, const std::string& task) const;
  /// What a row loses in a column to the best one there, pair by pair: that one has been chosen on these samples, so
  /// its lead is flattered. Neither a difference nor a reason where it was not judged.
  ScoreDifference regret(std::size_t row, std::size_t column, const std::string& task) const;
  /// Spearman's ρ of the rows' values in two columns: whether the conditions order placements alike. Over the rows
  /// judged in both; NaN of fewer than three, where all are equal, or where the two columns differ in nothing on this
  /// task (longer prompts say nothing new of text).
  double agreement(std::size_t a, std::size_t b, const std::string& task) const;
};

}  // namespace interleave
