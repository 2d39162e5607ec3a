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

/// How far the student is from the teacher at the positions that count: a mean over them, but for HiddenMse and
/// LayerRelative. Those of layers compare what each layer's operator puts out with what the teacher's attention does
/// there in the teacher's own pass, a mean over layers (FlashMorph, arXiv 2606.30562; how ‖·‖² is scaled is not told).
enum class LossKind {
  Kl,         ///< KL(teacher ‖ student) of the next-token distributions, nats.
  Ce,         ///< Cross-entropy with the text's own next token, nats.
  HiddenMse,  ///< ‖h_student − h_teacher‖² / ‖h_teacher‖² of the normalised last hidden states, together.
  LayerSum,   ///< ‖H_mix − H_full‖² a position.
  LayerMean,  ///< The same divided by the width.
  LayerRelative,  ///< The same, of all positions together, divided by ‖H_full‖².
};
LossKind lossKindNamed(const std::string& name);
bool isOfLayers(LossKind kind);
/// The least ‖·‖² that a relative error is taken of: a layer that puts out nothing errs by nothing where its operator
/// puts out nothing.
inline constexpr double kSilent = 1e-30;
std::vector<std::string> lossKindNames();  ///< "kl", "ce", "hidden-mse", "layer-sum", "layer-mean", "layer-relative".

/// One sequence and the positions whose predictions count.
struct SearchBatch {
  std::vector<std::int32_t> ids;
  std::vector<std::int64_t> positions;  ///< Each less than ids.size() − 1.
  std::int64_t answer = -1;             ///< Where a prompt's answer begins; -1: it is text.
  LossKind loss = LossKind::Kl;
};

/// The teacher's side of a batch: what every student is measured against.
struct TeacherTarget {
  at::Tensor probabilities;         ///< [n, V] fp32, for Kl.
  at::Tensor labels;                ///< [n] int64, for Ce.
  at::Tensor hidden;                ///< [n, D] fp32, for HiddenMse.
  std::vector<at::Tensor> outputs;  ///< [n, D] fp32 of each layer's attention, for the losses of layers.
  std::vector<at::Tensor> streams;  ///< [1, T, D] before each layer, where a student is forced onto them.
};

/// The loss of mixtures and of placements on a frozen model with its bank. Only the mixing probabilities get a
/// gradient. hard() and loss() may be called from several threads at once.
///
///   y_l = Σ_o p_lo · mixer_lo(x_l),  x_l in the student's own stream (DASH, arXiv 2605.20936; the form is
///   RECONSTRUCTED)
class Objective {
 public:
  /// `recompute`: keep only the stream between layers and run each layer again for its gradient. `teacher_forced`: each
  /// layer sees the teacher's own stream instead, so that layers do not interact; for losses of layers alone.
  Objective(std::shared_ptr<const CandidateBank> bank, std::vector<MixerKind> operators, bool recompute,
            bool teacher_forced = false);

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
  /// The stream after a layer, and what its operator put out.
  struct Passed {
    at::Tensor stream, output;
  };
  template <class Mix>
  Passed pass(const LayerLease& layer, const at::Tensor& stream, const Mix& mix) const;
  Passed passMixed(const LayerLease& layer, const at::Tensor& stream, const at::Tensor& probabilities) const;
  at::Tensor lossAt(const SearchBatch& batch, const TeacherTarget& target, const at::Tensor& stream) const;
  at::Tensor lossOfLayer(const SearchBatch& batch, const TeacherTarget& target, int layer,
                         const at::Tensor& output) const;
  at::Tensor rowsAt(const SearchBatch& batch, const at::Tensor& values) const;  ///< [n, D] of [1, T, D].
  at::Tensor embedded(const SearchBatch& batch) const;

  std::shared_ptr<const CandidateBank> bank_;
  const Model& model_;
  std::vector<MixerKind> operators_;
  bool recompute_, teacher_forced_;
};

/// What an operator gives in a layer, [1, T, D], on the prompt alone: from the token `answer` on full attention stands
/// in its place, as where it serves for prefilling and answers are decoded with full attention (NLL-guided selection,
/// arXiv 2606.27791). -1: there is no answer, and it gives what it gives.
at::Tensor forwardOnPrompt(const CandidateBank& bank, int layer, MixerKind kind, LayerInput& input,
                           std::int64_t answer);

/// Resident memory of this process now, bytes; 0 where the system does not tell.
double residentBytes();

}  // namespace interleave
