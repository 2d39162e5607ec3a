// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "backend/formats/safetensors.h"

namespace interleave {

/// The safetensors files of a Hugging Face folder as one set of tensors, gathered as `transformers` does: every tensor
/// of every shard that the index names, wherever the index places it. Immutable after open(); views live as long as it.
class ModelShards {
 public:
  /// BadInput: no such file in the folder, an index that is none, a shard that is missing or malformed, two tensors of
  /// one name that differ.
  static ModelShards open(const std::filesystem::path& folder);
  /// One safetensors file, whatever it is called. BadInput as above.
  static ModelShards ofFile(const std::filesystem::path& file);

  /// BadInput, with what to do about it, where weights lie in the folder in a form that is not read.
  static void refuseOtherFiles(const std::filesystem::path& folder);

  /// The file that holds a tensor; null where none does.
  const SafetensorsFile* holderOf(const std::string& name) const;
  bool has(const std::string& name) const { return holderOf(name) != nullptr; }
  std::vector<std::string> names() const;  ///< Sorted.
  /// The file that should hold a tensor: the shard where the index places it, else the index, else the one file.
  std::filesystem::path placeOf(const std::string& name) const;

  /// Where the index, and what lies beside it, say otherwise than the shards: a line each.
  const std::vector<std::string>& warnings() const { return warnings_; }

 private:
  void openShards(const std::filesystem::path& folder);
  void gather(const SafetensorsFile& file);
  void compareWithIndex();

  std::vector<SafetensorsFile> files_;
  std::map<std::string, const SafetensorsFile*> holders_;
  std::filesystem::path list_;                 // The index, or the one file.
  std::map<std::string, std::string> placed_;  // Tensor to shard, by the index.
  std::vector<std::string> copies_;            // Tensors that are in several shards, alike.
  std::vector<std::string> warnings_;
};

/// Whether a tensor is a buffer that follows from the configuration (rotary tables), which old checkpoints carry.
bool isDerivedBuffer(const std::string& name);

}  // namespace interleave
