// SPDX-License-Identifier: GPL-3.0-or-later
#include "backend/model/layer_lease.h"

#include <ATen/ATen.h>

#include "backend/model/layer_input.h"
#include "backend/model/model.h"
#include "kernels/pointwise.h"

namespace interleave {

LayerInput LayerLease::input(const at::Tensor& stream, const Packing& packing) const {
  return {*this, model_->norm(stream, weights_->input_norm, model_->options().precision), packing};
}

LayerInput LayerLease::input(const at::Tensor& stream) const {
  static const Packing kUnpacked;
  return input(stream, kUnpacked);
}

at::Tensor LayerLease::finish(const at::Tensor& stream, const at::Tensor& mixed) const {
  const auto outNorm = [&](const at::Tensor& branch, const at::Tensor& weight) {
    return weight.defined() ? model_->norm(branch, weight, stream.scalar_type()) : branch;
  };
  const auto linear = [&](const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias) {
    return model_->linear(x, weight, bias);
  };
  const at::Tensor x = stream + outNorm(mixed, weights_->attention_out_norm);
  const at::Tensor normalised = model_->norm(x, weights_->mlp_norm, model_->options().precision);
  const bool silu = model_->config().activation == ModelConfig::Activation::Silu;
  const at::Tensor hidden = kernels::gatedProduct(linear(normalised, weights_->gate, weights_->gate_bias),
                                                  linear(normalised, weights_->up, weights_->up_bias),
                                                  silu ? kernels::Activation::Silu : kernels::Activation::GeluTanh);
  return x + outNorm(linear(hidden, weights_->down, weights_->down_bias), weights_->mlp_out_norm);
}

}  // namespace interleave
