// SPDX-License-Identifier: GPL-3.0-or-later
#include "backend/core/measured_cost.h"

#include <cmath>
#include <limits>

#include "backend/core/statistics.h"

namespace interleave {
namespace {

double scaled(double seconds, double count, double teachers) {
  return count > 0 && teachers > 0 ? seconds * count / teachers : std::numeric_limits<double>::quiet_NaN();
}

}  // namespace

double CostPoint::prefillSeconds() const { return medianOf(prefill_samples); }
double CostPoint::decodeSeconds() const { return medianOf(decode_samples); }

double computedPrefillSeconds(const CostPoint& point, const CostPoint& teacher) {
  return scaled(teacher.prefillSeconds(), point.prefill_flops, teacher.prefill_flops);
}
double computedDecodeSeconds(const CostPoint& point, const CostPoint& teacher) {
  return scaled(teacher.decodeSeconds(), point.decode_bytes, teacher.decode_bytes);
}

std::optional<Crossover> crossover(const MeasuredCost& cost, const MeasuredCost& teacher, const CostReading& reading) {
  const auto excess = [&](std::size_t i) { return reading(cost.points[i]) - reading(teacher.points[i]); };
  std::size_t first = cost.points.size();  // from which on it is below
  while (first > 0 && excess(first - 1) < 0) --first;
  if (first == 0 || first == cost.points.size()) return std::nullopt;
  const double share = excess(first - 1) / (excess(first - 1) - excess(first));
  const CostPoint &before = teacher.points[first - 1], &after = teacher.points[first];
  return Crossover{
      std::lerp(static_cast<double>(before.context_tokens), static_cast<double>(after.context_tokens), share),
      std::lerp(reading(before), reading(after), share)};
}

bool cheaperAtLast(const MeasuredCost& cost, const MeasuredCost& teacher, const CostReading& reading) {
  return !cost.points.empty() && reading(cost.points.back()) < reading(teacher.points.back());
}

}  // namespace interleave
