// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "backend/core/progress.h"
#include "backend/model/decoder.h"

namespace interleave {

/// Feeds prompt i, all of it, to row i of a decoder that has seen nothing, short ones packed and long ones in pieces;
/// the logits of their last tokens [n, V]. Usage error: a prompt without tokens. Stopped when asked.
at::Tensor prefill(Decoder& decoder, std::span<const std::vector<std::int32_t>> prompts, Progress& progress);

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
