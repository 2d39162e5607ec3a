// SPDX-License-Identifier: GPL-3.0-or-later
// What the tests of file readers share: a folder to write in, files made byte by byte, the reference Python.
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <cstring>
#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "backend/core/error.h"
#include "backend/formats/model_config.h"
#include "tests/support/temporary_folder.h"

namespace interleave::test {

std::string readBytes(const std::filesystem::path& path);

/// Numbers and strings as they lie in little-endian files.
template <class T>
std::string raw(T value) {
  std::string bytes(sizeof value, '\0');
  std::memcpy(bytes.data(), &value, sizeof value);
  return bytes;
}
std::string raw(const std::vector<float>& values);

/// Length, header, data.
std::string safetensorsBytes(std::string_view header, std::string_view data = {});

/// Writes GGUF files, right ones and, through the public fields, wrong ones.
struct GgufBuilder {
  struct Tensor {
    std::string name;
    std::vector<std::uint64_t> dimensions;  ///< GGUF's order: the contiguous one first.
    std::uint32_t type = 0;
    std::string data;
    std::int64_t offset = -1;  ///< As it should be when negative.
  };
  std::uint32_t version = 3;
  std::int64_t tensor_count = -1, key_count = -1;  ///< The true ones when negative.
  std::uint64_t alignment = 32;
  std::vector<std::string> keys;  ///< Key, type and value, in bytes.
  std::vector<Tensor> tensors;

  static std::string string(std::string_view text) { return raw<std::uint64_t>(text.size()) + std::string(text); }
  void add(const std::string& key, std::uint32_t type, const std::string& value);
  void add(const std::string& key, std::uint32_t value) { add(key, 4, raw(value)); }
  void add(const std::string& key, float value) { add(key, 6, raw(value)); }
  void add(const std::string& key, const char* value) { add(key, 8, string(value)); }
  void add(const std::string& key, const std::vector<std::string>& values);
  std::string bytes() const;
};

/// Values that differ everywhere and are exact in every float type.
std::vector<float> sampleValues(std::size_t count, std::uint64_t seed);

/// A small model of each family as a GGUF file, in F32, with names and row orders as converters write them.
GgufBuilder ggufModel(const ModelConfig& config);

/// A folder with config.json and model.safetensors (F32) of a small Llama; `config` changes the configuration.
nlohmann::json tinyConfig();
void writeModelFolder(const std::filesystem::path& folder, const nlohmann::json& config);

/// Runs `action`, which must throw a BadInput error whose text holds each of `parts`.
void expectBadInput(const std::function<void()>& action, const std::vector<std::string>& parts);

/// Runs tests/formats/reference/<script> with the reference Python; false, and said so, when that is not there.
bool runReference(const std::string& script, const std::vector<std::string>& arguments);

}  // namespace interleave::test
