// SPDX-License-Identifier: GPL-3.0-or-later
#include "backend/formats/jinja/html.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>

#include "backend/formats/jinja/filters.h"
#include "backend/formats/jinja/operators.h"
#include "backend/formats/jinja/print.h"
#include "backend/formats/jinja/search.h"
#include "backend/formats/jinja/text_functions.h"
#include "backend/formats/unicode.h"

namespace interleave::jinja {
namespace {

/// HTML's names of the characters A0 to FF, in their order; they are known without a semicolon too.
constexpr auto kLatin = std::to_array<std::string_view>(
    {"nbsp",   "iexcl",  "cent",   "pound",  "curren", "yen",    "brvbar", "sect",   "uml",    "copy",   "ordf",
     "laquo",  "not",    "shy",    "reg",    "macr",   "deg",    "plusmn", "sup2",   "sup3",   "acute",  "micro",
     "para",   "middot", "cedil",  "sup1",   "ordm",   "raquo",  "frac14", "frac12", "frac34", "iquest", "Agrave",
     "Aacute", "Acirc",  "Atilde", "Auml",   "Aring",  "AElig",  "Ccedil", "Egrave", "Eacute", "Ecirc",  "Euml",
     "Igrave", "Iacute", "Icirc",  "Iuml",   "ETH",    "Ntilde", "Ograve", "Oacute", "Ocirc",  "Otilde", "Ouml",
     "times",  "Oslash", "Ugrave", "Uacute", "Ucirc",  "Uuml",   "Yacute", "THORN",  "szlig",  "agrave", "aacute",
     "acirc",  "atilde", "auml",   "aring",  "aelig",  "ccedil", "egrave", "eacute", "ecirc",  "euml",   "igrave",
     "iacute", "icirc",  "iuml",   "eth",    "ntilde", "ograve", "oacute", "ocirc",  "otilde", "ouml",   "divide",
     "oslash", "ugrave", "uacute", "ucirc",  "uuml",   "yacute", "thorn",  "yuml"});
constexpr auto kPlain = std::to_array<std::pair<std::string_view, char32_t>>({{"amp", '&'},
                                                                              {"lt", '<'},
                                                                              {"gt", '>'},
                                                                              {"quot", '"'},
                                                                              {"AMP", '&'},
                                                                              {"LT", '<'},
                                                                              {"GT", '>'},
                                                                              {"QUOT", '"'},
                                                                              {"COPY", 0xA9},
                                                                              {"REG", 0xAE}});

/// The character of the longest such name that `text` begins with, and the name's bytes; 0 when there is none.
std::pair<char32_t, std::size_t> namedCharacter(std::string_view text) {
  std::pair<char32_t, std::size_t> best = {0, 0};
  const auto offer = [&](std::string_view name, char32_t code) {
    if (text.starts_with(name) && name.size() > best.second) best = {code, name.size()};
  };
  for (std::size_t i = 0; i < kLatin.size(); ++i) offer(kLatin[i], 0xA0 + static_cast<char32_t>(i));
  for (const auto& [name, code] : kPlain) offer(name, code);
  return best;
}

/// What "&#...;" means, as HTML reads it; with windows-1252 for the controls 80 to 9F.
std::string numbered(std::uint64_t code) {
  static constexpr std::u32string_view kWindows =
      U"\u20AC\u0081\u201A\u0192\u201E\u2026\u2020\u2021\u02C6\u2030\u0160\u2039\u0152\u008D\u017D\u008F"
      U"\u0090\u2018\u2019\u201C\u201D\u2022\u2013\u2014\u02DC\u2122\u0161\u203A\u0153\u009D\u017E\u0178";
  std::string out;
  if (code == 0 || code > 0x10FFFF || (code >= 0xD800 && code < 0xE000)) return "\xEF\xBF\xBD";
  if (code >= 0x80 && code < 0xA0) {
    unicode::append(out, kWindows[code - 0x80]);
    return out;
  }
  const bool allowed_control = code == 0x09 || code == 0x0A || code == 0x0C || code == 0x0D;
  const bool never = (code < 0x20 && !allowed_control) || code == 0x7F || (code >= 0xFDD0 && code <= 0xFDEF) ||
                     (code & 0xFFFE) == 0xFFFE;
  if (!never) unicode::append(out, static_cast<char32_t>(code));
  return out;
}

bool isAlphanumeric(char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0; }

/// Undoes the entity that begins with the & of `text`, and moves behind it.
void entity(std::string_view& text, std::string& out) {
  std::size_t at = 1;
  if (text.substr(at).starts_with('#')) {
    const bool hex = text.size() > 2 && (text[2] | 0x20) == 'x';
    const std::size_t begin = hex ? 3 : 2;
    std::size_t end = begin;
    while (end < text.size() && (hex ? std::isxdigit(static_cast<unsigned char>(text[end]))
                                     : std::isdigit(static_cast<unsigned char>(text[end]))) != 0)
      ++end;
    if (end > begin) {
      std::uint64_t code = 0;
      const auto result = std::from_chars(text.data() + begin, text.data() + end, code, hex ? 16 : 10);
      out += numbered(result.ec == std::errc() ? code : UINT64_MAX);
      text.remove_prefix(end + (text.substr(end).starts_with(';') ? 1 : 0));
      return;
    }
  }
  while (at < text.size() && at < 33 && isAlphanumeric(text[at])) ++at;
  const std::string_view name = text.substr(1, at - 1);
  const bool closed = text.substr(at).starts_with(';');
  const auto [code, bytes] = namedCharacter(name);
  if (closed && !name.empty() && bytes != name.size())
    throw cannot("the HTML entity &" + std::string(name) + "; is not supported");
  if (bytes == 0) {
    out += '&';
    text.remove_prefix(1);
    return;
  }
  unicode::append(out, code);
  text.remove_prefix(1 + bytes + (closed ? 1 : 0));
}

}  // namespace

std::string unescaped(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const std::size_t place = std::min(text.find('&'), text.size());
    out += text.substr(0, place);
    text.remove_prefix(place);
    if (!text.empty()) entity(text, out);
  }
  return out;
}

