// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "backend/formats/mapped_file.h"
#include "backend/formats/tensor_view.h"

namespace interleave {

/// One GGUF file (version 2 or 3, little-endian), mapped. Immutable after open(), so safe to read from any thread;
/// views live as long as it.
class GgufFile {
 public:
  /// Checks everything but the weights' values: counts, lengths and types against the bytes that are there, no key or
  /// tensor twice, tensors one after the other as GGML lays them out. BadInput otherwise.
  static GgufFile open(const std::filesystem::path& path);

  const std::filesystem::path& path() const { return path_; }
  /// Key to value; arrays are JSON arrays, whose strings are the file's bytes (not always UTF-8).
  const nlohmann::json& metadata() const { return metadata_; }
  std::vector<std::string> names() const;  ///< In the file's order.
  bool has(const std::string& name) const { return index_.contains(name); }
  const TensorView& view(const std::string& name) const;  ///< BadInput when there is no such tensor.

 private:
  GgufFile(std::filesystem::path path, MappedFile file);

  std::filesystem::path path_;
  MappedFile file_;
  nlohmann::json metadata_ = nlohmann::json::object();
  std::vector<TensorView> tensors_;
  std::map<std::string, std::size_t> index_;
};

}  // namespace interleave
