// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstddef>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "backend/formats/jinja/value.h"

namespace interleave::jinja {

/// What makes a source no template, with its line.
class SyntaxError : public std::invalid_argument {
 public:
  SyntaxError(std::size_t line, const std::string& reason)
      : std::invalid_argument("line " + std::to_string(line) + ": " + reason) {}
};

struct Token {
  enum class Kind { Data, OutputBegin, OutputEnd, BlockBegin, BlockEnd, Name, Text, Integer, Real, Operator, End };
  Kind kind;
  std::size_t line;
  std::string text = {};  ///< Data, a name, an operator, or a text with its escapes undone.
  Value number = {};
};

/// Cuts a template, as Jinja does with trim_blocks and lstrip_blocks. The last token is End. SyntaxError.
std::vector<Token> tokensOf(std::string_view source);

std::string described(const Token& token);

}  // namespace interleave::jinja
