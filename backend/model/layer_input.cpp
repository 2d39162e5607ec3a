// SPDX-License-Identifier: GPL-3.0-or-later
#include "backend/model/layer_input.h"

#include <ATen/ATen.h>

#include <algorithm>

#include "backend/model/model.h"
#include "kernels/pointwise.h"

namespace interleave {
namespace {

/// The table's rows for each token: every packed sequence has positions of its own.
Rotary rotaryOf(const LayerInput& input) {
  const Packing& packing = input.packing();
  const std::int64_t tokens = input.x().size(1);
  const auto first = [&](std::int64_t s) {
    return packing.positions.empty() ? 0 : packing.positions[static_cast<std::size_t>(s)];
  };
  if (!packing.packed()) return input.model().rotary(input.layer(), 0, tokens);
  if (packing.sequences() == 1) return input.model().rotary(input.layer(), first(0), tokens);
  std::vector<std::int64_t> positions;
  for (std::int64_t s = 0; s < packing.sequences(); ++s) {
    for (std::int64_t i = 0; i < packing.length(s); ++i) positions.push_back(first(s) + i);
  }
  const Rotary table = input.model().rotary(input.layer(), 0, std::ranges::max(positions) + 1);
  const at::Tensor rows = at::tensor(positions, at::kLong).to(table.cos.device());
  return {table.cos.index_select(0, rows), table.sin.index_select(0, rows)};
}

}  // namespace

const LayerInput::Projections& LayerInput::plain() {
  if (!plain_) {
    const LayerWeights& weights = this->weights();
    const ModelConfig& config = model().config();
    const auto project = [&](const at::Tensor& weight, const at::Tensor& bias, const at::Tensor& norm) {
      at::Tensor heads = model().linear(x_, weight, bias).unflatten(-1, {-1, config.head_dim});
      if (!norm.defined()) return heads;
      return kernels::rmsNorm(heads, norm, {config.norm_epsilon, config.sandwich_norms, heads.scalar_type()});
    };
    plain_ = {project(weights.q, weights.q_bias, weights.q_norm), project(weights.k, weights.k_bias, weights.k_norm),
              project(weights.v, weights.v_bias, {})};
  }
  return *plain_;
}

const LayerInput::Projections& LayerInput::rotated() {
  if (!rotated_) {
    const Projections& projections = plain();
    const Rotary rotary = rotaryOf(*this);
    rotated_ = {kernels::rotate(projections.q, rotary.cos, rotary.sin),
                kernels::rotate(projections.k, rotary.cos, rotary.sin), projections.v};
  }
  return *rotated_;
}

}  // namespace interleave
