// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "backend/candidates/bank.h"
#include "backend/candidates/tensor_file.h"
#include "backend/search/objective.h"

namespace interleave {

/// What of a hybrid healing trains.
struct TraineeOptions {
  bool all = false;   ///< Every weight; otherwise those of the layers' operators.
  bool lora = false;  ///< Pairs beside matrices of layers, and the vectors of trained operators; otherwise copies.
  std::int64_t rank = 16;
  double alpha = 32;
  double temperature = 1;  ///< T: the loss is T² · KL(softmax(z/T) ‖ softmax(ẑ/T)) (Hinton, arXiv 1503.02531).
  bool recompute = false;  ///< Keep only the stream between layers and run each layer again for its gradient.
  std::uint64_t seed = 0;  ///< Of the pairs.
};

/// A hybrid whose weights move towards the teacher's predictions. The teacher's own stay as they are and are shared;
/// what moves is kept in fp32 (fp64 for a teacher in fp64), beside its gradient and AdamW's moments:
///
///   full   W itself, a copy
///   LoRA   W + (α/r) · B A with A [r, n] drawn uniformly within ±1/√n and B [m, r] zero at first (arXiv 2106.09685),
///   so
///          that the first loss is the hybrid's own
///
/// A layer's weights are made when it runs, so of LoRA's sums no more than one layer's are held with `recompute`. Not
/// thread-safe.
class Trainee {
 public:
  Trainee(std::shared_ptr<const Model> teacher, const CandidateBank& bank, const Placement& placement,
          const TraineeOptions& options);

  /// Mean over the batch's positions; adds `share` times its gradient. Failed, naming the layer, when a value is not
  /// finite; nothing has moved then.
  double accumulate(const SearchBatch& batch, double share);
  double loss(const SearchBatch& batch);  ///< The same without a gradient.

  struct Descent {
    double rate, beta1, beta2, weight_decay;
    double clip = 0;  ///< The most that the gradient's norm may be; 0: any.
  };
  /// One step of AdamW (arXiv 1711.05101) on what was accumulated, which it clears; `step` is 1 for the first. Vectors
  /// do not decay. Returns the gradient's norm before clipping; Failed, naming the weight, where it is not finite.
  double descend(std::int64_t step, const Descent& how);

  /// What moves and its moments, by name, sharing storage: all that the next step depends on.
  NamedTensors state() const;
  /// The weights as they are now, LoRA's pairs added, by the names that StoredHybrid reads.
  NamedTensors weights() const;
  std::int64_t parameters() const;  ///< How many numbers move.

 private:
  /// A number array that moves.
  struct Moving {
    std::string name;
    at::Tensor value, gradient, first, second;
  };
  /// A weight of the hybrid and what of it moves: itself, or a pair A, B.
  struct Weight {
    std::string name;
    int layer;            // −1: of none
    at::Tensor* into;     // where the hybrid reads it
    at::ScalarType type;  // in which it computes with it
    at::Tensor base;      // what a pair is added to; undefined without one
    std::size_t first;    // in moving_
  };
  struct Pass {
    at::Tensor in, out;
    std::vector<at::Tensor> leaves;
  };

  void choose(const std::string& name, int layer, at::Tensor* into, const at::Tensor& from, at::ScalarType type);
  void add(const std::string& name, at::Tensor value);
  at::Tensor valueOf(const Weight& weight) const;
  std::vector<at::Tensor> enter(int layer, bool with_gradient);
  void leave(int layer);
  void take(const Weight& weight, const at::Tensor& gradient);
  void takeAll(int layer, const std::vector<at::Tensor>& gradients);
  Pass pass(int layer, const at::Tensor& stream, bool with_gradient);
  at::Tensor teacherHidden(const SearchBatch& batch) const;
  /// The loss, and with `slope` share times its slope in the stream [1, T, D], those of `outside` taken.
  double divergence(const SearchBatch& batch, const at::Tensor& stream, double share, at::Tensor* slope,
                    const std::vector<at::Tensor>& outside);

  TraineeOptions options_;
  std::shared_ptr<const Model> teacher_;
  std::vector<std::unique_ptr<Mixer>> mixers_;
  MixerRow teacher_row_;
  std::shared_ptr<Model> model_;
  std::vector<Weight> weights_;
  std::vector<Moving> moving_;
};

}  // namespace interleave
