// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <string_view>
#include <vector>

#include "backend/formats/jinja/statements.h"

namespace interleave::jinja {

struct ParsedTemplate {
  Body body = {};
  std::vector<Block*> blocks = {};  ///< Wherever they stand in the body.
};

/// Reads a template; names are not settled yet. SyntaxError.
ParsedTemplate parse(std::string_view source);

}  // namespace interleave::jinja
