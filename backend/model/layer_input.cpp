// SPDX-License-Identifier: GPL-3.0-or-later
#include "backend/model/layer_input.h"

#include <ATen/ATen.h>

#include "backend/model/model.h"
#include "kernels/pointwise.h"

namespace interleave {
namespace {

/// The table's rows for each token: positions restart in every packed sequence.
Rotary rotaryOf(const LayerInput& input) {
  const Packing& packing = input.packing();
  if (!packing.packed()) return input.model().rotary(input.layer(), input.firstPosition(), input.x().size(1));
  std::vector<at::Tensor> cos, sin;
  for (std::size_t sequence = 1; sequence < packing.offsets.size(); ++sequence) {
    const std::int64_t length = packing.offsets[sequence] - packing.offsets[sequence - 1];
    const Rotary part = input.model().rotary(input.layer(), 0, length);
    cos.push_back(part.cos);
    sin.push_back(part.sin);
  }
  return {at::cat(cos), at::cat(sin)};
}

}  // namespace

const LayerInput::Projections& LayerInput::plain() {
  if (!plain_) {
    const LayerWeights& weights = model_.layer(layer_);
    const ModelConfig& config = model_.config();
    const auto project = [&](const at::Tensor& weight, const at::Tensor& bias, const at::Tensor& norm) {
      at::Tensor heads = model_.linear(x_, weight, bias).unflatten(-1, {-1, config.head_dim});
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
