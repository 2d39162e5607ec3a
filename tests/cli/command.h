// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "tests/support/temporary_folder.h"

namespace interleave::testing {

/// How interleave-cli ended, and what it said.
struct CommandResult {
  int code = -1;                ///< Exit code; −N when signal N ended it.
  std::string out;              ///< Standard output.
  std::string log;              ///< Standard error.
  nlohmann::json json() const;  ///< `out`, which must be one JSON document.
};

/// A program at work: interleave-cli, or another.
class Command {
 public:
  explicit Command(const std::vector<std::string>& arguments, const std::string& program = INTERLEAVE_CLI);
  /// True once standard error holds `text`; false when the program ended without.
  bool waitFor(const std::string& text) const;
  void signal(int number) const;
  CommandResult wait();

 private:
  test::TemporaryFolder folder_;
  pid_t process_ = -1;
};

CommandResult run(const std::vector<std::string>& arguments);
CommandResult runProgram(const std::string& program, const std::vector<std::string>& arguments);

/// A Llama of 4 layers, with a byte-level tokenizer, in `folder`. Other seeds give other models of the same shape.
std::filesystem::path writeModelWithTokenizer(const std::filesystem::path& folder, std::uint64_t seed = 0);

std::filesystem::path writeText(const std::filesystem::path& file, const std::string& text);
std::string readText(const std::filesystem::path& file);

}  // namespace interleave::testing
