// SPDX-License-Identifier: GPL-3.0-or-later
#include "tests/backend/export/reference_script.h"

#include <cstdlib>
#include <fstream>
#include <sstream>

namespace interleave::testing {
namespace {

namespace fs = std::filesystem;

std::string quoted(const std::string& text) {
  std::string whole = "'";
  return whole.append(text).append("'");
}

}  // namespace

fs::path referencePython(const std::string& version) {
  if (version.empty()) return REFERENCE_PYTHON;
  const char* const elsewhere = std::getenv("INTERLEAVE_ENVIRONMENTS");
  return fs::path(elsewhere != nullptr ? elsewhere : REFERENCE_ENVIRONMENTS) / ("transformers-" + version) / "bin" /
         "python";
}

bool hasModule(const fs::path& python, const std::string& module) {
  const std::string command = quoted(python) + " -c " + quoted("import " + module) + " > /dev/null 2>&1 < /dev/null";
  return std::system(command.c_str()) == 0;
}

std::string scriptFailure(const fs::path& python, const std::string& script, const std::vector<std::string>& arguments,
                          const fs::path& log) {
  std::ostringstream whole;
  whole << "HF_HUB_OFFLINE=1 HF_MODULES_CACHE=" << quoted(log.string() + ".modules") << ' ' << quoted(python) << ' '
        << quoted(fs::path(REFERENCE_SCRIPTS) / script);
  for (const std::string& argument : arguments) whole << ' ' << quoted(argument);
  whole << " > " << quoted(log) << " 2>&1 < /dev/null";
  if (std::system(whole.str().c_str()) == 0) return {};
  std::ostringstream text;
  text << script << " failed:\n" << std::ifstream(log).rdbuf();
  return text.str();
}

}  // namespace interleave::testing
