// SPDX-License-Identifier: GPL-3.0-or-later
#include "tests/backend/export/reference_script.h"

#include <cstdlib>
#include <fstream>
#include <sstream>

namespace interleave::testing {
namespace {

std::string quoted(const std::filesystem::path& path) {
  std::string text = "'";
  return text.append(path.string()).append("'");
}

}  // namespace

std::string scriptFailure(const std::filesystem::path& python, const std::filesystem::path& script,
                          const std::filesystem::path& argument) {
  const std::filesystem::path log = argument.string() + "." + script.stem().string() + ".log";
  const std::string command =
      quoted(python) + " " + quoted(script) + " " + quoted(argument) + " > " + quoted(log) + " 2>&1";
  if (std::system(command.c_str()) == 0) return {};
  std::ostringstream text;
  text << script.filename().string() << " failed:\n" << std::ifstream(log).rdbuf();
  return text.str();
}

}  // namespace interleave::testing
