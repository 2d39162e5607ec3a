// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <filesystem>

namespace interleave {

/// A folder that appears under its name whole or not at all: it is filled beside that name, and commit() puts it in
/// place of what is there. Without commit() nothing stays behind. Not thread-safe. Failed on I/O errors.
class StagedFolder {
 public:
  explicit StagedFolder(const std::filesystem::path& path);
  ~StagedFolder();
  StagedFolder(const StagedFolder&) = delete;
  StagedFolder& operator=(const StagedFolder&) = delete;

  const std::filesystem::path& path() const { return temporary_; }  ///< Where to write.
  void commit();

 private:
  std::filesystem::path path_, temporary_, old_;  ///< The last two go with this object.
};

}  // namespace interleave
