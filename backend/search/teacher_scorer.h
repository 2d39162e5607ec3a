// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <functional>
#include <memory>

#include "backend/search/layer_scoring.h"
#include "backend/search/objective.h"

namespace interleave {

/// Scores layers by what one pass of the teacher shows: `look` sees each layer's input and the teacher's attention
/// output [1, T, D] there, and gives the layer's score.
struct TeacherLook {
  const CandidateBank& bank;
  const SearchBatch& batch;
  bool prompt;  ///< The batch is a retrieval prompt: positions are those that predict its answer.
  int layer;
  LayerInput& input;
  const at::Tensor& attention;
};
std::unique_ptr<LayerScorer> teacherScorer(const MethodInput& input, const Settings& settings,
                                           std::function<double(const TeacherLook& seen)> look);

/// The teacher's attention probabilities [H, n, T] of the queries at `rows` (ascending), causal and within a native
/// window.
at::Tensor attentionOf(LayerInput& input, const std::vector<std::int64_t>& rows);

}  // namespace interleave
