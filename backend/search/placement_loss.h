// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

#include "backend/core/progress.h"
#include "backend/search/objective.h"

namespace interleave {

/// The discrete losses of placements on fixed batches. Layers below the first in which a placement differs from the one
/// before it see what they saw then, so it starts from the stream kept there: equal values, less work the more
/// neighbours in time have in common. With `prompt_only` what stands in place of full attention does so on prompts
/// alone, not on their answers; see forwardOnPrompt(). Not thread-safe.
class PlacementLoss {
 public:
  /// `most_bytes`: of streams kept; where all would take more, those before every second, third, … layer are kept.
  /// Usage error: `prompt_only` with a loss of layers.
  PlacementLoss(const Objective& objective, std::vector<SearchBatch> batches, bool prompt_only = false,
                std::int64_t most_bytes = 1LL << 30);

  /// One for each batch. `progress` is asked between layers. Failed, naming the layer, where a value is not finite.
  std::vector<double> losses(const Placement& placement, Progress& progress);

  const std::vector<SearchBatch>& batches() const { return batches_; }
  std::int64_t tokens() const { return tokens_; }  ///< Of the batches together.

 private:
  /// Of different batches at the same time.
  double loss(std::size_t batch, const Placement& placement, const Progress& progress);

  const Objective& objective_;
  std::vector<SearchBatch> batches_;
  bool prompt_only_;
  std::vector<TeacherTarget> targets_;
  std::int64_t tokens_ = 0, longest_ = 0;
  int stride_ = 1;  ///< Streams are kept before layers 0, stride, 2·stride, …
  struct Kept {
    Placement placement;              ///< Whose streams these are; empty: none.
    std::vector<at::Tensor> streams;  ///< [1, T, D] each.
  };
  std::vector<Kept> kept_;  ///< [batches].
};

}  // namespace interleave
