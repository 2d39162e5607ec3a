// SPDX-License-Identifier: GPL-3.0-or-later
#include "backend/formats/unicode.h"

#include <utf8proc.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <memory>

#include "backend/core/error.h"

namespace interleave::unicode {
namespace {

constexpr std::string_view kReplacement = "\xEF\xBF\xBD";

unsigned char byteAt(std::string_view text, std::size_t i) { return static_cast<unsigned char>(text[i]); }

/// How many bytes of `text` at `at` belong together, and whether they are one well-formed sequence (Unicode 15, table
/// 3-7). An ill-formed part is as long as the longest prefix of some well-formed sequence, and at least one byte.
struct Sequence {
  std::size_t bytes;
  bool valid;
};
Sequence sequenceAt(std::string_view text, std::size_t at) {
  const unsigned char lead = byteAt(text, at);
  if (lead < 0x80) return {1, true};
  std::size_t need = 0;
  unsigned char least = 0x80, most = 0xBF;  // Of the second byte: no overlong forms, surrogates or codes above 10FFFF.
  if (lead >= 0xC2 && lead <= 0xDF) need = 2;
  if (lead >= 0xE0 && lead <= 0xEF) need = 3;
  if (lead >= 0xF0 && lead <= 0xF4) need = 4;
  if (need == 0) return {1, false};
  if (lead == 0xE0) least = 0xA0;
  if (lead == 0xED) most = 0x9F;
  if (lead == 0xF0) least = 0x90;
  if (lead == 0xF4) most = 0x8F;
  std::size_t have = 1;
  for (; have < need && at + have < text.size(); ++have) {
    const unsigned char next = byteAt(text, at + have);
    if (next < least || next > most) break;
    least = 0x80;
    most = 0xBF;
  }
  return {have, have == need};
}

/// Marks and compositions that came after Unicode 9.
struct Range {
  char32_t begin, end;
};
constexpr std::array kLate = std::to_array<Range>(
    {{0x7FD, 0x7FD},     {0x898, 0x89F},     {0x8CA, 0x8D3},     {0x9FE, 0x9FE},     {0xC3C, 0xC3C},
     {0xD3B, 0xD3C},     {0xEBA, 0xEBA},     {0x1715, 0x1715},   {0x1ABF, 0x1ACE},   {0x1DF6, 0x1DFA},
     {0x32FF, 0x32FF},   {0xA7F2, 0xA7F4},   {0xA82C, 0xA82C},   {0xAB69, 0xAB69},   {0x10781, 0x10785},
     {0x10787, 0x107B0}, {0x107B2, 0x107BA}, {0x10D24, 0x10D27}, {0x10EAB, 0x10EAC}, {0x10EFD, 0x10EFF},
     {0x10F46, 0x10F50}, {0x10F82, 0x10F85}, {0x11070, 0x11070}, {0x1133B, 0x1133B}, {0x1145E, 0x1145E},
     {0x11839, 0x1183A}, {0x11938, 0x11938}, {0x1193D, 0x1193E}, {0x11943, 0x11943}, {0x119E0, 0x119E0},
     {0x11A34, 0x11A34}, {0x11A47, 0x11A47}, {0x11A99, 0x11A99}, {0x11D42, 0x11D42}, {0x11D44, 0x11D45},
     {0x11D97, 0x11D97}, {0x11F41, 0x11F42}, {0x16FF0, 0x16FF1}, {0x1E030, 0x1E06D}, {0x1E08F, 0x1E08F},
     {0x1E130, 0x1E136}, {0x1E2AE, 0x1E2AE}, {0x1E2EC, 0x1E2EF}, {0x1E4EC, 0x1E4EF}, {0x1F16C, 0x1F16C},
     {0x1FBF0, 0x1FBF9}});

bool isLate(char32_t code) {
  const auto* const range =
      std::lower_bound(kLate.begin(), kLate.end(), code, [](const Range& r, char32_t c) { return r.end < c; });
  return range != kLate.end() && range->begin <= code;
}

std::string mapped(std::string_view text, int options) {
  utf8proc_uint8_t* result = nullptr;
  const auto size =
      utf8proc_map(reinterpret_cast<const utf8proc_uint8_t*>(text.data()), static_cast<utf8proc_ssize_t>(text.size()),
                   &result, static_cast<utf8proc_option_t>(options));
  const std::unique_ptr<utf8proc_uint8_t, decltype(&std::free)> owner(result, &std::free);
  if (size < 0) throw failure("Unicode normalisation", utf8proc_errmsg(size));
  return {reinterpret_cast<const char*>(result), static_cast<std::size_t>(size)};
}

}  // namespace

bool isValidUtf8(std::string_view text) {
  for (std::size_t at = 0; at < text.size();) {
    const Sequence sequence = sequenceAt(text, at);
    if (!sequence.valid) return false;
    at += sequence.bytes;
  }
  return true;
}

std::string validUtf8(std::string_view text) {
  std::string valid;
  valid.reserve(text.size());
  for (std::size_t at = 0; at < text.size();) {
    const Sequence sequence = sequenceAt(text, at);
    valid += sequence.valid ? text.substr(at, sequence.bytes) : kReplacement;
    at += sequence.bytes;
  }
  return valid;
}

Decoded first(std::string_view text) {
  const unsigned char lead = byteAt(text, 0);
  if (lead < 0x80) return {lead, 1};
  const std::size_t bytes = lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
  char32_t code = lead & (0xFFu >> (bytes + 1));
  for (std::size_t i = 1; i < bytes; ++i) code = (code << 6) | (byteAt(text, i) & 0x3Fu);
  return {code, bytes};
}

Decoded last(std::string_view text) {
  std::size_t at = text.size() - 1;
  while (at > 0 && (byteAt(text, at) & 0xC0u) == 0x80) --at;
  return first(text.substr(at));
}

void append(std::string& text, char32_t code) {
  std::array<utf8proc_uint8_t, 4> bytes{};
  const auto count = utf8proc_encode_char(static_cast<utf8proc_int32_t>(code), bytes.data());
  for (utf8proc_ssize_t i = 0; i < count; ++i) text += static_cast<char>(bytes[static_cast<std::size_t>(i)]);
}

std::size_t length(std::string_view text) {
  return static_cast<std::size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xC0u) != 0x80; }));
}

