// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "backend/core/progress.h"
#include "backend/formats/model_files.h"
#include "backend/model/layer_input.h"

namespace interleave {

/// Where and in which precision a model computes. In bf16 the matrices and the products are bf16, the residual stream
/// and the norms stay fp32.
struct ModelOptions {
  std::string device = "cpu";  ///< "cpu" or "cuda".
  at::ScalarType precision = at::kFloat;
};

/// A layer's frozen weights, in the model's precision (norms in fp32). Undefined where the family has none.
struct LayerWeights {
  at::Tensor input_norm, q, k, v, o, q_bias, k_bias, v_bias, o_bias, q_norm, k_norm;
  at::Tensor mlp_norm;                          ///< Before the MLP.
  at::Tensor attention_out_norm, mlp_out_norm;  ///< Gemma: after attention and after the MLP, before the residual.
  at::Tensor gate, up, down, gate_bias, up_bias, down_bias;
};

/// The frozen teacher: everything of a Llama-style decoder but the operator that stands in its layers. No weight
/// requires a gradient; activations carry one when their input does. Immutable, so safe to use from several threads.
///
/// One layer, with `a` the operator's output:
///   x ← x + norm?(a);  x ← x + norm?(MLP(norm(x)))          (norm? only for Gemma)
class Model {
 public:
  static std::shared_ptr<const Model> load(const ModelFiles& files, const ModelOptions& options, Progress& progress);

  const ModelConfig& config() const { return config_; }
  const ModelOptions& options() const { return options_; }
  at::Device device() const;
  const std::string& fingerprint() const { return fingerprint_; }
  const LayerWeights& layer(int index) const { return layers_[static_cast<std::size_t>(index)]; }
  std::int64_t parameterBytes() const;

  at::Tensor embed(const at::Tensor& ids) const;                         ///< [B,T] int64 → [B,T,D] fp32 stream.
  at::Tensor attentionInput(int layer, const at::Tensor& stream) const;  ///< The layer's input norm.
  /// Adds the operator's output (through o's out-norm for Gemma), then the MLP.
  at::Tensor finishLayer(int layer, const at::Tensor& stream, const at::Tensor& mixed) const;
  at::Tensor finalNorm(const at::Tensor& stream) const;
  at::Tensor head(const at::Tensor& normalised) const;  ///< [..., D] → [..., V] logits.
  at::Tensor headWeight() const;                        ///< [V, D].

  /// cos and sin [T, d/2] fp32 for the layer's base, for positions first … first+count-1.
  struct Rotary {
    at::Tensor cos, sin;
  };
  Rotary rotary(int layer, std::int64_t first, std::int64_t count) const;

  /// y = x Wᵀ + b in the model's precision; `x` is cast to it.
  at::Tensor linear(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias = {}) const;

 private:
  Model() = default;
  ModelConfig config_;
  ModelOptions options_;
  std::string fingerprint_;
  at::Tensor embedding_, final_norm_, head_;
  std::vector<LayerWeights> layers_;
  at::Tensor inverse_frequencies_, local_inverse_frequencies_;
  double attention_factor_ = 1;  ///< YaRN's scale on cos and sin.
};

/// RMS norm over the last dimension, in fp32: x / sqrt(mean(x²) + ε) · (w, or 1 + w for Gemma).
at::Tensor rmsNorm(const at::Tensor& x, const at::Tensor& weight, double epsilon, bool plus_one);
/// Rotates the two halves of the last dimension (GPT-NeoX form): x [B, T, H, d], cos and sin [T, d/2].
at::Tensor applyRotary(const at::Tensor& x, const at::Tensor& cos, const at::Tensor& sin);

}  // namespace interleave
