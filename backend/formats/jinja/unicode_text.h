// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <string>
#include <string_view>

/// Characters and case as Python's str has them. Text must be valid UTF-8.
namespace interleave::jinja {

bool isPythonSpace(char32_t code);  ///< str.isspace(): White_Space and the separators 1C to 1F.
bool isPrintable(char32_t code);
bool isAlphabetic(char32_t code);
bool isDecimal(char32_t code);
bool isDigit(char32_t code);
bool isNumeric(char32_t code);
bool isLower(char32_t code);
bool isUpper(char32_t code);
bool isTitle(char32_t code);
int decimalValue(char32_t code);  ///< Of a decimal digit; -1 for others.

std::string upper(std::string_view text);
std::string lower(std::string_view text);  ///< A capital sigma at the end of a word becomes its final form.
std::string capitalized(std::string_view text);
std::string titled(std::string_view text);  ///< str.title(), not the filter.
std::string swappedCase(std::string_view text);
std::string foldedCase(std::string_view text);

}  // namespace interleave::jinja
