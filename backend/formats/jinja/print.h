// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "backend/formats/jinja/value.h"

namespace interleave::jinja {

std::string str(const Value& value);   ///< As Python's str().
std::string repr(const Value& value);  ///< As Python's repr(). BadInput when it is too long.
std::string reprOf(double number);
std::string reprOf(std::string_view text);
std::string asciiOf(const Value& value);  ///< As Python's ascii().

/// The text as it is printed, Markup still Markup: other values as str() writes them.
Value softText(const Value& value);

/// The shortest decimal digits that give `number` back, without a point, and the power of ten of the first. `number` is
/// finite and not negative.
struct Digits {
  std::string digits;
  int exponent;
};
Digits shortestDigits(double number);

/// How json.dumps() is asked to write.
struct JsonStyle {
  bool ascii = false, sorted = false;
  std::optional<std::string> indent = {};  ///< What one level is indented by; none for one line.
  std::string between_items = ", ", between_key_and_value = ": ";
};
/// Usage error for what JSON has no word for.
std::string json(const Value& value, const JsonStyle& style);

}  // namespace interleave::jinja
