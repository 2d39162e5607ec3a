// SPDX-License-Identifier: GPL-3.0-or-later
#include "tests/formats/test_files.h"

#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>

#include "backend/core/random.h"
#include "backend/formats/gguf_model.h"
#include "backend/formats/safetensors.h"

namespace interleave::test {

namespace fs = std::filesystem;

std::string readBytes(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

std::string raw(const std::vector<float>& values) {
  return {reinterpret_cast<const char*>(values.data()), values.size() * sizeof(float)};
}

std::string safetensorsBytes(std::string_view header, std::string_view data) {
  return raw<std::uint64_t>(header.size()) + std::string(header) + std::string(data);
}

void GgufBuilder::add(const std::string& key, std::uint32_t type, const std::string& value) {
  keys.push_back(string(key) + raw(type) + value);
}

void GgufBuilder::add(const std::string& key, const std::vector<std::string>& values) {
  std::string bytes = raw<std::uint32_t>(8) + raw<std::uint64_t>(values.size());
  for (const std::string& value : values) bytes += string(value);
  add(key, 9, bytes);
}

std::string GgufBuilder::bytes() const {
  std::string out = "GGUF" + raw(version);
  out += raw<std::uint64_t>(tensor_count < 0 ? tensors.size() : static_cast<std::uint64_t>(tensor_count));
  out += raw<std::uint64_t>(key_count < 0 ? keys.size() : static_cast<std::uint64_t>(key_count));
  for (const std::string& key : keys) out += key;
  std::uint64_t offset = 0;
  std::string data;
  for (const Tensor& tensor : tensors) {
    out += string(tensor.name) + raw<std::uint32_t>(static_cast<std::uint32_t>(tensor.dimensions.size()));
    for (const std::uint64_t size : tensor.dimensions) out += raw(size);
    out +=
        raw(tensor.type) + raw<std::uint64_t>(tensor.offset < 0 ? offset : static_cast<std::uint64_t>(tensor.offset));
    data += tensor.data;
    data.resize((data.size() + alignment - 1) / alignment * alignment);
    offset = data.size();
  }
  out.resize((out.size() + alignment - 1) / alignment * alignment);
  return out + data;
}

std::vector<float> sampleValues(std::size_t count, std::uint64_t seed) {
  Random random(seed);
  std::vector<float> values(count);
  for (float& value : values) value = static_cast<float>(static_cast<int>(random.below(255)) - 127) / 64;
  return values;
}

GgufBuilder ggufModel(const ModelConfig& config) {
  GgufBuilder file;
  const std::string arch = familyName(config.family);
  const auto number = [&](const char* key, int value) {
    file.add(arch + "." + key, static_cast<std::uint32_t>(value));
  };
  file.add("general.architecture", arch.c_str());
  file.add("general.name", "tiny");
  number("block_count", config.layers);
  number("context_length", config.context);
  number("embedding_length", config.hidden);
  number("feed_forward_length", config.intermediate);
  number("attention.head_count", config.heads);
  number("attention.head_count_kv", config.kv_heads);
  number("attention.key_length", config.head_dim);
  number("attention.value_length", config.head_dim);
  file.add(arch + ".attention.layer_norm_rms_epsilon", 1e-5F);
  file.add("tokenizer.ggml.tokens", std::vector<std::string>(static_cast<std::size_t>(config.vocabulary), "token"));
  std::uint64_t seed = 0;
  for (const TensorShape& tensor : expectedTensors(config)) {
    std::vector<std::uint64_t> dimensions(tensor.shape.rbegin(), tensor.shape.rend());
    std::size_t count = 1;
    for (const std::uint64_t size : dimensions) count *= size;
    file.tensors.push_back({ggufName(tensor.name, config), dimensions, 0, raw(sampleValues(count, seed++))});
  }
  return file;
}

nlohmann::json tinyConfig() {
  return {{"model_type", "llama"},       {"vocab_size", 16},       {"hidden_size", 8},
          {"intermediate_size", 12},     {"num_hidden_layers", 2}, {"num_attention_heads", 2},
          {"num_key_value_heads", 1},    {"rms_norm_eps", 1e-5},   {"max_position_embeddings", 64},
          {"tie_word_embeddings", false}};
}

void writeModelFolder(const fs::path& folder, const nlohmann::json& config) {
  fs::create_directories(folder);
  std::ofstream(folder / "config.json") << config.dump(1);
  std::vector<std::vector<float>> values;
  std::vector<TensorView> views;
  for (const TensorShape& tensor : expectedTensors(configFromHuggingFace(config, "config.json"))) {
    TensorView view{tensor.name, DType::F32, tensor.shape, {}};
    values.push_back(sampleValues(static_cast<std::size_t>(view.elements()), values.size()));
    views.push_back(std::move(view));
  }
  for (std::size_t i = 0; i < views.size(); ++i) views[i].bytes = std::as_bytes(std::span(values[i]));
  writeSafetensors(folder / "model.safetensors", views, {{"format", "pt"}});
}

void expectBadInput(const std::function<void()>& action, const std::vector<std::string>& parts) {
  try {
    action();
    ADD_FAILURE() << "nothing was thrown, where '" << (parts.empty() ? "" : parts.back()) << "' was expected";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::BadInput) << error.what();
    EXPECT_FALSE(error.file().empty()) << error.what();
    for (const std::string& part : parts) {
      EXPECT_NE(std::string(error.what()).find(part), std::string::npos) << "no '" << part << "' in: " << error.what();
    }
  }
}

bool runReference(const std::string& script, const std::vector<std::string>& arguments) {
  if (!fs::exists(INTERLEAVE_PYTHON)) {
    std::fprintf(stderr, "SKIPPED: the reference Python %s is missing\n", INTERLEAVE_PYTHON);
    return false;
  }
  std::string command =
      "TRANSFORMERS_VERBOSITY=error TQDM_DISABLE=1 '" INTERLEAVE_PYTHON "' '" INTERLEAVE_REFERENCE "/" + script + "'";
  for (const std::string& argument : arguments) command += " '" + argument + "'";
  EXPECT_EQ(std::system(command.c_str()), 0) << command;
  return true;
}

}  // namespace interleave::test
