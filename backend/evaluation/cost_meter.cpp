// SPDX-License-Identifier: GPL-3.0-or-later
#include "backend/evaluation/cost_meter.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <chrono>
#include <numeric>
#include <string>
#include <utility>

#include "backend/core/error.h"
#include "backend/core/random.h"
#include "backend/mixers/cost.h"
#include "backend/model/generate.h"

namespace interleave {
namespace {

double secondsSince(std::chrono::steady_clock::time_point began) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
}

/// The likeliest next token; its read waits for the device.
std::vector<std::int32_t> next(const at::Tensor& logits) {
  return {static_cast<std::int32_t>(logits.argmax(-1).item<std::int64_t>())};
}

}  // namespace

CostMeter::CostMeter(std::shared_ptr<const Model> model, std::shared_ptr<const CandidateBank> bank, CostPlan plan)
    : model_(std::move(model)), bank_(std::move(bank)), plan_(std::move(plan)) {
  std::ranges::sort(plan_.lengths);
  const auto [first, last] = std::ranges::unique(plan_.lengths);
  plan_.lengths.erase(first, last);
  if (plan_.lengths.empty() || plan_.lengths.front() < 1) throw usageError("lengths", "contexts have at least 1 token");
  if (plan_.new_tokens < 1 || plan_.repeats < 1) throw usageError("repeats", "at least 1 new token and 1 repeat");
}

CostMeter::Sample CostMeter::sample(const Placement& placement, std::int64_t length, Progress& progress) const {
  // Which tokens they are does not matter to the time.
  Random random(1);
  std::vector<std::int32_t> context;
  for (std::int64_t i = 0; i < length; ++i) {
    context.push_back(static_cast<std::int32_t>(random.below(static_cast<std::uint64_t>(model_->config().vocabulary))));
  }
  const Student student{model_, bank_->row(placement)};
  Sample result{};
  auto began = std::chrono::steady_clock::now();
  auto [decoder, logits] = prefill(student, std::span(&context, 1), progress);
  std::vector<std::int32_t> token = next(logits);
  result.prefill = secondsSince(began);
  result.cache_bytes = decoder.cacheBytes();
  const std::vector<std::int64_t> one{1};
  began = std::chrono::steady_clock::now();
  for (std::int64_t i = 0; i < plan_.new_tokens; ++i) {
    progress.throwIfStopped();
    token = next(decoder.feed(token, one));
  }
  result.decode = secondsSince(began) / static_cast<double>(plan_.new_tokens);
  return result;
}

std::vector<MeasuredCost> CostMeter::measure(std::span<const Placement> placements, Progress& progress) const {
  std::vector<MeasuredCost> costs;
  for (const Placement& placement : placements) costs.push_back({placement, {}});
  const auto total = static_cast<double>(std::accumulate(plan_.lengths.begin(), plan_.lengths.end(), std::int64_t{0}));
  const auto weight_bytes = static_cast<double>(c10::elementSize(model_->options().precision));
  double done = 0;
  for (const Placement& placement : placements) sample(placement, plan_.lengths.front(), progress);  // warms up
  for (const std::int64_t length : plan_.lengths) {
    const CostTable computed = costTable(model_->config(), bank_->windows(), length);
    for (MeasuredCost& cost : costs) {
      cost.points.push_back(
          {.context_tokens = length,
           .computed_bytes = computed.cacheBytes(cost.placement),
           .prefill_flops = forwardFlops(model_->config(), cost.placement, bank_->windows(), length, 1)});
    }
    for (int repeat = 0; repeat < plan_.repeats; ++repeat) {
      progress.report("Measuring contexts of " + std::to_string(length) + " tokens", done / total);
      for (MeasuredCost& cost : costs) {
        const Sample found = sample(cost.placement, length, progress);
        CostPoint& point = cost.points.back();
        point.prefill_samples.push_back(found.prefill);
        point.decode_samples.push_back(found.decode);
        point.cache_bytes = found.cache_bytes;
        point.decode_bytes = weight_bytes * decodeParameters(model_->config(), cost.placement, bank_->windows()) +
                             static_cast<double>(found.cache_bytes);
      }
      done += static_cast<double>(length) / plan_.repeats;
    }
  }
  return costs;
}

}  // namespace interleave
