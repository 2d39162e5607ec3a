// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "backend/core/progress.h"
#include "backend/model/decoder.h"

namespace interleave {

/// The tokens that all of `prompts` begin with, where it pays to compute them by themselves; else none.
std::span<const std::int32_t> commonBeginning(std::span<const std::span<const std::int32_t>> prompts);

/// A decoder of one row that has seen `ids`, fed in pieces where they are many. Stopped when asked.
Decoder begun(const Student& student, std::span<const std::int32_t> ids, Progress& progress);

/// A decoder that has seen prompt i in row i, and the logits of their last tokens [n, V].
struct Prefilled {
  Decoder decoder;
  at::Tensor logits;
};
/// What all of the prompts begin with is computed once; of the rest short ones are packed, long ones fed in pieces.
/// Usage error: none, or one without tokens. Stopped when asked.
Prefilled prefill(const Student& student, std::span<const std::vector<std::int32_t>> prompts, Progress& progress);

/// Greedy continuation of each prompt, up to `most` tokens or a token of `end_ids`, which is left out. The prompts may
/// differ in length: they are prefilled packed, then decoded together, and leave the batch as they end. A continuation
/// is what its prompt gets alone, up to rounding. Errors as those of prefill().
std::vector<std::vector<std::int32_t>> generateBatch(const std::shared_ptr<const Model>& model, const MixerRow& mixers,
                                                     std::span<const std::vector<std::int32_t>> prompts,
                                                     std::int64_t most, std::span<const std::int32_t> end_ids,
                                                     Progress& progress);

/// The same of one prompt.
std::vector<std::int32_t> generateGreedy(const std::shared_ptr<const Model>& model, const MixerRow& mixers,
                                         std::span<const std::int32_t> prompt, std::int64_t most,
                                         std::span<const std::int32_t> end_ids);

}  // namespace interleave
