// SPDX-License-Identifier: GPL-3.0-or-later
#include "backend/formats/jinja/text_functions.h"

#include <algorithm>

#include "backend/formats/jinja/search.h"
#include "backend/formats/jinja/unicode_text.h"
#include "backend/formats/unicode.h"

namespace interleave::jinja {
namespace {

std::string_view take(std::string_view& text, std::size_t bytes) {
  const std::string_view part = text.substr(0, bytes);
  text.remove_prefix(bytes);
  return part;
}

std::size_t wordBytes(std::string_view text) {
  std::size_t bytes = 0;
  while (bytes < text.size()) {
    const auto character = unicode::first(text.substr(bytes));
    if (isPythonSpace(character.code)) break;
    bytes += character.bytes;
  }
  return bytes;
}

std::size_t lastWordBytes(std::string_view text) {
  std::size_t bytes = 0;
  while (bytes < text.size()) {
    const auto character = unicode::last(text.substr(0, text.size() - bytes));
    if (isPythonSpace(character.code)) break;
    bytes += character.bytes;
  }
  return bytes;
}

void add(Pieces& pieces, std::string_view piece) {
  if (pieces.size() == kParts) throw tooMuch("a text is taken apart into too many parts");
  pieces.push_back(piece);
}

bool endsLine(char32_t code) {
  return (code >= 0x0A && code <= 0x0D) || (code >= 0x1C && code <= 0x1E) || code == 0x85 || code == 0x2028 ||
         code == 0x2029;
}

std::string repeatedFill(std::string_view fill, std::int64_t count) {
  std::string text;
  for (; count > 0; --count) text += fill;
  return text;
}

}  // namespace

void appendTo(std::string& text, std::string_view part) {
  if (text.size() + part.size() > kTextBytes) throw tooMuch("it makes a text that is too long");
  text += part;
}

std::string_view stripped(std::string_view text, Sides sides, const std::optional<std::string>& members) {
  std::vector<char32_t> codes;
  for (std::string_view rest = members ? *members : std::string_view(); !rest.empty();) {
    const auto character = unicode::first(rest);
    codes.push_back(character.code);
    rest.remove_prefix(character.bytes);
  }
  std::sort(codes.begin(), codes.end());
  const auto goes = [&](char32_t code) {
    return members ? std::binary_search(codes.begin(), codes.end(), code) : isPythonSpace(code);
  };
  while (sides != Sides::Right && !text.empty() && goes(unicode::first(text).code)) {
    text.remove_prefix(unicode::first(text).bytes);
  }
  while (sides != Sides::Left && !text.empty() && goes(unicode::last(text).code)) {
    text.remove_suffix(unicode::last(text).bytes);
  }
  return text;
}

Pieces splitFromLeft(std::string_view text, const std::optional<std::string>& separator, std::int64_t most) {
  Pieces pieces;
  if (separator) {
    if (separator->empty()) throw cannot("empty separator");
    for (std::size_t place; most != 0 && (place = placeOf(*separator, text)) != std::string_view::npos; --most) {
      add(pieces, take(text, place));
      text.remove_prefix(separator->size());
    }
    add(pieces, text);
    return pieces;
  }
  for (text = stripped(text, Sides::Left); !text.empty(); text = stripped(text, Sides::Left), --most) {
    if (most == 0) {
      add(pieces, text);
      break;
    }
    add(pieces, take(text, wordBytes(text)));
  }
  return pieces;
}

Pieces splitFromRight(std::string_view text, const std::optional<std::string>& separator, std::int64_t most) {
  Pieces pieces;
  if (separator) {
    if (separator->empty()) throw cannot("empty separator");
    if (most < 0) return splitFromLeft(text, separator, most);
    for (std::size_t place; most != 0 && (place = lastPlaceOf(*separator, text)) != std::string_view::npos; --most) {
      add(pieces, text.substr(place + separator->size()));
      text = text.substr(0, place);
    }
    add(pieces, text);
  } else {
    for (text = stripped(text, Sides::Right); !text.empty(); text = stripped(text, Sides::Right), --most) {
      const std::size_t bytes = most == 0 ? text.size() : lastWordBytes(text);
      const std::string_view word = text.substr(text.size() - bytes);
      add(pieces, word);
      text.remove_suffix(bytes);
      if (most == 0) break;
    }
  }
  std::reverse(pieces.begin(), pieces.end());
  return pieces;
}

Pieces splitLines(std::string_view text, bool keep_ends) {
  Pieces lines;
  while (!text.empty()) {
    std::size_t bytes = 0, end = 0;
    while (bytes < text.size() && end == 0) {
      const auto character = unicode::first(text.substr(bytes));
      if (endsLine(character.code)) end = text.substr(bytes).starts_with("\r\n") ? 2 : character.bytes;
      bytes += end == 0 ? character.bytes : 0;
    }
    add(lines, text.substr(0, bytes + (keep_ends ? end : 0)));
    text.remove_prefix(bytes + end);
  }
  return lines;
}

std::string replaced(std::string_view text, std::string_view from, std::string_view to, std::int64_t most) {
  std::string result;
  if (from.empty()) {
    for (; most != 0; --most) {
      appendTo(result, to);
      if (text.empty()) return result;
      appendTo(result, take(text, unicode::first(text).bytes));
    }
    appendTo(result, text);
    return result;
  }
  for (std::size_t place; most != 0 && (place = placeOf(from, text)) != std::string_view::npos; --most) {
    appendTo(result, take(text, place));
    appendTo(result, to);
    text.remove_prefix(from.size());
  }
  appendTo(result, text);
  return result;
}

std::string filled(std::string_view text, std::int64_t width, std::string_view fill, Sides sides) {
  if (unicode::length(fill) != 1) throw cannot("the fill character must be exactly one character long");
  const std::int64_t missing = width - static_cast<std::int64_t>(unicode::length(text));
  if (missing <= 0) return std::string(text);
  if (missing > static_cast<std::int64_t>(kTextBytes / fill.size())) throw tooMuch("it makes a text that is too long");
  const std::int64_t left = sides == Sides::Both   ? missing / 2 + (missing & width & 1)
                            : sides == Sides::Left ? missing
                                                   : 0;
  return repeatedFill(fill, left) + std::string(text) + repeatedFill(fill, missing - left);
}

std::string expandedTabs(std::string_view text, std::int64_t size) {
  std::string out;
  std::int64_t column = 0;
  while (!text.empty()) {
    const std::string_view character = take(text, unicode::first(text).bytes);
    if (character == "\t") {
      const std::int64_t blanks = size > 0 ? size - column % size : 0;
      if (blanks > static_cast<std::int64_t>(kTextBytes)) throw tooMuch("it makes a text that is too long");
      appendTo(out, std::string(static_cast<std::size_t>(blanks), ' '));
      column += blanks;
    } else {
      appendTo(out, character);
      column = character == "\n" || character == "\r" ? 0 : column + 1;
    }
  }
  return out;
}

std::string joined(const Pieces& pieces, std::string_view between) {
  std::string text;
  for (std::size_t i = 0; i < pieces.size(); ++i) {
    if (i > 0) appendTo(text, between);
    appendTo(text, pieces[i]);
  }
  return text;
}

}  // namespace interleave::jinja
