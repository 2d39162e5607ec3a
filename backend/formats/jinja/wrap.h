// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstdint>
#include <string_view>

#include "backend/formats/jinja/text_functions.h"

namespace interleave::jinja {

struct WrapStyle {
  std::int64_t width;  ///< In code points.
  bool break_long_words, break_on_hyphens;
};

/// The lines that Python's textwrap.wrap() makes of one line; tabs stay. Usage error for a width below 1.
Pieces wrappedLines(std::string_view line, const WrapStyle& style);

}  // namespace interleave::jinja
