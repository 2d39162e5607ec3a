// SPDX-License-Identifier: GPL-3.0-or-later
#include "backend/heal/hybrid_weights.h"

#include <ATen/ATen.h>

#include <utility>

#include "backend/candidates/tensor_file.h"
#include "backend/core/error.h"
#include "backend/formats/checked.h"

namespace interleave {

HybridWeights::HybridWeights(std::filesystem::path folder, ModelShards files)
    : folder_(std::move(folder)), files_(std::move(files)) {}

void HybridWeights::place(const std::string& name, const std::string& tensor) {
  if (!files_.has(tensor)) throw badInput(files_.placeOf(tensor), "tensor " + inQuotes(tensor), "is missing");
  parts_[name].push_back(tensor);
}

std::vector<std::string> HybridWeights::names() const {
  std::vector<std::string> all;
  for (const auto& [name, parts] : parts_) all.push_back(name);
  return all;
}

std::vector<std::int64_t> HybridWeights::shape(const std::string& name) const {
  std::vector<std::int64_t> whole;
  for (const std::string& part : parts_.at(name)) {
    const std::vector<std::int64_t> shape = view(part).shape;
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
  for (const std::string& part : parts_.at(name)) types.push_back(view(part).dtype);
  return types;
}

at::Tensor HybridWeights::read(const std::string& name) const {
  std::vector<at::Tensor> rows;
  for (const std::string& part : parts_.at(name)) rows.push_back(readTensor(*files_.holderOf(part), part));
  return rows.size() == 1 ? rows.front() : at::cat(rows);
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
