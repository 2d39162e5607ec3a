// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "backend/candidates/bank.h"

namespace interleave {

/// How far the student is from the teacher at the positions that count: a mean over them, but for HiddenMse.
enum class LossKind {
  Kl,         ///< KL(teacher ‖ student) of the next-token distributions, nats.
  Ce,         ///< Cross-entropy with the text's own next token, nats.
  HiddenMse,  ///< ‖h_student − h_teacher‖² / ‖h_teacher‖² of the normalised last hidden states, together.
};
LossKind lossKindNamed(const std::string& name);  ///< "kl", "ce", "hidden-mse".

/// One sequence and the positions whose predictions count.
struct SearchBatch {
  std::vector<std::int32_t> ids;
  std::vector<std::int64_t> positions;  ///< Each less than ids.size() − 1.
  LossKind loss = LossKind::Kl;
};

/// The teacher's side of a batch: what every student is measured against.
struct TeacherTarget {
  at::Tensor probabilities;  ///< [n, V] fp32, for Kl.
  at::Tensor labels;         ///< [n] int64, for Ce.
  at::Tensor hidden;         ///< [n, D] fp32, for HiddenMse.
};

/// The loss of mixtures and of placements on a frozen model with its bank. Only the mixing probabilities get a
/// gradient. Not thread-safe.
///
///   y_l = Σ_o p_lo · mixer_lo(x_l),  x_l in the student's own stream (DASH, arXiv 2605.20936; the form is
///   RECONSTRUCTED)
class Objective {
 public:
  /// `recompute`: keep only the stream between layers and run each layer again for its gradient.
  Objective(std::shared_ptr<const CandidateBank> bank, std::vector<MixerKind> operators, bool recompute);

  TeacherTarget target(const SearchBatch& batch) const;

  struct Soft {
    double loss = 0;
    std::vector<double> gradient;  ///< dL/dp, [L × O].
  };
  /// Failed, naming the layer, when a value is not finite.
  Soft soft(const SearchBatch& batch, const TeacherTarget& target, std::span<const double> probabilities) const;
  double hard(const SearchBatch& batch, const TeacherTarget& target, const Placement& placement) const;
  /// Of the stream [1, T, D] after the last layer.
  double loss(const SearchBatch& batch, const TeacherTarget& target, const at::Tensor& stream) const;

  const Model& model() const { return model_; }
  const CandidateBank& bank() const { return *bank_; }

 private:
  at::Tensor mixedLayer(int layer, const at::Tensor& stream, const at::Tensor& probabilities) const;
  at::Tensor lossAt(const SearchBatch& batch, const TeacherTarget& target, const at::Tensor& stream) const;
  at::Tensor selected(const SearchBatch& batch, const at::Tensor& stream) const;

  std::shared_ptr<const CandidateBank> bank_;
  const Model& model_;
  std::vector<MixerKind> operators_;
  bool recompute_;
};

/// Resident memory of this process now, bytes; 0 where the system does not tell.
double residentBytes();

}  // namespace interleave
