// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstddef>
#include <string_view>
#include <vector>

#include "backend/formats/jinja/value.h"

/// Places in texts.
namespace interleave::jinja {

/// Where `part` begins in `text` at or after byte `from`, or npos. In linear time.
std::size_t placeOf(std::string_view part, std::string_view text, std::size_t from = 0);
/// The last place, or npos. In linear time but for parts as long as a line.
std::size_t lastPlaceOf(std::string_view part, std::string_view text);

/// The bytes before the code point `index`, or of the whole text where there are fewer.
std::size_t byteOf(const Text& text, std::size_t index);
/// The code points [begin, end).
std::string_view characters(const Text& text, std::size_t begin, std::size_t end);
std::vector<std::string_view> allCharacters(std::string_view text);  ///< BadInput when there are too many.

}  // namespace interleave::jinja
