// SPDX-License-Identifier: GPL-3.0-or-later
// The methods of Python's str.
#include <algorithm>

#include "backend/formats/jinja/builtin.h"
#include "backend/formats/jinja/format.h"
#include "backend/formats/jinja/html.h"
#include "backend/formats/jinja/operators.h"
#include "backend/formats/jinja/search.h"
#include "backend/formats/jinja/text_functions.h"
#include "backend/formats/jinja/unicode_text.h"
#include "backend/formats/unicode.h"

namespace interleave::jinja {
namespace {

const std::string& self(const Call& call) { return call.self.bytes(); }

std::optional<std::string> optionalText(const Call& call, std::size_t i) {
  if (!call.has(i) || call.at(i).isNone()) return std::nullopt;
  return call.text(i);
}

Value listOf(const Pieces& pieces) {
  std::vector<Value> items;
  items.reserve(pieces.size());
  for (const std::string_view piece : pieces) items.emplace_back(piece);
  return Value::list(std::move(items));
}

/// Whether the text has characters and all of them pass.
template <class Test>
bool all(const std::string& text, Test test) {
  std::string_view rest = text;
  while (!rest.empty()) {
    const auto character = unicode::first(rest);
    if (!test(character.code)) return false;
    rest.remove_prefix(character.bytes);
  }
  return !text.empty();
}

template <bool (*Test)(char32_t)>
Value allAre(Call& call) {
  return all(self(call), Test);
}

/// islower() and isupper(): some letter has that case, none has another.
template <bool (*Is)(char32_t), bool (*IsOther)(char32_t)>
Value hasCase(Call& call) {
  bool found = false;
  const bool fits = all(self(call), [&](char32_t code) {
    found = found || Is(code);
    return !IsOther(code) && !isTitle(code);
  });
  return fits && found;
}

Value isTitled(Call& call) {
  bool in_word = false, found = false;
  const bool fits = all(self(call), [&](char32_t code) {
    const bool begins = isUpper(code) || isTitle(code);
    const bool right = begins ? !in_word : !isLower(code) || in_word;
    found = found || begins || isLower(code);
    in_word = begins || isLower(code);
    return right;
  });
  return fits && found;
}

Value isIdentifier(Call& call) {
  bool first = true;
  return all(self(call), [&](char32_t code) {
    const bool letter_number = isNumeric(code) && !isDecimal(code) && unicode::isWord(code);
    const bool fits = code == '_' || isAlphabetic(code) || letter_number || (!first && unicode::isWord(code));
    first = false;
    return fits;
  });
}

bool isAsciiCode(char32_t code) { return code < 0x80; }
bool isAlphanumeric(char32_t code) { return isAlphabetic(code) || isNumeric(code) || isDigit(code); }

template <std::string (*Change)(std::string_view)>
Value changed(Call& call) {
  return Change(self(call));
}

template <Sides S>
Value strip(Call& call) {
  return stripped(self(call), S, optionalText(call, 0));
}

template <Sides S>
Value fill(Call& call) {
  const Value fill = call.orElse(1, " ");
  if (!fill.isText()) throw cannot("the fill character must be a unicode character, not " + typeName(fill));
  return filled(self(call), call.whole(0), call.self.isMarkup() ? escapedForHtml(fill).bytes() : fill.bytes(), S);
}

Value zeroFill(Call& call) {
  const std::string& text = self(call);
  const std::size_t sign = text.starts_with('+') || text.starts_with('-') ? 1 : 0;
  const std::string rest =
      filled(std::string_view(text).substr(sign), call.whole(0) - static_cast<std::int64_t>(sign), "0", Sides::Left);
  return text.substr(0, sign) + rest;
}

/// The part of the text that the arguments `start` and `end` leave, and the code points before it.
struct Window {
  std::string_view text;
  std::int64_t begin;
  bool valid;  ///< Python finds nothing, not even "", behind the end.
};
Window windowOf(const Call& call) {
  const auto length = static_cast<std::int64_t>(call.self.asText().length);
  const auto bound = [&](std::size_t i, std::int64_t fallback) {
    if (!call.has(i) || call.at(i).isNone()) return fallback;
    const std::int64_t index = call.whole(i);
    return index < 0 ? std::max<std::int64_t>(index + length, 0) : index;
  };
  const std::int64_t begin = bound(1, 0), end = std::min(bound(2, length), length);
  if (begin > length || begin > end) return {{}, begin, false};
  return {characters(call.self.asText(), static_cast<std::size_t>(begin), static_cast<std::size_t>(end)), begin, true};
}

template <bool Last, bool Raises>
Value find(Call& call) {
  const Window window = windowOf(call);
  const std::string& part = call.text(0);
  const std::size_t place = !window.valid ? std::string_view::npos
                            : Last        ? lastPlaceOf(part, window.text)
                                          : placeOf(part, window.text);
  if (place != std::string_view::npos)
    return window.begin + static_cast<std::int64_t>(unicode::length(window.text.substr(0, place)));
  if (Raises) throw cannot("substring not found");
  return -1;
}

Value count(Call& call) {
  const Window window = windowOf(call);
  const std::string& part = call.text(0);
  if (!window.valid) return 0;
  if (part.empty()) return static_cast<std::int64_t>(unicode::length(window.text)) + 1;
  std::int64_t found = 0;
  for (std::size_t at = 0; (at = placeOf(part, window.text, at)) != std::string_view::npos; at += part.size()) ++found;
  return found;
}

template <bool End>
Value fits(Call& call) {
  const Window window = windowOf(call);
  const auto one = [&](const Value& part) {
    if (!part.isText()) throw cannot("startswith and endswith want a text or a tuple of texts, not " + typeName(part));
    return window.valid && (End ? window.text.ends_with(part.bytes()) : window.text.starts_with(part.bytes()));
  };
  if (!call.at(0).isTuple()) return one(call.at(0));
  call.context.lookThrough(call.at(0));
  return std::any_of(call.at(0).items().begin(), call.at(0).items().end(), one);
}

template <Pieces (*Split)(std::string_view, const std::optional<std::string>&, std::int64_t)>
Value split(Call& call) {
  return listOf(Split(self(call), optionalText(call, 0), call.whole(1, -1)));
}

Value lines(Call& call) { return listOf(splitLines(self(call), call.truth(0))); }

template <bool Last>
Value partition(Call& call) {
  const std::string &text = self(call), &separator = call.text(0);
  if (separator.empty()) throw cannot("empty separator");
  const std::size_t place = Last ? lastPlaceOf(separator, text) : placeOf(separator, text);
  if (place == std::string_view::npos) return Last ? Value::tuple({"", "", text}) : Value::tuple({text, "", ""});
  return Value::tuple({text.substr(0, place), separator, text.substr(place + separator.size())});
}

Value replace(Call& call) {
  if (!call.at(1).isText()) throw cannot("replace() wants texts, not " + typeName(call.at(1)));
  const Value to = call.self.isMarkup() ? escapedForHtml(call.at(1)) : call.at(1);
  return replaced(self(call), call.text(0), to.bytes(), call.whole(2, -1));
}

Value join(Call& call) {
  std::string text;
  bool first = true;
  for (const Value& part : elementsOf(call.context, call.at(0))) {
    if (!part.isText() && !call.self.isMarkup()) throw cannot("join() wants texts, not '" + typeName(part) + "'");
    if (!first) appendTo(text, self(call));
    appendTo(text, call.self.isMarkup() ? escapedForHtml(part).bytes() : part.bytes());
    first = false;
  }
  return text;
}

Value removePrefix(Call& call) {
  const std::string& text = self(call);
  return text.starts_with(call.text(0)) ? text.substr(call.text(0).size()) : text;
}

Value removeSuffix(Call& call) {
  const std::string& text = self(call);
  return text.ends_with(call.text(0)) ? text.substr(0, text.size() - call.text(0).size()) : text;
}

Value format(Call& call) { return formatBraces(call.context, call.self, call.all); }

Value formatMap(Call& call) {
  if (!call.at(0).isDict()) throw cannot("format_map() wants a mapping");
  Arguments arguments;
  call.context.step(static_cast<std::int64_t>(call.at(0).asDict().size()));
  for (const auto& [key, value] : call.at(0).asDict().entries()) {
    if (key.isText()) arguments.named.emplace_back(key.bytes(), value);
  }
  return formatBraces(call.context, call.self, arguments);
}

Value tabs(Call& call) { return expandedTabs(self(call), call.whole(0, 8)); }
Value refuse(Call&) { throw cannot("encode(), maketrans() and translate() of texts are not supported"); }

}  // namespace

const Library& textMethods() {
  static const Library library(
      "method",
      {{"capitalize", {changed<capitalized>}},
       {"casefold", {changed<foldedCase>}},
       {"center", {fill<Sides::Both>, "width fillchar? /"}},
       {"count", {count, "sub start? end? /"}},
       {"encode", {refuse, "*"}},
       {"endswith", {fits<true>, "suffix start? end? /"}},
       {"expandtabs", {tabs, "tabsize?"}},
       {"find", {find<false, false>, "sub start? end? /"}},
       {"format", {format, "*"}},
       {"format_map", {formatMap, "mapping /"}},
       {"index", {find<false, true>, "sub start? end? /"}},
       {"isalnum", {allAre<isAlphanumeric>}},
       {"isalpha", {allAre<isAlphabetic>}},
       {"isascii", {[](Call& call) -> Value { return self(call).empty() || all(self(call), isAsciiCode); }}},
       {"isdecimal", {allAre<isDecimal>}},
       {"isdigit", {allAre<isDigit>}},
       {"isidentifier", {isIdentifier}},
       {"islower", {hasCase<isLower, isUpper>}},
       {"isnumeric", {allAre<isNumeric>}},
       {"isprintable", {[](Call& call) -> Value { return self(call).empty() || all(self(call), isPrintable); }}},
       {"isspace", {allAre<isPythonSpace>}},
       {"istitle", {isTitled}},
       {"isupper", {hasCase<isUpper, isLower>}},
       {"join", {join, "iterable /"}},
       {"ljust", {fill<Sides::Right>, "width fillchar? /"}},
       {"lower", {changed<lower>}},
       {"lstrip", {strip<Sides::Left>, "chars? /"}},
       {"maketrans", {refuse, "*"}},
       {"partition", {partition<false>, "sep /"}},
       {"removeprefix", {removePrefix, "prefix /"}},
       {"removesuffix", {removeSuffix, "suffix /"}},
       {"replace", {replace, "old new count? /"}},
       {"rfind", {find<true, false>, "sub start? end? /"}},
       {"rindex", {find<true, true>, "sub start? end? /"}},
       {"rjust", {fill<Sides::Left>, "width fillchar? /"}},
       {"rpartition", {partition<true>, "sep /"}},
       {"rsplit", {split<splitFromRight>, "sep? maxsplit?"}},
       {"rstrip", {strip<Sides::Right>, "chars? /"}},
       {"split", {split<splitFromLeft>, "sep? maxsplit?"}},
       {"splitlines", {lines, "keepends?"}},
       {"startswith", {fits<false>, "prefix start? end? /"}},
       {"strip", {strip<Sides::Both>, "chars? /"}},
       {"swapcase", {changed<swappedCase>}},
       {"title", {changed<titled>}},
       {"translate", {refuse, "*"}},
       {"upper", {changed<upper>}},
       {"zfill", {zeroFill, "width /"}}});
  return library;
}

}  // namespace interleave::jinja
