// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

namespace interleave {

/// Rotary embedding scaling of one base. Linear: positions / factor. Llama3 and Yarn as `transformers` computes them.
struct RopeScaling {
  enum class Kind { None, Linear, Llama3, Yarn };
  Kind kind = Kind::None;
  double factor = 1;
  double low_freq_factor = 1, high_freq_factor = 4;            ///< Llama3.
  double original_context = 0;                                 ///< Llama3, Yarn.
  double beta_fast = 32, beta_slow = 1, attention_factor = 0;  ///< Yarn; 0: derived (0.1 ln factor + 1).
  double mscale = 0, mscale_all_dim = 0;                       ///< Yarn; 0: absent.
  bool truncate = true;                                        ///< Yarn: round the correction range to whole dims.
};

/// What a Llama-style decoder needs to be built, whichever file it was read from.
struct ModelConfig {
  enum class Family { Llama, Mistral, Qwen2, Qwen3, Gemma3 };
  enum class Activation { Silu, GeluTanh };

  Family family = Family::Llama;
  std::string
      name;  ///< What the files call the model, else (of ModelFiles) what they are called. No part of fingerprints.
  int layers = 0;
  int hidden = 0;  ///< D.
  int intermediate = 0;
  int heads = 0, kv_heads = 0, head_dim = 0;
  int vocabulary = 0;
  int context = 0;  ///< Longest context the files promise, in tokens.
  double norm_epsilon = 1e-5;
  Activation activation = Activation::Silu;
  bool tied_head = false;       ///< The LM head is the embedding.
  bool attention_bias = false;  ///< q, k and v projections add a bias (Qwen2; a Llama may too).
  bool output_bias = false;     ///< The output projection adds a bias.
  bool mlp_bias = false;
  bool qk_norm = false;         ///< RMS norm of each head's q and k (Qwen3, Gemma 3).
  bool sandwich_norms = false;  ///< Norms after attention and MLP too; norm weights are 1 + w; embeddings × √D (Gemma).
  double attention_scale = 0;  ///< Factor on q·k.
  double rope_theta = 10000;
  RopeScaling rope_scaling;
  double local_rope_theta = 10000;   ///< Of native sliding-window layers (Gemma 3); these take no scaling.
  int window = 0;                    ///< Tokens seen by a native sliding-window layer, itself included.
  std::vector<bool> native_sliding;  ///< Per layer; empty: none.
  std::vector<float> rope_factors;   ///< GGUF rope_freqs.weight: divides each inverse frequency; empty: none.

  bool isSliding(int layer) const { return !native_sliding.empty() && native_sliding[static_cast<std::size_t>(layer)]; }
};

std::string familyName(ModelConfig::Family family);  ///< "llama", "mistral", "qwen2", "qwen3", "gemma3".

/// Reads a Hugging Face config.json. BadInput names the family or option that is not supported, and values that are
/// missing, of the wrong type or out of bounds.
ModelConfig configFromHuggingFace(const nlohmann::json& config, const std::string& file);

/// Names and shapes ([out, in] for matrices) of every tensor that a model of this configuration has.
struct TensorShape {
  std::string name;  ///< As Hugging Face names it: "model.layers.0.self_attn.q_proj.weight".
  std::vector<std::int64_t> shape;
};
std::vector<TensorShape> expectedTensors(const ModelConfig& config);

}  // namespace interleave
