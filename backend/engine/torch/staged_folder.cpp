// SPDX-License-Identifier: GPL-3.0-or-later
#include "backend/engine/torch/staged_folder.h"

#include <stdlib.h>  // NOLINT: mkdtemp is POSIX

#include <cerrno>
#include <system_error>

#include "backend/core/error.h"

namespace interleave {
namespace fs = std::filesystem;

namespace {

/// A fresh folder beside `path`.
fs::path freshBeside(const fs::path& path) {
  std::error_code problem;
  fs::create_directories(path.parent_path(), problem);
  fs::path hidden = ".";
  hidden += path.filename();
  hidden += ".XXXXXX";
  std::string pattern = (path.parent_path() / hidden).string();
  if (mkdtemp(pattern.data()) == nullptr) {
    throw failure(path.string(), "no folder can be made there: " + std::generic_category().message(errno));
  }
  return pattern;
}

}  // namespace

StagedFolder::StagedFolder(const fs::path& path) {
  path_ = fs::absolute(path).lexically_normal();
  if (!path_.has_filename()) path_ = path_.parent_path();
  temporary_ = freshBeside(path_);
}

StagedFolder::~StagedFolder() {
  std::error_code ignored;  // Nothing more can be done about a leftover.
  if (!temporary_.empty()) fs::remove_all(temporary_, ignored);
}

void StagedFolder::commit() {
  try {
    fs::permissions(temporary_, fs::perms::owner_all | fs::perms::group_read | fs::perms::group_exec |
                                    fs::perms::others_read | fs::perms::others_exec);
    const fs::path old = fs::exists(path_) ? freshBeside(path_) : fs::path();
    if (!old.empty()) fs::rename(path_, old);  // replaces the fresh, empty folder
    std::error_code refused;
    fs::rename(temporary_, path_, refused);
    if (refused && !old.empty()) fs::rename(old, path_);
    if (refused) throw fs::filesystem_error("rename", temporary_, path_, refused);
    temporary_ = old;  // goes with this object
  } catch (const fs::filesystem_error& problem) {
    throw failure(path_.string(), "the folder cannot be put in place: " + problem.code().message());
  }
}

}  // namespace interleave
