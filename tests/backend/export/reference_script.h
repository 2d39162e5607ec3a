// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <filesystem>
#include <string>

namespace interleave::testing {

/// Runs a Python script on a file and returns what it printed, or nothing when it succeeded.
std::string scriptFailure(const std::filesystem::path& python, const std::filesystem::path& script,
                          const std::filesystem::path& argument);

}  // namespace interleave::testing
