// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace interleave::testing {

/// The Python of a version of `transformers` ("4.51", "4.57", "5"), each in an environment of its own, or of the newest
/// (""); whether it is there or not. INTERLEAVE_ENVIRONMENTS is a folder of such environments, in place of .deps.
std::filesystem::path referencePython(const std::string& version = {});

/// Whether that Python can import a module.
bool hasModule(const std::filesystem::path& python, const std::string& module);

/// Runs a script of reference/ and returns what it printed, which is kept in `log`, or nothing when it succeeded.
std::string scriptFailure(const std::filesystem::path& python, const std::string& script,
                          const std::vector<std::string>& arguments, const std::filesystem::path& log);

}  // namespace interleave::testing
