// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstddef>
#include <filesystem>
#include <span>

namespace interleave {

/// A regular file mapped read-only. The bytes stay where they are when the object moves. A file that another program
/// shortens while it is mapped cannot be guarded against.
class MappedFile {
 public:
  /// BadInput, with the system's reason, when it cannot be opened, is no regular file (folder, pipe, device) or empty.
  static MappedFile open(const std::filesystem::path& path);

  MappedFile(MappedFile&& other) noexcept;
  MappedFile& operator=(MappedFile&& other) noexcept;
  ~MappedFile();

  std::span<const std::byte> bytes() const { return bytes_; }

 private:
  explicit MappedFile(std::span<const std::byte> bytes) : bytes_(bytes) {}
  std::span<const std::byte> bytes_;
};

}  // namespace interleave
