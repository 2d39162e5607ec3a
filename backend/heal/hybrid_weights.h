// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <ATen/core/Tensor.h>

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "backend/core/placement.h"
#include "backend/formats/model_config.h"
#include "backend/formats/safetensors.h"

namespace interleave {

/// The tensors of a hybrid in files, by our names: those of the model by their Hugging Face names, those of a Gated
/// DeltaNet by StoredBank::tensorName(). One of ours may lie in several parts there, rows after rows. Tensors are read
/// one at a time; safe to read from any thread.
class HybridWeights {
 public:
  explicit HybridWeights(std::filesystem::path folder) : folder_(std::move(folder)) {}

  std::size_t add(SafetensorsFile file);  ///< The file's number.
  const SafetensorsFile& file(std::size_t number) const { return files_[number]; }
  /// `name` is made of these tensors of a file's; more rows follow where it is named again. BadInput: no such tensor.
  void place(const std::string& name, std::size_t file, const std::string& tensor);
  /// All tensors of a file under their own names.
  void placeAll(std::size_t file);

  bool has(const std::string& name) const { return parts_.contains(name); }
  std::vector<std::string> names() const;
  std::vector<std::int64_t> shape(const std::string& name) const;
  std::vector<DType> types(const std::string& name) const;  ///< Of its parts.
  at::Tensor read(const std::string& name) const;           ///< In fp32. BadInput: a value that is not finite.
  const std::filesystem::path& folder() const { return folder_; }

 private:
  struct Part {
    std::size_t file;
    std::string tensor;
  };
  std::filesystem::path folder_;
  std::vector<SafetensorsFile> files_;
  std::map<std::string, std::vector<Part>> parts_;
};

/// A parameter of a Gated DeltaNet (gdnParameterShapes), and the tensors that an exported folder has for it, below
/// "model.layers.N.linear_attn.", as resources/hf/modeling_interleave.py has them.
struct GdnTensors {
  std::string label;
  std::vector<TensorShape> parts;
};
std::vector<GdnTensors> gdnTensorsInFolder(const ModelConfig& config, MixerKind kind);

}  // namespace interleave
