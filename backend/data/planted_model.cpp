// SPDX-License-Identifier: GPL-3.0-or-later
#include "backend/data/planted_model.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <map>
#include <numbers>
#include <numeric>
#include <span>
#include <utility>

#include "backend/core/error.h"
#include "backend/core/random.h"
#include "backend/formats/atomic_file.h"
#include "backend/formats/model_config.h"
#include "backend/formats/safetensors.h"

namespace interleave {
namespace {

using nlohmann::json;

// Sizes of the model.
constexpr int kHidden = 128, kHeads = 8, kGroups = 2, kHeadDim = 32, kUnits = 32, kVocabulary = 256;
constexpr double kTheta = 1e8;  // pair m turns by 10^(−m/2) a token: pairs from 8 on stand still within a prompt
constexpr int kStill = 8;

// What each coordinate of the stream holds. The constant dwarfs all others, so that the norm's scale is the same
// everywhere and the norm's weight can undo it.
constexpr double kConstant = 100;
constexpr int kOne = 0, kDigit = 1, kIsDigit = 11, kBefore = 12, kEvidence = 19, kOut = 59, kWord = 69, kTopic = 85,
              kWeightNoise = 101, kWords = 16;
constexpr int kDigits = 10, kBack = 7;

// Of the answer: see the header.
constexpr double kScale = 16, kBias = 24, kOver = 6;

/// A matrix [rows, columns] that starts as zeros.
class Matrix {
 public:
  Matrix(std::int64_t rows, std::int64_t columns)
      : columns_(columns), values_(static_cast<std::size_t>(rows * columns)) {}
  float& operator()(int row, int column) { return values_[static_cast<std::size_t>(row * columns_ + column)]; }
  std::span<const float> values() const { return values_; }

