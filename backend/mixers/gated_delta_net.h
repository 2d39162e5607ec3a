// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "backend/mixers/cost.h"
#include "backend/mixers/full_attention.h"
#include "backend/mixers/mixer.h"

namespace interleave {

/// Trained tensors of one Gated DeltaNet candidate, fp32. H heads of size d, D the model's width.
struct GdnParameters {
  at::Tensor projections;  ///< [4·H·d + 2·H (+ H), D]: rows of q, k, v, output gate, decay (a), write gate (b) and,
                           ///< with a window, the window gate (c).
  at::Tensor qkv_bias;     ///< [3·H·d]; undefined when the teacher's projections have none.
  at::Tensor dt_bias;      ///< [H], added to a.
  at::Tensor write_bias;   ///< [H], added to b.
  at::Tensor log_decay;    ///< [H], A_log.
  at::Tensor scale;        ///< [H], of each head's read-out.
  at::Tensor window_bias;  ///< [H], added to c; undefined without a window.
  at::Tensor output;       ///< [D, H·d].

  /// By name, in a fixed order; undefined ones left out.
  std::vector<std::pair<std::string, at::Tensor>> named() const;
  /// All of them, in the same order.
  std::vector<std::pair<std::string, at::Tensor*>> slots();
};

/// Gated DeltaNet in the gdn_v4 conversion form (arXiv 2412.06464; methods of Taylor-Calibrate, arXiv 2606.16429):
///
///   q, k = SiLU(W x), L2-normalised; v = W_v x;  g = −e^{A_log} softplus(W_a x + dt_bias);  β = σ(W_b x + b)
///   o = gated delta rule(q, k, v, g, β);  y = W_o · (s_h · o · 2σ(W_g x) [+ 2σ(W_c x + c_h) · window])
///
/// without RoPE and convolution. W_q, W_k, W_v (KV heads repeated to H) and W_o start as the teacher's, W_g and W_c at
/// 0, so that the gates start at 1. With a window, exact softmax attention over the last W and first S tokens with the
/// teacher's frozen projections is added before W_o; its gate per head and token (ours) takes back what the window's
/// softmax, which sees nothing else, gives too much weight.
class GatedDeltaNet final : public Mixer {
 public:
  /// A candidate with copied weights, neutral gates and scale 1.
  static std::unique_ptr<GatedDeltaNet> copiedFromTeacher(const std::shared_ptr<const Model>& model, int layer,
                                                          MixerKind kind, Window window);
  /// A candidate with the given parameters (shapes checked: BadInput naming the tensor).
  static std::unique_ptr<GatedDeltaNet> withParameters(std::shared_ptr<const Model> model, int layer, MixerKind kind,
                                                       Window window, GdnParameters values, const std::string& file);

  at::Tensor context(LayerInput& input) const override;
  std::unique_ptr<MixerState> start(std::int64_t batch) const override;
  at::Tensor context(LayerInput& input, MixerState& state) const override;
  at::Tensor project(const LayerInput& input, const at::Tensor& context) const override;
  MixerCost cost(std::int64_t context_tokens) const override;
  std::vector<std::pair<std::string, at::Tensor>> parameters() const override { return values_.named(); }

  GdnParameters& values() { return values_; }
  const GdnParameters& values() const { return values_; }
  /// The window branch's context [B, T, H, d] before its gate; undefined without a window.
  at::Tensor windowContext(LayerInput& input) const;
  /// The recurrent branch's context [B, T, H, d], scale and output gate applied, before W_o.
  at::Tensor recurrentContext(LayerInput& input) const;

  /// While training, gradients flow to the parameters; otherwise it keeps copies in the model's precision.
  void setTrainable(bool trainable);

 private:
  GatedDeltaNet(std::shared_ptr<const Model> model, int layer, MixerKind kind, Window window);
  /// What `projections` makes of the input: [B, T, H, d], the last three [B, T, H].
  struct Projected {
    at::Tensor q, k, v, output_gate, decay, write, window_gate;
  };
  Projected projected(LayerInput& input) const;
  /// From `state`, which is moved on in place; undefined: from nothing.
  at::Tensor recurrent(const Projected& projected, const Packing& packing, at::Tensor state) const;
  /// Adds the window branch, through its gate.
  at::Tensor withWindow(const Projected& projected, const at::Tensor& context, const at::Tensor& window) const;

  std::shared_ptr<const Model> model_;
  int layer_;
  MixerKind kind_;
  Window window_spec_;
  std::unique_ptr<SoftmaxAttention> window_;
  GdnParameters values_;
  at::Tensor frozen_projections_, frozen_output_;  ///< In the model's precision; undefined while trainable.
};

/// Shapes that the parameters of a candidate of this kind have in a model of this configuration, by name.
std::vector<TensorShape> gdnParameterShapes(const ModelConfig& config, MixerKind kind);

}  // namespace interleave