std::string withoutTags(std::string_view text) {
  std::string kept;
  for (std::size_t at; (at = text.find('<')) != std::string_view::npos;) {
    const bool comment = text.substr(at).starts_with("<!--");
    const std::size_t end = comment ? text.find("-->", at + 4) : text.find('>', at);
    if (end == std::string_view::npos) break;
    kept += text.substr(0, at);
    text.remove_prefix(end + (comment ? 3 : 1));
  }
  kept += text;
  return unescaped(joined(splitFromLeft(kept, std::nullopt, -1), " "));
}

std::string urlQuoted(std::string_view text, bool query) {
  static constexpr std::string_view kSafe = "_.-~", kDigits = "0123456789ABCDEF";
  std::string out;
  for (const char c : text) {
    if (isAlphanumeric(c) || kSafe.find(c) != std::string_view::npos || (c == '/' && !query)) {
      out += c;
    } else if (c == ' ' && query) {
      out += '+';
    } else {
      const auto byte = static_cast<unsigned char>(c);
      out += {'%', kDigits[byte >> 4], kDigits[byte & 15U]};
    }
  }
  return out;
}

Value filterEscape(Call& call) { return escapedForHtml(printed(call)); }
Value filterForceescape(Call& call) { return escapedForHtml(Value(printed(call).bytes())); }
Value filterSafe(Call& call) { return {printed(call).bytes(), true}; }
Value filterStriptags(Call& call) { return withoutTags(printed(call).bytes()); }

Value filterUrlencode(Call& call) {
  if (call.self.isText() || !isIterable(call.self)) return urlQuoted(printed(call).bytes(), false);
  const Value pairs = call.self.isDict() ? methodOf(call.self, "items").asObject().call(call.context, {}) : call.self;
  std::string out;
  for (const Value& pair : elementsOf(call.context, pairs)) {
    const std::vector<Value> parts = elementsOf(call.context, pair);
    if (parts.size() != 2) throw cannot("urlencode wants pairs");
    if (!out.empty()) out += '&';
    appendTo(out, urlQuoted(str(parts[0]), true) + "=" + urlQuoted(str(parts[1]), true));
  }
  return out;
}

Value filterXmlattr(Call& call) {
  if (call.self.isUndefined()) failUndefined(call.self);
  if (!call.self.isDict()) throw cannot("xmlattr wants a mapping, not '" + typeName(call.self) + "'");
  std::string out;
  for (const auto& [key, value] : call.self.asDict().entries()) {
    if (value.isNone() || value.isUndefined()) continue;
    if (!key.isText()) throw cannot("an attribute's name must be a text");
    if (key.bytes().find_first_of(" \t\n\r\f\v/>=") != std::string::npos) {
      throw cannot("invalid character in attribute name: " + repr(key));
    }
    appendTo(out,
             (out.empty() ? "" : " ") + escapedForHtml(key).bytes() + "=\"" + escapedForHtml(value).bytes() + "\"");
  }
  if (!out.empty() && (!call.has(0) || call.truth(0))) out = " " + out;
  return {std::move(out), call.context.autoescape};
}

}  // namespace interleave::jinja
