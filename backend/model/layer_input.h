// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <iterator>
#include <optional>
#include <utility>
#include <vector>

#include "backend/model/layer_lease.h"

namespace interleave {

/// How rows are cut into sequences. Empty offsets: each row of [B, T] is one sequence. Otherwise B = 1 and the row
/// holds sequences packed end to end, sequence s in [offsets[s], offsets[s+1]). Where mixers go on from states,
/// sequence s continues row first_row + s of them, and its first token has position positions[s] (all 0 where empty).
struct Packing {
  std::vector<std::int64_t> offsets;
  std::vector<std::int64_t> positions = {};
  std::int64_t first_row = 0;

  bool packed() const { return !offsets.empty(); }
  std::int64_t sequences() const { return packed() ? std::ssize(offsets) - 1 : 0; }
  std::int64_t length(std::int64_t s) const {
    return offsets[static_cast<std::size_t>(s) + 1] - offsets[static_cast<std::size_t>(s)];
  }
  bool tokenEach() const { return packed() && offsets.back() == sequences(); }  ///< A step of decoding.
};

/// What a layer's operator is given: the normalised stream, and the teacher's projections of it, computed once however
/// many operators ask (full attention and a window share them). Not thread-safe; lives for one layer of one forward.
class LayerInput {
 public:
  /// `x` [B, T, D].
  LayerInput(LayerLease layer, at::Tensor x, const Packing& packing)
      : layer_(std::move(layer)), x_(std::move(x)), packing_(packing) {}

  /// The teacher's q [B, T, H, d], k and v [B, T, Hkv, d]: bias and q/k norm applied. `rotated()` has RoPE on q and k.
  struct Projections {
    at::Tensor q, k, v;
  };
  const Projections& plain();
  const Projections& rotated();

  const Model& model() const { return layer_.model(); }
  int layer() const { return layer_.index(); }
  const LayerWeights& weights() const { return layer_.weights(); }
  const at::Tensor& x() const { return x_; }
  const Packing& packing() const { return packing_; }

 private:
  LayerLease layer_;
  at::Tensor x_;
  const Packing& packing_;
  std::optional<Projections> plain_, rotated_;
};

}  // namespace interleave
