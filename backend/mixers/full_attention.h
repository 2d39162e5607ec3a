// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "backend/mixers/cost.h"
#include "backend/mixers/mixer.h"

namespace interleave {

/// Softmax attention with the teacher's weights over the last `window` tokens and the first `sinks`:
/// full attention when the window is unbounded, sliding window with sinks (SWAA's mask) otherwise. A layer that is a
/// native sliding-window one in the teacher keeps its own window whatever stands in it.
/// Mask: key j is visible to query i when j ≤ i and (i − j < window or j < sinks).
class SoftmaxAttention final : public Mixer {
 public:
  static std::unique_ptr<SoftmaxAttention> full(std::shared_ptr<const Model> model, int layer);
  static std::unique_ptr<SoftmaxAttention> slidingWindow(std::shared_ptr<const Model> model, int layer, Window window);

  MixerKind kind() const override { return kind_; }
  at::Tensor forward(LayerInput& input) const override;
  std::unique_ptr<MixerState> start(std::int64_t batch) const override;
  at::Tensor forward(LayerInput& input, MixerState& state) const override;
  MixerCost cost(std::int64_t context_tokens) const override;  ///< mixerCost() of mixers/cost.h.

  /// The attention's context [B, T, H, d] before o_proj: what a branch is added to. The second form continues from a
  /// state made by start().
  at::Tensor context(LayerInput& input) const;
  at::Tensor context(LayerInput& input, MixerState& state) const;

 private:
  SoftmaxAttention(std::shared_ptr<const Model> model, int layer, MixerKind kind, Window window);
  std::shared_ptr<const Model> model_;
  int layer_;
  MixerKind kind_;
  Window window_;
};

}  // namespace interleave
