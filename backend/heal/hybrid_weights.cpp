// SPDX-License-Identifier: GPL-3.0-or-later
#include "backend/heal/hybrid_weights.h"

#include <ATen/ATen.h>

#include <utility>

#include "backend/candidates/tensor_file.h"

namespace interleave {

std::size_t HybridWeights::add(SafetensorsFile file) {
  files_.push_back(std::move(file));
  return files_.size() - 1;
}

void HybridWeights::place(const std::string& name, std::size_t file, const std::string& tensor) {
  files_[file].view(tensor);
  parts_[name].push_back({file, tensor});
}

void HybridWeights::placeAll(std::size_t file) {
  for (const std::string& tensor : files_[file].names()) place(tensor, file, tensor);
}

std::vector<std::string> HybridWeights::names() const {
  std::vector<std::string> all;
  for (const auto& [name, parts] : parts_) all.push_back(name);
  return all;
}

std::vector<std::int64_t> HybridWeights::shape(const std::string& name) const {
  std::vector<std::int64_t> whole;
  for (const Part& part : parts_.at(name)) {
    const std::vector<std::int64_t> shape = files_[part.file].view(part.tensor).shape;
    if (whole.empty()) {
      whole = shape;
    } else if (!shape.empty()) {
      whole[0] += shape[0];
    }
  }
  return whole;
}

std::vector<DType> HybridWeights::types(const std::string& name) const {
  std::vector<DType> types;
  for (const Part& part : parts_.at(name)) types.push_back(files_[part.file].view(part.tensor).dtype);
  return types;
}

at::Tensor HybridWeights::read(const std::string& name) const {
  const std::vector<Part>& parts = parts_.at(name);
  if (parts.size() == 1) return readTensor(files_[parts[0].file], parts[0].tensor);
  std::vector<at::Tensor> rows;
  for (const Part& part : parts) rows.push_back(readTensor(files_[part.file], part.tensor));
  return at::cat(rows);
}

std::vector<GdnTensors> gdnTensorsInFolder(const ModelConfig& config, MixerKind kind) {
  const std::int64_t heads = config.heads, width = heads * config.head_dim, hidden = config.hidden;
  const bool window = kind == MixerKind::GdnWindow;
  std::vector<TensorShape> projections;
  for (const char* name : {"q_proj", "k_proj", "v_proj", "g_proj"}) {
    projections.push_back({std::string(name) + ".weight", {width, hidden}});
  }
  for (const char* name : {"a_proj", "b_proj"}) projections.push_back({std::string(name) + ".weight", {heads, hidden}});
  if (window) projections.push_back({"c_proj.weight", {heads, hidden}});
  std::vector<GdnTensors> tensors{{"projections", std::move(projections)}};
  if (config.attention_bias) {
    tensors.push_back({"qkv_bias", {{"q_proj.bias", {width}}, {"k_proj.bias", {width}}, {"v_proj.bias", {width}}}});
  }
  tensors.push_back({"dt_bias", {{"dt_bias", {heads}}}});
  tensors.push_back({"write_bias", {{"b_bias", {heads}}}});
  tensors.push_back({"log_decay", {{"A_log", {heads}}}});
  tensors.push_back({"scale", {{"scale", {heads}}}});
  if (window) tensors.push_back({"window_bias", {{"c_bias", {heads}}}});
  tensors.push_back({"output", {{"o_proj.weight", {hidden, width}}}});
  return tensors;
}

}  // namespace interleave
