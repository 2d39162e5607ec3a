// SPDX-License-Identifier: GPL-3.0-or-later
#include "backend/model/weights.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <functional>
#include <numeric>
#include <string>

#include "backend/core/error.h"

namespace interleave {

std::vector<WeightSlot> weightSlots(const ModelConfig& config, ModelWeights& weights) {
  std::vector<WeightSlot> slots;
  int index = -1;
  const auto matrix = [&](const std::string& name, at::Tensor& into) { slots.push_back({name, &into, false, index}); };
  const auto norm = [&](const std::string& name, at::Tensor& into) { slots.push_back({name, &into, true, index}); };
  const auto linear = [&](const std::string& name, at::Tensor& weight, at::Tensor& bias, bool has_bias) {
    matrix(name + ".weight", weight);
    if (has_bias) matrix(name + ".bias", bias);
  };

  matrix("model.embed_tokens.weight", weights.embedding);
  norm("model.norm.weight", weights.final_norm);
  if (!config.tied_head) matrix("lm_head.weight", weights.head);
  weights.layers.resize(static_cast<std::size_t>(config.layers));
  for (LayerWeights& into : weights.layers) {
    const std::string layer = "model.layers." + std::to_string(++index) + ".", attention = layer + "self_attn.";
    norm(layer + "input_layernorm.weight", into.input_norm);
    linear(attention + "q_proj", into.q, into.q_bias, config.attention_bias);
    linear(attention + "k_proj", into.k, into.k_bias, config.attention_bias);
    linear(attention + "v_proj", into.v, into.v_bias, config.attention_bias);
    linear(attention + "o_proj", into.o, into.o_bias, config.output_bias);
    if (config.qk_norm) {
      norm(attention + "q_norm.weight", into.q_norm);
      norm(attention + "k_norm.weight", into.k_norm);
    }
    if (config.sandwich_norms) {
      norm(layer + "post_attention_layernorm.weight", into.attention_out_norm);
      norm(layer + "pre_feedforward_layernorm.weight", into.mlp_norm);
      norm(layer + "post_feedforward_layernorm.weight", into.mlp_out_norm);
    } else {
      norm(layer + "post_attention_layernorm.weight", into.mlp_norm);
    }
    linear(layer + "mlp.gate_proj", into.gate, into.gate_bias, config.mlp_bias);
    linear(layer + "mlp.up_proj", into.up, into.up_bias, config.mlp_bias);
    linear(layer + "mlp.down_proj", into.down, into.down_bias, config.mlp_bias);
  }
  return slots;
}

namespace {

at::ScalarType plainType(DType type) {
  switch (type) {
    case DType::F32:
      return at::kFloat;
    case DType::BF16:
      return at::kBFloat16;
    default:
      return at::ScalarType::Undefined;
  }
}

/// Whether all exponents of the mapped values are below the one of infinities and NaNs.
template <class Word>
bool allFinite(std::span<const std::byte> bytes, Word exponent) {
  const auto* words = reinterpret_cast<const Word*>(bytes.data());
  const std::size_t count = bytes.size() / sizeof(Word);
  Word largest = 0;
  for (std::size_t i = 0; i < count; ++i) largest = std::max<Word>(largest, words[i] & exponent);
  return largest != exponent;
}

class Loader {
 public:
  Loader(const std::shared_ptr<const ModelFiles>& files, at::ScalarType precision, at::Device device)
      : files_(files), precision_(precision), device_(device) {}

  void load(const WeightSlot& slot) const {
    const std::vector<std::int64_t> shape = files_->shape(slot.name);
    const at::ScalarType wide = precision_ == at::kDouble ? at::kDouble : at::kFloat;
    const at::ScalarType type = slot.norm ? wide : precision_;
    at::Tensor& into = *slot.into;
    if (const std::span<const std::byte> bytes = viewable(slot.name, type); !bytes.empty()) {
      into = at::from_blob(
          const_cast<std::byte*>(bytes.data()), shape, [files = files_](void*) {}, at::TensorOptions().dtype(type));
      return;
    }
    at::Tensor values = at::empty(shape, at::kFloat);
    files_->read(slot.name, {values.mutable_data_ptr<float>(), static_cast<std::size_t>(values.numel())});
    into = values.to(device_, type);
  }

 private:
  /// The file's own bytes, checked to be finite, when they can serve as the weights; empty otherwise.
  std::span<const std::byte> viewable(const std::string& name, at::ScalarType type) const {
    if (!device_.is_cpu() || plainType(files_->dtype(name)) != type) return {};
    const std::span<const std::byte> bytes = files_->mapped(name);
    const bool finite =
        type == at::kFloat ? allFinite<std::uint32_t>(bytes, 0x7f800000) : allFinite<std::uint16_t>(bytes, 0x7f80);
    return finite ? bytes : std::span<const std::byte>{};  // read() then names the value
  }

  const std::shared_ptr<const ModelFiles>& files_;
  at::ScalarType precision_;
  at::Device device_;
};

}  // namespace

ModelWeights loadWeights(const std::shared_ptr<const ModelFiles>& files, at::ScalarType precision, at::Device device,
                         Progress& progress) {
  ModelWeights weights;
  std::vector<WeightSlot> slots = weightSlots(files->config(), weights);
  // Largest first, so that the threads end together.
  const auto elements = [&](const WeightSlot& slot) {
    const std::vector<std::int64_t> shape = files->shape(slot.name);
    return std::accumulate(shape.begin(), shape.end(), std::int64_t{1}, std::multiplies{});
  };
  std::ranges::stable_sort(slots, std::greater{}, elements);

  const Loader loader(files, precision, device);
  std::atomic<std::size_t> next{0};
  std::atomic<std::int64_t> done{0};
  const double total = static_cast<double>(files->parameters());
  at::parallel_for(0, at::get_num_threads(), 1, [&](std::int64_t part, std::int64_t) {
    for (std::size_t i = next++; i < slots.size(); i = next++) {
      progress.throwIfStopped();
      loader.load(slots[i]);
      done += slots[i].into->numel();
      if (part == 0) progress.report("Loading weights", std::min(1.0, static_cast<double>(done) / total));
    }
  });
  progress.report("Loading weights", 1);
  for (const WeightSlot& slot : slots) weights.bytes += static_cast<std::int64_t>(slot.into->nbytes());
  if (files->config().tied_head) weights.head = weights.embedding;
  return weights;
}

}  // namespace interleave
