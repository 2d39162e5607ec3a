// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

/// What Python's str methods do, of UTF-8. BadInput where too much would be made.
namespace interleave::jinja {

enum class Sides { Left, Right, Both };
/// Without the characters of `members` at the ends; without white space when there are none given.
std::string_view stripped(std::string_view text, Sides sides, const std::optional<std::string>& members = std::nullopt);

using Pieces = std::vector<std::string_view>;
/// split() and rsplit(): `most` cuts, all when it is negative. Without a separator at white space.
Pieces splitFromLeft(std::string_view text, const std::optional<std::string>& separator, std::int64_t most);
Pieces splitFromRight(std::string_view text, const std::optional<std::string>& separator, std::int64_t most);
Pieces splitLines(std::string_view text, bool keep_ends = false);

std::string replaced(std::string_view text, std::string_view from, std::string_view to, std::int64_t most = -1);
/// Filled up with `fill` to `width` code points; center() for both sides.
std::string filled(std::string_view text, std::int64_t width, std::string_view fill, Sides sides);
std::string expandedTabs(std::string_view text, std::int64_t size);
std::string joined(const Pieces& pieces, std::string_view between);

/// Appends within the bound of one text.
void appendTo(std::string& text, std::string_view part);

}  // namespace interleave::jinja
