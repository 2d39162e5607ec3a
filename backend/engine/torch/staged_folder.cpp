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
  std::error_code unreadable;                                    // then making the folder tells why
  path_ = fs::weakly_canonical(fs::absolute(path), unreadable);  // a link stands for the folder that it names
  if (unreadable) path_ = fs::absolute(path).lexically_normal();
  if (!path_.has_filename()) path_ = path_.parent_path();
  temporary_ = freshBeside(path_);
}

StagedFolder::~StagedFolder() {
  std::error_code ignored;  // Nothing more can be done about a leftover.
  for (const fs::path& folder : {temporary_, old_}) {
    if (!folder.empty()) fs::remove_all(folder, ignored);
  }
}

void StagedFolder::commit() {
  try {
    fs::permissions(temporary_, fs::perms::owner_all | fs::perms::group_read | fs::perms::group_exec |
                                    fs::perms::others_read | fs::perms::others_exec);
    if (fs::exists(path_)) {
      old_ = freshBeside(path_);
      fs::rename(path_, old_);  // replaces the fresh, empty folder
    }
    std::error_code refused;
    fs::rename(temporary_, path_, refused);
    if (refused && !old_.empty()) fs::rename(old_, path_);
    if (refused) throw fs::filesystem_error("rename", temporary_, path_, refused);
    temporary_.clear();
  } catch (const fs::filesystem_error& problem) {
    throw failure(path_.string(), "the folder cannot be put in place: " + problem.code().message());
  }
}

}  // namespace interleave
