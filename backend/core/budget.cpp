// SPDX-License-Identifier: GPL-3.0-or-later
#include "backend/core/budget.h"

#include <charconv>
#include <limits>
#include <string_view>
#include <utility>

#include "backend/core/error.h"

namespace interleave {
namespace {

/// The number at the front of `text`, which is moved past it; -1 when there is none or it does not fit.
std::int64_t takeNumber(std::string_view& text) {
  std::int64_t value = -1;
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (code != std::errc{} || value < 0) return -1;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  return value;
}

std::int64_t unitFactor(std::string_view unit) {
  constexpr std::pair<std::string_view, std::int64_t> kUnits[] = {
      {"", 1},          {"B", 1},         {"kB", 1000},    {"KB", 1000}, {"MB", 1000'000}, {"GB", 1000'000'000},
      {"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}};
  for (const auto& [word, factor] : kUnits) {
    if (unit == word) return factor;
  }
  return 0;
}

}  // namespace

std::int64_t CostTable::cacheBytes(const Placement& placement) const {
  if (placement.layers() != static_cast<int>(rows.size())) {
    throw usageError("placement", "it has " + std::to_string(placement.layers()) + " layers, the model " +
                                      std::to_string(rows.size()));
  }
  std::int64_t total = 0;
  for (int layer = 0; layer < placement.layers(); ++layer) {
    total += rows[static_cast<std::size_t>(layer)].at(static_cast<std::size_t>(placement[layer])).cache_bytes;
  }
  return total;
}

std::vector<std::int64_t> drawnContextLengths() {
  std::vector<std::int64_t> lengths;
  for (std::int64_t tokens = 64; tokens <= 128 * 1024; tokens *= 2) lengths.push_back(tokens);
  return lengths;
}

Budget Budget::parse(const std::string& text) {
  const auto wrong = [&] {
    return usageError("budget", "\"" + text + "\" is neither a count of layers (8) nor BYTES@LENGTH (54MB@8192)");
  };
  std::string_view rest = text;
  const std::int64_t amount = takeNumber(rest);
  if (amount < 0) throw wrong();
  if (rest.empty()) return layers(amount);
  const std::size_t at = rest.find('@');
  if (at == std::string_view::npos) throw wrong();
  const std::int64_t factor = unitFactor(rest.substr(0, at));
  rest.remove_prefix(at + 1);
  std::int64_t tokens = takeNumber(rest);
  constexpr std::int64_t kMost = std::numeric_limits<std::int64_t>::max();
  if (rest == "k" && tokens >= 0 && tokens <= kMost / 1024) {
    tokens *= 1024;
    rest = {};
  }
  if (factor == 0 || tokens <= 0 || !rest.empty() || amount > kMost / factor) throw wrong();
  return bytes(amount * factor, tokens);
}

std::string Budget::text() const {
  if (unit == Unit::FullLayers) return std::to_string(amount);
  return std::to_string(amount) + "@" + std::to_string(context_tokens);
}

}  // namespace interleave
