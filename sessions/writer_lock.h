// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <filesystem>
#include <optional>

namespace interleave {

/// Keeps a second writer away from a store: an advisory lock on FILE.lock, which ends with the process however it ends.
/// The lock belongs to this object (an open file description), so it also keeps out a second one in the same process.
class WriterLock {
 public:
  /// Usage error naming the process that holds it; Failed when the folder cannot be written or cannot lock.
  explicit WriterLock(const std::filesystem::path& store);
  ~WriterLock();
  WriterLock(const WriterLock&) = delete;
  WriterLock& operator=(const WriterLock&) = delete;

  /// The process that writes to `store` now.
  static std::optional<long> holder(const std::filesystem::path& store);

 private:
  int file_;
};

}  // namespace interleave
