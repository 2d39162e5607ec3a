// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <ATen/core/Tensor.h>

#include <memory>
#include <utility>

#include "backend/model/weights.h"

namespace interleave {

class LayerInput;
class Model;
struct Packing;

/// One layer of a model that outlives this; its weights are in memory for as long as this lives. Cheap to copy. With
/// `a` the output of the operator that stands in attention's place:
///   x ← x + norm?(a);  x ← x + norm?(MLP(norm(x)))          (norm? only for Gemma)
class LayerLease {
 public:
  LayerLease(const Model& model, int index, std::shared_ptr<const LayerWeights> weights)
      : model_(&model), index_(index), weights_(std::move(weights)) {}

  const Model& model() const { return *model_; }
  int index() const { return index_; }
  const LayerWeights& weights() const { return *weights_; }

  /// What the operator is given of the stream [B, T, D]: its norm, in the model's precision. `packing` is not copied.
  LayerInput input(const at::Tensor& stream, const Packing& packing) const;
  LayerInput input(const at::Tensor& stream) const;  ///< Each row one sequence.
  /// Adds the operator's output [B, T, D], then the MLP.
  at::Tensor finish(const at::Tensor& stream, const at::Tensor& mixed) const;

 private:
  const Model* model_;
  int index_;
  std::shared_ptr<const LayerWeights> weights_;
};

}  // namespace interleave
