// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <memory>

#include "backend/search/layer_scoring.h"

namespace interleave {

/// Scores a layer by what exchanging its operator does to the model's loss.
struct Exchange {
  enum class Base {
    Other,  ///< Leave one in: loss with the other operator everywhere, less that with layer l's full attention back.
    Full,   ///< Leave one out: loss with only layer l exchanged, less that of the teacher.
  };
  Base base = Base::Other;
  /// The other operator on the prompt only: at the answer's tokens every layer sees all (full attention at decoding).
  bool prompt_only = false;
  /// The other operator is no attention at all: what goes into the residual is zero.
  bool bypass = false;
  /// A second measure, the same of prompts of so many tokens; 0: none.
  std::int64_t control_tokens = 0;
};
std::unique_ptr<LayerScorer> exchangeScorer(const MethodInput& input, const Settings& settings, MixerKind other,
                                            const Exchange& exchange);

}  // namespace interleave
