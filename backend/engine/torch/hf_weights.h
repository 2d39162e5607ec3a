// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "backend/engine/torch/hf_config.h"

namespace interleave {

/// The one type of a folder's tensors, and why it is not the one that they come in; empty: it is, or was asked for.
struct HfType {
  DType type = DType::F32;
  std::string reason;
};
/// `wanted` is one of hfTypeNames(); empty: the type that all tensors come in, else fp32, which holds all as they are.
/// Usage error: another word, or "source" where the model's own tensors are quantised or of several types.
HfType hfType(const Hybrid& hybrid, const HfConfig& config, const std::string& wanted);
std::vector<std::string> hfTypeNames();  ///< "source", "bf16", "fp16", "fp32".
std::string torchName(DType type);       ///< "bfloat16".

/// Writes model.safetensors, or shards of at most `shard_bytes` (one tensor more where it alone is larger) with their
/// index, into `folder`, and returns their names. All tensors get the one type; Usage error naming the tensor where a
/// value is too large for it. One tensor at a time is in memory. Tensors go by the teacher's names; those of a Gated
/// DeltaNet by "model.layers.N.linear_attn.…", as resources/hf/modeling_interleave.py has them.
std::vector<std::string> writeHfWeights(const Hybrid& hybrid, const HfConfig& config, DType type,
                                        const std::filesystem::path& folder, std::int64_t shard_bytes,
                                        Progress& progress);

}  // namespace interleave
