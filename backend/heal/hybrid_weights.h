// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <ATen/core/Tensor.h>

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "backend/core/placement.h"
#include "backend/formats/model_config.h"
#include "backend/formats/model_shards.h"

namespace interleave {

/// The tensors of a hybrid in files, by our names: those of the model by their Hugging Face names, those of a Gated
/// DeltaNet by StoredBank::tensorName(). One of ours may lie in several parts there, rows after rows. Tensors are read
/// one at a time; safe to read from any thread.
class HybridWeights {
 public:
  /// Has no tensor until place() names one. `folder` is what messages name.
  HybridWeights(std::filesystem::path folder, ModelShards files);

  const ModelShards& files() const { return files_; }
  /// `name` is made of this tensor; more rows follow where it is named again. BadInput: there is no such tensor.
  void place(const std::string& name, const std::string& tensor);

  bool has(const std::string& name) const { return parts_.contains(name); }
  std::vector<std::string> names() const;
  std::vector<std::int64_t> shape(const std::string& name) const;
  std::vector<DType> types(const std::string& name) const;  ///< Of its parts.
  at::Tensor read(const std::string& name) const;           ///< In fp32. BadInput: a value that is not finite.
  const std::filesystem::path& folder() const { return folder_; }

 private:
  TensorView view(const std::string& tensor) const { return files_.holderOf(tensor)->view(tensor); }

  std::filesystem::path folder_;
  ModelShards files_;
  std::map<std::string, std::vector<std::string>> parts_;
};

/// A parameter of a Gated DeltaNet (gdnParameterShapes), and the tensors that an exported folder has for it, below
/// "model.layers.N.linear_attn.", as resources/hf/modeling_interleave.py has them.
struct GdnTensors {
  std::string label;
  std::vector<TensorShape> parts;
};
std::vector<GdnTensors> gdnTensorsInFolder(const ModelConfig& config, MixerKind kind);

}  // namespace interleave
