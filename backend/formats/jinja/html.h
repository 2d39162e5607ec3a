// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <string>
#include <string_view>

#include "backend/formats/jinja/builtin.h"

namespace interleave::jinja {

std::string withoutTags(std::string_view text);  ///< Markup.striptags(): no tags, entities undone, one blank for many.
std::string unescaped(
    std::string_view text);  ///< html.unescape(). Usage error for entities with other names than Latin-1's.
std::string urlQuoted(std::string_view text, bool query);

}  // namespace interleave::jinja
