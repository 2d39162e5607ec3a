// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <ATen/core/Tensor.h>

#include <filesystem>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "backend/formats/safetensors.h"

namespace interleave {

using NamedTensors = std::vector<std::pair<std::string, at::Tensor>>;

/// Tensors to a safetensors file, in fp32 or bf16 as they are; other types and devices are converted to fp32 first.
void writeTensors(const std::filesystem::path& path, const NamedTensors& tensors,
                  const std::map<std::string, std::string>& metadata = {});

/// A tensor of a file as an fp32 copy. BadInput, naming the tensor, when a value is not finite.
at::Tensor readTensor(const SafetensorsFile& file, const std::string& name);

}  // namespace interleave
