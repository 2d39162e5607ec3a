// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <vector>

#include "backend/formats/model_config.h"
#include "backend/formats/tensor_view.h"

namespace interleave {

/// A model as it lies on disk: a Hugging Face folder (config.json, safetensors in one file or sharded with an index,
/// tokenizer.json) or one .gguf file. Tensors are mapped, not copied, and go by their Hugging Face names whichever the
/// file; a GGUF's row order of q and k is undone by read(). Immutable after open(), so safe to read from any thread.
class ModelFiles {
 public:
  /// Checks headers and every expected tensor's presence and shape, not the weights' values. BadInput otherwise, naming
  /// the file that holds the tensor, or should.
  static ModelFiles open(const std::filesystem::path& path);

  ModelFiles(ModelFiles&&) noexcept;
  ModelFiles& operator=(ModelFiles&&) noexcept;
  ~ModelFiles();

  const std::filesystem::path& path() const;
  const ModelConfig& config() const;
  /// What the files say that does not hold, and was taken as `transformers` takes it: a line each, with file and place.
  const std::vector<std::string>& warnings() const;
  std::string format() const;                    ///< "safetensors" or "gguf".
  std::vector<std::string> tensorNames() const;  ///< Those the architecture uses, in layer order.
  bool has(const std::string& name) const;
  std::vector<std::int64_t> shape(const std::string& name) const;
  DType dtype(const std::string& name) const;
  std::int64_t parameters() const;  ///< Sum over tensorNames().

  /// The values in fp32, row-major; `out` holds exactly the tensor's elements. BadInput, with the file, the
  /// tensor's name there and the index of the first, when a value is not finite.
  void read(const std::string& name, std::span<float> out) const;
  /// The mapped bytes where they are already plain F32 or BF16, aligned, in the right row order; empty otherwise.
  std::span<const std::byte> mapped(const std::string& name) const;

  /// 16 hex digits over configuration, tensor names, shapes, types and a sample of every tensor's bytes (its first and
  /// last 64 KiB): quick, and different for every model met in practice. Keys the bank.
  std::string fingerprint() const;

  /// tokenizer.json (parsed) of a folder, with tokenizer_config.json beside it; null when absent or a GGUF.
  const nlohmann::json& tokenizerJson() const;
  const nlohmann::json& tokenizerConfigJson() const;
  /// The GGUF's metadata as JSON (arrays included: tokenizer.ggml.tokens …); null for a folder.
  const nlohmann::json& ggufMetadata() const;

 private:
  struct Impl;
  explicit ModelFiles(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace interleave
