// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "backend/engine/torch/hf_config.h"

namespace interleave {

/// Writes model.safetensors, or shards of at most `shard_bytes` (one tensor more where it alone is larger) with their
/// index, into `folder`, and returns their names. One tensor at a time is in memory. Tensors go by the teacher's names;
/// those of a Gated DeltaNet by "model.layers.N.linear_attn.…", as resources/hf/modeling_interleave.py has them.
std::vector<std::string> writeHfWeights(const Hybrid& hybrid, const HfConfig& config,
                                        const std::filesystem::path& folder, std::int64_t shard_bytes,
                                        Progress& progress);

}  // namespace interleave
