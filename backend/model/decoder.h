// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "backend/mixers/mixer.h"
#include "backend/model/model.h"

namespace interleave {

/// Runs a model with an operator in each layer.

/// A model and what stands in its layers: the teacher itself, or a hybrid of it, whose weights may have been healed.
/// The mixers are not owned.
struct Student {
  std::shared_ptr<const Model> model;
  MixerRow mixers;
  bool operator==(const Student&) const = default;
};

/// The stream after the last layer, before the final norm: ids [B, T] → [B, T, D]. Checks values after the last layer;
/// where they are not finite it names the first layer at which they are not (Failed).
at::Tensor runLayers(const Model& model, const MixerRow& mixers, const at::Tensor& ids, const Packing& packing = {});

/// Logits [B, T, V] in fp32.
at::Tensor logits(const Model& model, const MixerRow& mixers, const at::Tensor& ids, const Packing& packing = {});

/// Decoding with a state in each layer. Not thread-safe.
class Decoder {
 public:
  Decoder(std::shared_ptr<const Model> model, MixerRow mixers, std::int64_t batch);
  /// Feeds ids [B, T] and returns the logits of the last token [B, V]; `all` gives every position [B, T, V].
  at::Tensor feed(const at::Tensor& ids, bool all = false);
  std::int64_t position() const { return position_; }
  std::int64_t cacheBytes() const;

 private:
  std::shared_ptr<const Model> model_;
  MixerRow mixers_;
  std::vector<std::unique_ptr<MixerState>> states_;
  std::int64_t position_ = 0;
};

/// Greedy continuation of one prompt, up to `most` tokens or a token of `end_ids`.
std::vector<std::int32_t> generateGreedy(const std::shared_ptr<const Model>& model, const MixerRow& mixers,
                                         std::span<const std::int32_t> prompt, std::int64_t most,
                                         std::span<const std::int32_t> end_ids);

}  // namespace interleave
