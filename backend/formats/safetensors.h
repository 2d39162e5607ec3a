// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "backend/formats/atomic_file.h"
#include "backend/formats/mapped_file.h"
#include "backend/formats/tensor_view.h"

namespace interleave {

/// One safetensors file, mapped. Immutable after open(), so safe to read from any thread; views live as long as it.
class SafetensorsFile {
 public:
  /// Checks the whole header: at most 100 MB of JSON without duplicate keys, known element types, sizes that follow
  /// from shapes without overflow, and data that the tensors tile exactly. BadInput otherwise.
  static SafetensorsFile open(const std::filesystem::path& path);

  const std::filesystem::path& path() const { return path_; }
  std::vector<std::string> names() const;  ///< Sorted.
  bool has(const std::string& name) const { return tensors_.contains(name); }
  /// BadInput when there is no such tensor, or its elements are neither F32, F16 nor BF16.
  TensorView view(const std::string& name) const;
  /// Whether another file has a tensor of this name, of the same type and shape, with the same bytes.
  bool holdsAlike(const SafetensorsFile& other, const std::string& name) const;
  const std::map<std::string, std::string>& metadata() const { return metadata_; }

 private:
  struct Entry {
    std::string dtype;
    std::vector<std::int64_t> shape;
    std::span<const std::byte> bytes;
  };
  SafetensorsFile(std::filesystem::path path, MappedFile file);
  void addEntries(std::string_view header, std::span<const std::byte> data);
  void checkTiling(std::span<const std::byte> data) const;

  std::filesystem::path path_;
  MappedFile file_;
  std::map<std::string, Entry> tensors_;
  std::map<std::string, std::string> metadata_;
};

/// What a tensor to be written is; the bytes come later.
struct TensorSpec {
  std::string name;
  DType dtype = DType::F32;  ///< F32, F16 or BF16.
  std::vector<std::int64_t> shape;
};

/// Writes a safetensors file tensor by tensor, so that no more than one need be in memory. The file appears under its
/// name only when commit() has brought it to the disk; until then, and for good if that is never called, nothing there
/// changes. Data starts at a multiple of 64 bytes. Not thread-safe. Failed, with the system's reason, on I/O errors.
class SafetensorsWriter {
 public:
  SafetensorsWriter(const std::filesystem::path& path, std::vector<TensorSpec> tensors,
                    const std::map<std::string, std::string>& metadata = {});

  void put(const std::string& name, std::span<const std::byte> bytes);  ///< In any order, each once.
  void commit();

 private:
  struct Slot {
    std::uint64_t offset = 0, bytes = 0;
    bool written = false;
  };

  AtomicFile file_;
  std::map<std::string, Slot> slots_;
};

/// All at once.
void writeSafetensors(const std::filesystem::path& path, std::span<const TensorView> tensors,
                      const std::map<std::string, std::string>& metadata = {});

}  // namespace interleave
