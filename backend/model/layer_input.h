// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <optional>
#include <vector>

namespace interleave {

class Model;

/// How rows are cut into sequences. Empty offsets: each row of [B, T] is one sequence. Otherwise B = 1 and the row
/// holds sequences packed end to end, sequence s in [offsets[s], offsets[s+1]); positions restart in each.
struct Packing {
  std::vector<std::int64_t> offsets;
  bool packed() const { return !offsets.empty(); }
};

/// What a layer's operator is given: the normalised stream, and the teacher's projections of it, computed once however
/// many operators ask (full attention and a window share them). Not thread-safe; lives for one layer of one forward.
class LayerInput {
 public:
  /// `x` [B, T, D]; `first_position` is the position of column 0 (tokens already in the cache).
  LayerInput(const Model& model, int layer, at::Tensor x, const Packing& packing, std::int64_t first_position = 0)
      : model_(model), layer_(layer), x_(std::move(x)), packing_(packing), first_position_(first_position) {}

  /// The teacher's q [B, T, H, d], k and v [B, T, Hkv, d]: bias and q/k norm applied. `rotated()` has RoPE on q and k.
  struct Projections {
    at::Tensor q, k, v;
  };
  const Projections& plain();
  const Projections& rotated();

  const Model& model() const { return model_; }
  int layer() const { return layer_; }
  const at::Tensor& x() const { return x_; }
  const Packing& packing() const { return packing_; }
  std::int64_t firstPosition() const { return first_position_; }

 private:
  const Model& model_;
  int layer_;
  at::Tensor x_;
  const Packing& packing_;
  std::int64_t first_position_;
  std::optional<Projections> plain_, rotated_;
};

}  // namespace interleave