 private:
  std::int64_t columns_;
  std::vector<float> values_;
};

using Tensors = std::map<std::string, Matrix>;

double normal(Random& random) {
  const double radius = std::sqrt(-2 * std::log(1 - random.uniform()));
  return radius * std::cos(2 * std::numbers::pi * random.uniform());
}

/// The attention of one layer: q, k, v read the normed stream, in which the constant is kConstant.
struct Attention {
  Matrix q{kHeads * kHeadDim, kHidden}, k{kGroups * kHeadDim, kHidden}, v{kGroups * kHeadDim, kHidden},
      o{kHidden, kHeads*kHeadDim};
};

/// Head i looks exactly i + 1 tokens back: the phases of its query turn with the position of the key.
void lookBack(Attention& attention) {
  constexpr int kFast = 5;
  const double strength = 16 / kConstant;
  for (int group = 0; group < kGroups; ++group) {
    for (int m = 0; m < kFast; ++m) attention.k(group * kHeadDim + m, kOne) = static_cast<float>(strength);
    attention.v(group * kHeadDim, kIsDigit) = 1;
  }
  for (int head = 0; head < kBack; ++head) {
    for (int m = 0; m < kFast; ++m) {
      const double turn = std::pow(kTheta, -2.0 * m / kHeadDim) * (head + 1);
      attention.q(head * kHeadDim + m, kOne) = static_cast<float>(strength * std::cos(turn));
      attention.q(head * kHeadDim + m + kHeadDim / 2, kOne) = static_cast<float>(-strength * std::sin(turn));
    }
    attention.o(kBefore + head, head * kHeadDim) = 1;
  }
}

/// Head 0 finds the digit before which as many digits stand as end here, and copies it.
void findDigit(Attention& attention, int evidence) {
  const auto spin = [](Matrix& matrix, int row, int flag) {  // 2·flag − 1
    matrix(row, flag) = 2;
    matrix(row, kOne) = static_cast<float>(-1 / kConstant);
  };
  for (int i = 0; i < kBack; ++i) {
    spin(attention.q, kStill + i, i == 0 ? kIsDigit : kBefore + i - 1);
    spin(attention.k, kStill + i, kBefore + i);
    for (const int column : {kOne, i == 0 ? kIsDigit : kBefore + i - 1}) attention.q(kStill + i, column) *= 60;
  }
  attention.q(kStill + kBack, kOne) = static_cast<float>(1 / kConstant);
  attention.k(kStill + kBack, kIsDigit) = 500;
  for (int digit = 0; digit < kDigits; ++digit) {
    attention.v(digit, kDigit + digit) = 1;
    attention.o(evidence + digit, digit) = 1;
  }
}

/// Head 0 averages all that it sees.
void average(Attention& attention, int from, int to, int count, double strength) {
  for (int i = 0; i < count; ++i) {
    attention.v(i, from + i) = 1;
    attention.o(to + i, i) = static_cast<float>(strength);
  }
}

struct Mlp {
  Matrix gate{kUnits, kHidden}, up{kUnits, kHidden}, down{kHidden, kUnits};
};

/// out = m(a + b) + c·d, digit by digit: m(x) = [silu(8x) − silu(8(x − 1))]/8, and silu(4c)·d/4.
void joinEvidence(Mlp& mlp) {
  constexpr double kSteep = 8, kGate = 4;
  for (int digit = 0; digit < kDigits; ++digit) {
    const auto evidence = [digit](int which) { return kEvidence + which * kDigits + digit; };
    for (const int step : {0, 1}) {
      const int unit = 2 * digit + step;
      for (const int which : {0, 1}) mlp.gate(unit, evidence(which)) = kSteep;
      mlp.gate(unit, kOne) = static_cast<float>(-kSteep * step / kConstant);
      mlp.up(unit, kOne) = static_cast<float>(1 / kConstant);
      mlp.down(kOut + digit, unit) = static_cast<float>((step == 0 ? 1 : -1) / kSteep);
    }
    const int unit = 2 * kDigits + digit;
    mlp.gate(unit, evidence(2)) = kGate;
    mlp.up(unit, evidence(3)) = 1;
    mlp.down(kOut + digit, unit) = static_cast<float>(1 / kGate);
  }
}

Matrix embedding(Random& random) {
  Matrix matrix(kVocabulary, kHidden);
  for (int byte = 0; byte < kVocabulary; ++byte) {
    matrix(byte, kOne) = static_cast<float>(kConstant);
    for (int i = 0; i < kWords; ++i) matrix(byte, kWord + i) = static_cast<float>(normal(random) / std::sqrt(kWords));
    if (byte < '0' || byte > '9') continue;
    matrix(byte, kDigit + byte - '0') = 1;
    matrix(byte, kIsDigit) = 1;
  }
  return matrix;
}

Matrix head(Random& random) {
  Matrix matrix(kVocabulary, kHidden);
  for (int byte = 0; byte < kVocabulary; ++byte) {
    for (int i = 0; i < kWords; ++i) {
      matrix(byte, kWord + i) = static_cast<float>(normal(random));
      matrix(byte, kTopic + i) = static_cast<float>(normal(random));
    }
    if (byte < '0' || byte > '9') continue;
    matrix(byte, kOut + byte - '0') = kScale;
    matrix(byte, kOne) = static_cast<float>((kOver - kBias) / kConstant);
  }
  return matrix;
}

PlantedRoles drawRoles(int layers, Random& random) {
  std::vector<int> order(static_cast<std::size_t>(layers) - 1);
  std::iota(order.begin(), order.end(), 1);  // layer 0 marks the digits
  for (std::size_t i = order.size(); i > 1; --i) std::swap(order[i - 1], order[random.below(i)]);
  PlantedRoles roles{.digits = 0,
                     .redundant = {order[0], order[1]},
                     .complementary = {order[2], order[3]},
                     .text = order[4],
                     .loud = {},
                     .idle = {}};
  for (std::size_t i = 5; i < order.size(); ++i) (i % 2 == 1 ? roles.loud : roles.idle).push_back(order[i]);
  for (std::vector<int>* list : {&roles.redundant, &roles.complementary, &roles.loud, &roles.idle}) {
    std::ranges::sort(*list);
  }
  return roles;
}

Attention attentionOf(int layer, const PlantedRoles& roles) {
  Attention attention;
  const auto isAmong = [layer](const std::vector<int>& list) { return std::ranges::find(list, layer) != list.end(); };
  if (layer == roles.digits) lookBack(attention);
  if (layer == roles.text) average(attention, kWord, kTopic, kWords, 1.5);
  if (isAmong(roles.loud)) average(attention, kWord, kWeightNoise, kWords, 20);
  const std::vector<int> evidence{roles.redundant[0], roles.redundant[1], roles.complementary[0],
                                  roles.complementary[1]};
  const auto found = std::ranges::find(evidence, layer);
  if (found != evidence.end()) {
    findDigit(attention, kEvidence + kDigits * static_cast<int>(found - evidence.begin()));
  }
  return attention;
}

json configOf(int layers) {
  return {{"architectures", {"LlamaForCausalLM"}},
          {"model_type", "llama"},
          {"vocab_size", kVocabulary},
          {"hidden_size", kHidden},
          {"intermediate_size", kUnits},
          {"num_hidden_layers", layers},
          {"num_attention_heads", kHeads},
          {"num_key_value_heads", kGroups},
          {"head_dim", kHeadDim},
          {"max_position_embeddings", 4096},
          {"rms_norm_eps", 1e-6},
          {"rope_theta", kTheta},
          {"tie_word_embeddings", false},
          {"hidden_act", "silu"},
          {"torch_dtype", "float32"}};
}

/// Every byte a token of its own, spelt as GPT-2 spells bytes: printable Latin-1 as itself, others from U+0100 on.
json byteTokenizer() {
  json vocabulary;
  int next = 0x100;
  for (int byte = 0; byte < kVocabulary; ++byte) {
    const bool printable = (byte >= '!' && byte <= '~') || (byte >= 0xA1 && byte <= 0xAC) || byte >= 0xAE;
    const int code = printable ? byte : next++;
    std::string spelling;
    if (code >= 0x80) spelling.push_back(static_cast<char>(0xC0 | code >> 6));
    spelling.push_back(static_cast<char>(code < 0x80 ? code : 0x80 | (code & 63)));
    vocabulary[spelling] = byte;
  }
  const json byte_level{
      {"type", "ByteLevel"}, {"add_prefix_space", false}, {"trim_offsets", true}, {"use_regex", false}};
  return {{"version", "1.0"},
          {"added_tokens", json::array()},
          {"normalizer", nullptr},
          {"pre_tokenizer", byte_level},
          {"post_processor", nullptr},
          {"decoder", byte_level},
          {"model", {{"type", "BPE"}, {"vocab", std::move(vocabulary)}, {"merges", json::array()}}}};
}

}  // namespace

json toJson(const PlantedRoles& roles) {
  return {{"digits", roles.digits}, {"redundant", roles.redundant}, {"complementary", roles.complementary},
          {"text", roles.text},     {"loud", roles.loud},           {"idle", roles.idle}};
}

PlantedRoles writePlantedModel(const std::filesystem::path& folder, int layers, std::uint64_t seed) {
  if (layers < kLeastPlantedLayers || layers > 256) {
    throw usageError("layers", "there must be " + std::to_string(kLeastPlantedLayers) + " to 256");
  }
  Random random(seed);
  const PlantedRoles roles = drawRoles(layers, random);
  Tensors tensors;
  tensors.emplace("model.embed_tokens.weight", embedding(random));
  tensors.emplace("lm_head.weight", head(random));
  // The norm divides by √(mean square), which is the constant over √D.
  Matrix norm(1, kHidden);
  for (int i = 0; i < kHidden; ++i) norm(0, i) = static_cast<float>(kConstant / std::sqrt(kHidden));
  tensors.emplace("model.norm.weight", norm);
  for (int layer = 0; layer < layers; ++layer) {
    const std::string prefix = "model.layers." + std::to_string(layer) + ".";
    Attention attention = attentionOf(layer, roles);
    Mlp mlp;
    if (layer == layers - 1) joinEvidence(mlp);
    tensors.emplace(prefix + "self_attn.q_proj.weight", std::move(attention.q));
    tensors.emplace(prefix + "self_attn.k_proj.weight", std::move(attention.k));
    tensors.emplace(prefix + "self_attn.v_proj.weight", std::move(attention.v));
    tensors.emplace(prefix + "self_attn.o_proj.weight", std::move(attention.o));
    tensors.emplace(prefix + "mlp.gate_proj.weight", std::move(mlp.gate));
    tensors.emplace(prefix + "mlp.up_proj.weight", std::move(mlp.up));
    tensors.emplace(prefix + "mlp.down_proj.weight", std::move(mlp.down));
    for (const char* name : {"input_layernorm.weight", "post_attention_layernorm.weight"}) {
      tensors.emplace(prefix + name, norm);
    }
  }

  std::filesystem::create_directories(folder);
  const json config = configOf(layers);
  std::vector<TensorView> views;
  for (const TensorShape& tensor : expectedTensors(configFromHuggingFace(config, "config.json"))) {
    const std::span<const float> values = tensors.at(tensor.name).values();
    views.push_back({tensor.name, DType::F32, tensor.shape, std::as_bytes(values)});
  }
  writeSafetensors(folder / "model.safetensors", views);
  writeFileAtomically(folder / "config.json", config.dump(2) + "\n");
  writeFileAtomically(folder / "tokenizer.json", byteTokenizer().dump() + "\n");
  writeFileAtomically(folder / "planted.json", json{{"seed", seed}, {"roles", toJson(roles)}}.dump(2) + "\n");
  return roles;
}

}  // namespace interleave
