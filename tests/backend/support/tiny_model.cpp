// SPDX-License-Identifier: GPL-3.0-or-later
#include "tests/backend/support/tiny_model.h"

#include <bit>
#include <cmath>
#include <fstream>
#include <numbers>
#include <vector>

#include "backend/core/random.h"
#include "backend/formats/model_config.h"

namespace interleave::testing {
namespace {

using nlohmann::json;

double normal(Random& random) {
  const double radius = std::sqrt(-2 * std::log(1 - random.uniform()));
  return radius * std::cos(2 * std::numbers::pi * random.uniform());
}

std::vector<float> randomValues(const TensorShape& tensor, bool norms_from_zero, Random& random) {
  std::int64_t count = 1;
  for (const std::int64_t size : tensor.shape) count *= size;
  const bool matrix = tensor.shape.size() == 2, embedding = tensor.name.find("embed") != std::string::npos;
  const bool norm = tensor.name.find("norm") != std::string::npos;
  const double spread = norm ? 0.2 : !matrix ? 0.3 : embedding ? 1 : 1.5 / std::sqrt(double(tensor.shape[1]));
  std::vector<float> values(static_cast<std::size_t>(count));
  for (float& value : values) value = static_cast<float>((norm && !norms_from_zero ? 1 : 0) + spread * normal(random));
  return values;
}

void append(std::string& bytes, float value, DType type) {
  const auto word = std::bit_cast<std::uint32_t>(value);
  for (int shift = type == DType::F32 ? 0 : 16; shift < 32; shift += 8) bytes += static_cast<char>(word >> shift & 255);
}

}  // namespace

json tinyConfig(const std::string& model_type, const json& changes) {
  json config = {{"model_type", model_type},  {"vocab_size", 61},       {"hidden_size", 24},
                 {"intermediate_size", 40},   {"num_hidden_layers", 3}, {"num_attention_heads", 4},
                 {"num_key_value_heads", 2},  {"head_dim", 8},          {"max_position_embeddings", 512},
                 {"rms_norm_eps", 1e-5},      {"rope_theta", 1000.0},   {"tie_word_embeddings", false},
                 {"sliding_window", nullptr}, {"bos_token_id", 1},      {"eos_token_id", 2}};
  if (model_type == "gemma3_text") {
    config.update({{"sliding_window", 6}, {"sliding_window_pattern", 2}, {"query_pre_attn_scalar", 12}});
  }
  config.update(changes);
  return config;
}

std::filesystem::path writeTinyModel(const std::filesystem::path& folder, const json& config, std::uint64_t seed,
                                     DType type, const std::vector<double>& attention_strength) {
  std::filesystem::create_directories(folder);
  std::ofstream(folder / "config.json") << config;
  const ModelConfig model = configFromHuggingFace(config, "config.json");
  Random random(derivedSeed(seed, 0));
  json header;
  std::string bytes;
  for (const TensorShape& tensor : expectedTensors(model)) {
    const std::size_t first = bytes.size();
    double strength = 1;
    for (std::size_t layer = 0; layer < attention_strength.size(); ++layer) {
      if (tensor.name == "model.layers." + std::to_string(layer) + ".self_attn.o_proj.weight") {
        strength = attention_strength[layer];
      }
    }
    for (const float value : randomValues(tensor, model.sandwich_norms, random)) {
      append(bytes, static_cast<float>(strength * value), type);
    }
    header[tensor.name] = {{"dtype", name(type)}, {"shape", tensor.shape}, {"data_offsets", {first, bytes.size()}}};
  }
  std::string text = header.dump();
  text.resize((text.size() + 7) / 8 * 8, ' ');
  std::ofstream file(folder / "model.safetensors", std::ios::binary);
  std::string length;
  for (int shift = 0; shift < 64; shift += 8) length += static_cast<char>(std::uint64_t{text.size()} >> shift & 255);
  file << length << text << bytes;
  return folder;
}

void writeByteTokenizer(const std::filesystem::path& folder) {
  // GPT-2's spelling of bytes: printable Latin-1 as itself, the others from U+0100 on.
  json vocabulary;
  int next = 0x100;
  for (int byte = 0; byte < 256; ++byte) {
    const bool printable = (byte >= '!' && byte <= '~') || (byte >= 0xA1 && byte <= 0xAC) || byte >= 0xAE;
    const int code = printable ? byte : next++;
    std::string spelling;
    if (code < 0x80) {
      spelling = static_cast<char>(code);
    } else {
      spelling = {static_cast<char>(0xC0 | code >> 6), static_cast<char>(0x80 | (code & 63))};
    }
    vocabulary[spelling] = byte;
  }
  const json byte_level{
      {"type", "ByteLevel"}, {"add_prefix_space", false}, {"trim_offsets", true}, {"use_regex", false}};
  const json model{{"type", "BPE"}, {"vocab", vocabulary}, {"merges", json::array()}};
  std::ofstream(folder / "tokenizer.json") << json{{"version", "1.0"},
                                                   {"added_tokens", json::array()},
                                                   {"normalizer", nullptr},
                                                   {"pre_tokenizer", byte_level},
                                                   {"post_processor", nullptr},
                                                   {"decoder", byte_level},
                                                   {"model", model}};
}

std::filesystem::path writePlantedModel(const std::filesystem::path& folder, const std::vector<int>& needed,
                                        std::uint64_t seed) {
  constexpr int kLayers = 6;
  std::vector<double> strength(kLayers, 0.02);
  for (const int layer : needed) strength[static_cast<std::size_t>(layer)] = 2;
  writeTinyModel(folder, tinyConfig("llama", {{"num_hidden_layers", kLayers}, {"vocab_size", 256}}), seed, DType::F32,
                 strength);
  writeByteTokenizer(folder);
  return folder;
}

}  // namespace interleave::testing
