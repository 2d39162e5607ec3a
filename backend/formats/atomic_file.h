// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string_view>

namespace interleave {

/// A file that appears under its name whole or not at all: it is written beside that name, and commit() brings it to
/// the disk and puts it in place. Without commit() nothing stays behind. Not thread-safe. Failed, with the system's
/// reason, on I/O errors.
class AtomicFile {
 public:
  explicit AtomicFile(std::filesystem::path path);
  ~AtomicFile();
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;

  const std::filesystem::path& path() const { return path_; }
  void writeAt(std::uint64_t offset, std::span<const std::byte> bytes);
  void commit();

 private:
  [[noreturn]] void fail(std::string_view what) const;

  std::filesystem::path path_, temporary_;
  int descriptor_ = -1;
};

/// A whole text at once.
void writeFileAtomically(const std::filesystem::path& path, std::string_view text);

}  // namespace interleave
