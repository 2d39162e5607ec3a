// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

/// UTF-8 and the few Unicode properties that a tokenizer needs. Every function is pure. Except for validUtf8() and
/// isValidUtf8(), text must be valid UTF-8.
namespace interleave::unicode {

/// The text with every maximal invalid part replaced by U+FFFD, as Python's errors="replace" and WHATWG do.
std::string validUtf8(std::string_view text);
bool isValidUtf8(std::string_view text);

/// A code point and the bytes it takes. `text` is not empty.
struct Decoded {
  char32_t code;
  std::size_t bytes;
};
Decoded first(std::string_view text);
Decoded last(std::string_view text);
void append(std::string& text, char32_t code);
std::size_t length(std::string_view text);  ///< In code points.

bool isSpace(char32_t code);  ///< White_Space.
bool isWord(char32_t code);   ///< \w of UTS 18: Alphabetic, marks, decimal digits, connectors, joiners.

enum class Form { Nfc, Nfd, Nfkc, Nfkd };
/// As `tokenizers` normalises, whose tables end with Unicode 9: what came later stays as it is.
std::string normalised(std::string_view text, Form form);
std::string lowercase(std::string_view text);

}  // namespace interleave::unicode