bool isSpace(char32_t code) {
  return (code >= 0x09 && code <= 0x0D) || code == 0x20 || code == 0x85 || code == 0xA0 || code == 0x1680 ||
         (code >= 0x2000 && code <= 0x200A) || code == 0x2028 || code == 0x2029 || code == 0x202F || code == 0x205F ||
         code == 0x3000;
}

bool isWord(char32_t code) {
  switch (utf8proc_category(static_cast<utf8proc_int32_t>(code))) {
    case UTF8PROC_CATEGORY_LU:
    case UTF8PROC_CATEGORY_LL:
    case UTF8PROC_CATEGORY_LT:
    case UTF8PROC_CATEGORY_LM:
    case UTF8PROC_CATEGORY_LO:
    case UTF8PROC_CATEGORY_MN:
    case UTF8PROC_CATEGORY_MC:
    case UTF8PROC_CATEGORY_ME:
    case UTF8PROC_CATEGORY_ND:
    case UTF8PROC_CATEGORY_NL:
    case UTF8PROC_CATEGORY_PC:
      return true;
    default:  // Other_Alphabetic outside the marks: enclosed letters. Join_Control.
      return (code >= 0x24B6 && code <= 0x24E9) || (code >= 0x1F130 && code <= 0x1F149) ||
             (code >= 0x1F150 && code <= 0x1F169) || (code >= 0x1F170 && code <= 0x1F189) || code == 0x200C ||
             code == 0x200D;
  }
}

std::string normalised(std::string_view text, Form form) {
  const bool ascii = std::all_of(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < 0x80; });
  if (ascii) return std::string(text);
  const bool compose = form == Form::Nfc || form == Form::Nfkc;
  const bool compatible = form == Form::Nfkc || form == Form::Nfkd;
  const int options =
      UTF8PROC_STABLE | (compose ? UTF8PROC_COMPOSE : UTF8PROC_DECOMPOSE) | (compatible ? UTF8PROC_COMPAT : 0);
  std::string out;
  std::size_t done = 0;
  for (std::size_t at = 0; at < text.size();) {
    const auto [code, bytes] = first(text.substr(at));
    if (isLate(code)) {
      out += mapped(text.substr(done, at - done), options);
      out += text.substr(at, bytes);
      done = at + bytes;
    }
    at += bytes;
  }
  return out + mapped(text.substr(done), options);
}

std::string lowercase(std::string_view text) {
  std::string lower;
  lower.reserve(text.size());
  for (std::size_t at = 0; at < text.size();) {
    const auto [code, bytes] = first(text.substr(at));
    if (code == 0x130) {
      lower += "i\xCC\x87";  // The only letter whose lower case is two code points.
    } else {
      append(lower, static_cast<char32_t>(utf8proc_tolower(static_cast<utf8proc_int32_t>(code))));
    }
    at += bytes;
  }
  return lower;
}

}  // namespace interleave::unicode
