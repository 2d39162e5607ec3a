// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "backend/core/progress.h"
#include "backend/formats/model_files.h"
#include "backend/model/layer_input.h"
#include "backend/model/rotary.h"
#include "backend/model/weights.h"

namespace interleave {

/// Where and in which precision a model computes. In bf16 the matrices, the products and what lies between them are
/// bf16; the residual stream, the norms and the softmax stay fp32, and the logits are widened. (fp64 is for tests of
/// gradients.)
struct ModelOptions {
  std::string device = "cpu";  ///< "cpu" or "cuda"; see resolveDevice().
  at::ScalarType precision = at::kFloat;
};

/// One sequence of token ids as the models take it: [1, T] int64 on the device.
at::Tensor tokenBatch(std::span<const std::int32_t> ids, at::Device device);

/// Rows whose logits are held at once: bounds memory at large vocabularies.
inline constexpr std::int64_t kHeadRows = 128;

/// The frozen teacher: everything of a Llama-style decoder but the operator that stands in its layers. No weight
/// requires a gradient; activations carry one when their input does. Immutable, so safe to use from several threads.
/// A copy shares the weights, and its owner may put others in their place.
class Model {
 public:
  /// `files` stays open for as long as weights view its map.
  static std::shared_ptr<const Model> load(std::shared_ptr<const ModelFiles> files, const ModelOptions& options,
                                           Progress& progress);

  const ModelConfig& config() const { return config_; }
  const ModelOptions& options() const { return options_; }
  at::Device device() const { return weights_.embedding.device(); }
  const std::string& deviceNote() const { return device_note_; }  ///< Why not the device asked for; empty: it is.
  const std::string& fingerprint() const { return fingerprint_; }
  LayerLease lease(int layer) const;            ///< For one layer alone; LayerWalk goes through them.
  ModelWeights& weights() { return weights_; }  ///< Of a copy, before anyone else sees it, or between its uses.
  std::int64_t parameterBytes() const { return weights_.bytes; }

  /// [B, T] int64 → the stream [B, T, D], fp32. Usage error when an id is outside the vocabulary.
  at::Tensor embed(const at::Tensor& ids) const;
  at::Tensor finalNorm(const at::Tensor& stream) const;  ///< In `precision`.
  at::Tensor head(const at::Tensor& normalised) const;   ///< [..., D] → [..., V] logits, fp32.

  /// For the layer's base, positions first … first+count-1.
  Rotary rotary(int layer, std::int64_t first, std::int64_t count) const;

  /// y = x Wᵀ + b in the model's precision; `x` is cast to it.
  at::Tensor linear(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias = {}) const;
  /// RMS norm over the last dimension, as a tensor of `result`; Gemma's scales by 1 + weight.
  at::Tensor norm(const at::Tensor& x, const at::Tensor& weight, at::ScalarType result) const;

 private:
  Model(const ModelFiles& files, const ModelOptions& options, at::Device device, ModelWeights weights);

  ModelConfig config_;
  ModelOptions options_;
  std::string fingerprint_, device_note_;
  ModelWeights weights_;
  std::shared_ptr<const RotaryTable> rotary_, local_rotary_;
};

}  // namespace interleave
