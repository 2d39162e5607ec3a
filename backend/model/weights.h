// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "backend/core/progress.h"
#include "backend/formats/model_files.h"

namespace interleave {

/// A layer's frozen weights, in the model's precision (norms in fp32). Undefined where the family has none.
struct LayerWeights {
  at::Tensor input_norm, q, k, v, o, q_bias, k_bias, v_bias, o_bias, q_norm, k_norm;
  at::Tensor mlp_norm;                          ///< Before the MLP.
  at::Tensor attention_out_norm, mlp_out_norm;  ///< Gemma: after attention and after the MLP, before the residual.
  at::Tensor gate, up, down, gate_bias, up_bias, down_bias;
};

/// All weights of a model. `head` shares the embedding's memory when they are tied.
struct ModelWeights {
  at::Tensor embedding, final_norm, head;
  std::vector<LayerWeights> layers;
  std::int64_t bytes = 0;  ///< Of all of them, shared memory counted once.
};

/// One weight by the name that Hugging Face folders give it, and where it goes.
struct WeightSlot {
  std::string name;
  at::Tensor* into;
  bool norm;  ///< Kept in fp32.
  int layer;  ///< -1: of no layer.
};

/// A slot for each weight that a model of this configuration has; a tied head is the embedding's. Makes the layers.
std::vector<WeightSlot> weightSlots(const ModelConfig& config, ModelWeights& weights);

/// Loads every weight onto `device`. On the CPU a matrix that the file holds in `precision` is not copied: it is a view
/// of the map, and keeps `files` alive; the rest is dequantised in parallel. BadInput, naming tensor and index, when a
/// value is not finite; Stopped within a second of being asked.
ModelWeights loadWeights(const std::shared_ptr<const ModelFiles>& files, at::ScalarType precision, at::Device device,
                         Progress& progress);

}  // namespace interleave
