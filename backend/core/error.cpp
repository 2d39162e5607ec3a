// SPDX-License-Identifier: GPL-3.0-or-later
#include "backend/core/error.h"

#include <algorithm>
#include <numeric>
#include <utility>
#include <vector>

namespace interleave {
namespace {

std::string joined(const std::string& file, const std::string& place, const std::string& reason) {
  std::string text;
  for (const std::string* part : {&file, &place, &reason}) {
    if (part->empty()) continue;
    if (!text.empty()) text += ": ";
    text += *part;
  }
  return text;
}

}  // namespace

Error::Error(ErrorKind kind, std::string file, std::string place, std::string reason)
    : std::runtime_error(joined(file, place, reason)),
      kind_(kind),
      file_(std::move(file)),
      place_(std::move(place)),
      reason_(std::move(reason)) {}

Error badInput(std::string file, std::string place, std::string reason) {
  return {ErrorKind::BadInput, std::move(file), std::move(place), std::move(reason)};
}

Error usageError(std::string place, std::string reason) {
  return {ErrorKind::Usage, {}, std::move(place), std::move(reason)};
}

Error failure(std::string place, std::string reason) {
  return {ErrorKind::Failed, {}, std::move(place), std::move(reason)};
}

Error stopped() { return {ErrorKind::Stopped, {}, {}, "stopped on request"}; }

std::size_t editDistance(const std::string& a, const std::string& b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t substituted = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, substituted});
    }
  }
  return row[b.size()];
}

}  // namespace interleave
