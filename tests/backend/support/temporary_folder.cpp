// SPDX-License-Identifier: GPL-3.0-or-later
#include "tests/backend/support/temporary_folder.h"

#include <stdlib.h>  // NOLINT: mkdtemp is POSIX

#include <stdexcept>
#include <string>

namespace interleave::testing {

TemporaryFolder::TemporaryFolder() {
  std::string pattern = (std::filesystem::temp_directory_path() / "interleave-test-XXXXXX").string();
  if (mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("cannot make a folder like " + pattern);
  path_ = pattern;
}

TemporaryFolder::~TemporaryFolder() {
  std::error_code ignored;  // A test's verdict does not hang on tidying up.
  std::filesystem::remove_all(path_, ignored);
}

}  // namespace interleave::testing
