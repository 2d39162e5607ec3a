// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <string>

#include "backend/formats/gguf.h"
#include "backend/formats/model_config.h"

namespace interleave {

/// The configuration a GGUF file describes, its keys meaning what they mean to llama.cpp. BadInput names an
/// architecture or option that is not supported, and tensors the architecture has no place for.
ModelConfig configFromGguf(const GgufFile& file);

/// What GGUF calls the tensor with this Hugging Face name in a model of this configuration.
std::string ggufName(const std::string& name, const ModelConfig& config);

/// Rows of q and k are stored as rotary pairs (2i, 2i+1) of each head, where Hugging Face has halves (i, i + d/2).
bool hasPairedRows(const std::string& name, const ModelConfig& config);

/// Norm weights are stored as 1 + w.
bool hasShiftedNorm(const std::string& name, const ModelConfig& config);

}  // namespace interleave
