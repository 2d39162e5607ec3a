// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "backend/candidates/bank.h"
#include "backend/core/measured_cost.h"
#include "backend/core/progress.h"

namespace interleave {

/// What is measured of each placement: lengths of contexts, tokens decoded behind each, and how often.
struct CostPlan {
  std::vector<std::int64_t> lengths;
  std::int64_t new_tokens = 16;
  int repeats = 3;
};

/// Measures what placements cost on this machine: prefill of a context, decoding behind it, and the bytes held. In each
/// repeat the placements take turns, so that a machine that slows down slows all of them.
class CostMeter {
 public:
  /// Usage error: no lengths, or numbers below 1.
  CostMeter(std::shared_ptr<const Model> model, std::shared_ptr<const CandidateBank> bank, CostPlan plan);
  std::vector<MeasuredCost> measure(std::span<const Placement> placements, Progress& progress) const;

 private:
  struct Sample {
    double prefill, decode;  // seconds; decode's of one token
    std::int64_t cache_bytes;
  };
  Sample sample(const Placement& placement, std::int64_t length, Progress& progress) const;

  std::shared_ptr<const Model> model_;
  std::shared_ptr<const CandidateBank> bank_;
  CostPlan plan_;
};

}  // namespace interleave
