// SPDX-License-Identifier: GPL-3.0-or-later
#include "backend/core/transfer.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "backend/core/tasks.h"

namespace interleave {

std::vector<std::string> TransferTable::tasks() const {
  std::vector<std::string> names;
  for (const auto& row : scores) {
    for (const auto& cell : row) {
      for (const Score& each : cell) {
        if (std::ranges::find(names, each.task) == names.end()) names.push_back(each.task);
      }
    }
  }
  return names;
}

const Score* TransferTable::score(std::size_t row, std::size_t column, const std::string& task) const {
  const std::vector<Score>& cell = scores.at(row).at(column);
  const auto found = std::ranges::find(cell, task, &Score::task);
  return found == cell.end() ? nullptr : &*found;
}

std::optional<std::size_t> TransferTable::best(std::size_t column, const std::string& task) const {
  const bool lower = taskFacts(task).better == Better::Lower;
  std::optional<std::size_t> found;
  for (std::size_t row = 0; row < rows.size(); ++row) {
    const Score* own = score(row, column, task);
    if (own == nullptr) continue;
    const double lead = found ? own->value - score(*found, column, task)->value : 0;
    if (!found || (lower ? lead < 0 : lead > 0)) found = row;
  }
  return found;
}

ScoreDifference TransferTable::regret(std::size_t row, std::size_t column, const std::string& task) const {
  const Score* own = score(row, column, task);
  if (own == nullptr) return {};
  return differenceOf(*own, *score(*best(column, task), column, task));
}

double TransferTable::agreement(std::size_t a, std::size_t b, const std::string& task) const {
  std::vector<double> in_a, in_b;
  bool anew = false;  // a condition leaves tasks alone that it does not concern
  for (std::size_t row = 0; row < rows.size(); ++row) {
    const Score *one = score(row, a, task), *other = score(row, b, task);
    if (one == nullptr || other == nullptr) continue;
    in_a.push_back(one->value);
    in_b.push_back(other->value);
    const double apart = std::abs(one->value - other->value);  // rounding may differ from day to day
    anew = anew || one->samples_id != other->samples_id || apart > 1e-6 * (1 + std::abs(one->value));
  }
  return in_a.size() < 3 || !anew ? std::numeric_limits<double>::quiet_NaN() : spearman(in_a, in_b);
}

}  // namespace interleave
