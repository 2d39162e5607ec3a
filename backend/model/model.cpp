// SPDX-License-Identifier: GPL-3.0-or-later
#include "backend/model/model.h"

#include <ATen/ATen.h>

#include <cmath>
#include <utility>

#include "backend/core/error.h"
#include "backend/model/device.h"
#include "kernels/linear.h"
#include "kernels/pointwise.h"

namespace interleave {

std::shared_ptr<const Model> Model::load(std::shared_ptr<const ModelFiles> files, const ModelOptions& options,
                                         Progress& progress) {
  std::string note;
  const at::Device device = resolveDevice(options.device, note);
  ModelWeights weights = loadWeights(files, options.precision, device, progress);
  std::shared_ptr<Model> model(new Model(*files, options, device, std::move(weights)));
  model->device_note_ = std::move(note);
  return model;
}

Model::Model(const ModelFiles& files, const ModelOptions& options, at::Device device, ModelWeights weights)
    : config_(files.config()),
      options_(options),
      fingerprint_(files.fingerprint()),
      weights_(std::move(weights)),
      rotary_(std::make_shared<RotaryTable>(config_, false, device)),
      local_rotary_(std::make_shared<RotaryTable>(config_, true, device)) {
  options_.device = device.is_cuda() ? "cuda" : "cpu";
}

at::Tensor tokenBatch(std::span<const std::int32_t> ids, at::Device device) {
  return at::tensor(at::ArrayRef<std::int32_t>(ids.data(), ids.size()), at::kLong).unsqueeze(0).to(device);
}

at::Tensor Model::embed(const at::Tensor& ids) const {
  if (ids.numel() == 0) throw usageError("ids", "there are no tokens");
  const auto [least, most] = at::aminmax(ids);
  if (least.item<std::int64_t>() < 0 || most.item<std::int64_t>() >= config_.vocabulary) {
    const at::Tensor& bad = least.item<std::int64_t>() < 0 ? least : most;
    throw usageError("ids", "token " + std::to_string(bad.item<std::int64_t>()) + " is outside the vocabulary of " +
                                std::to_string(config_.vocabulary));
  }
  const at::ScalarType stream_type = options_.precision == at::kDouble ? at::kDouble : at::kFloat;
  at::Tensor rows = at::embedding(weights_.embedding, ids.to(device())).to(stream_type);
  if (!config_.sandwich_norms) return rows;
  // Gemma's √D, rounded to the weights' type as it was in training.
  const at::Tensor scale = at::scalar_tensor(std::sqrt(static_cast<double>(config_.hidden)), rows.options())
                               .to(options_.precision == at::kBFloat16 ? at::kBFloat16 : at::kFloat);
  return rows * scale.to(stream_type);
}

at::Tensor Model::norm(const at::Tensor& x, const at::Tensor& weight, at::ScalarType result) const {
  return kernels::rmsNorm(x, weight, {config_.norm_epsilon, config_.sandwich_norms, result});
}

LayerLease Model::lease(int layer) const {
  // The model outlives its leases, and keeps all weights in memory.
  return {*this, layer, {std::shared_ptr<const LayerWeights>(), &weights_.layers[static_cast<std::size_t>(layer)]}};
}

at::Tensor Model::finalNorm(const at::Tensor& stream) const {
  return norm(stream, weights_.final_norm, options_.precision);
}

at::Tensor Model::head(const at::Tensor& normalised) const {
  const at::Tensor logits = linear(normalised, weights_.head);
  return logits.scalar_type() == at::kBFloat16 ? logits.to(at::kFloat) : logits;
}

Rotary Model::rotary(int index, std::int64_t first, std::int64_t count) const {
  const bool local = config_.family == ModelConfig::Family::Gemma3 && config_.isSliding(index);
  return (local ? local_rotary_ : rotary_)->slice(first, count);
}

at::Tensor Model::linear(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias) const {
  return kernels::linear(x.to(options_.precision), weight, bias);
}

}  // namespace interleave
