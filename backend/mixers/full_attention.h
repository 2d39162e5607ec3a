// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "backend/mixers/cost.h"
#include "backend/mixers/mixer.h"
#include "kernels/attention.h"

namespace interleave {

/// Softmax attention with the teacher's weights: over all tokens so far, or over the last `window` and the first
/// `sinks` (SWAA's mask: key j is visible to query i when j ≤ i and (i − j < window or j < sinks)). A layer that slides
/// natively in the teacher keeps its own window wherever that is the narrower.
class SoftmaxAttention final : public Mixer {
 public:
  static std::unique_ptr<SoftmaxAttention> full(std::shared_ptr<const Model> model, int layer);
  static std::unique_ptr<SoftmaxAttention> slidingWindow(std::shared_ptr<const Model> model, int layer,
                                                         std::int64_t window, std::int64_t sinks);

  at::Tensor context(LayerInput& input) const override;
  std::unique_ptr<MixerState> start(std::int64_t batch) const override;
  at::Tensor context(LayerInput& input, MixerState& state) const override;
  MixerCost cost(std::int64_t context_tokens) const override;

 private:
  SoftmaxAttention(std::shared_ptr<const Model> model, int layer, MixerKind kind, Window window);
  /// q [B, T, H, d], keys and values [B, T', Hkv, d] → [B, T, H, d].
  at::Tensor attend(const at::Tensor& q, const at::Tensor& keys, const at::Tensor& values,
                    const std::vector<std::int64_t>& offsets = {}) const;

  std::shared_ptr<const Model> model_;
  int layer_;
  MixerKind kind_;
  Window window_;       // as asked for
  kernels::Band band_;  // with a native window's bound
};

}  // namespace interleave
