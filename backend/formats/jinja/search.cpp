// SPDX-License-Identifier: GPL-3.0-or-later
#include "backend/formats/jinja/search.h"

#include <algorithm>
#include <cstring>

#include "backend/formats/unicode.h"

namespace interleave::jinja {
namespace {

/// find() may compare a long part anew at each letter; a short one is left to it.
constexpr std::size_t kShort = 64;

}  // namespace

std::size_t placeOf(std::string_view part, std::string_view text, std::size_t from) {
  if (from > text.size()) return std::string_view::npos;
  if (part.size() <= kShort) return text.find(part, from);
  const void* const at = memmem(text.data() + from, text.size() - from, part.data(), part.size());
  return at == nullptr ? std::string_view::npos : static_cast<std::size_t>(static_cast<const char*>(at) - text.data());
}

std::size_t lastPlaceOf(std::string_view part, std::string_view text) {
  if (part.size() <= kShort || part.size() > text.size()) return text.rfind(part);
  const std::string turned_text(text.rbegin(), text.rend()), turned_part(part.rbegin(), part.rend());
  const std::size_t place = placeOf(turned_part, turned_text);
  return place == std::string_view::npos ? place : text.size() - place - part.size();
}

std::size_t byteOf(const Text& text, std::size_t index) {
  if (index >= text.length) return text.bytes.size();
  if (text.ascii()) return index;
  std::size_t at = 0;
  for (; index > 0; --index) at += unicode::first(std::string_view(text.bytes).substr(at)).bytes;
  return at;
}

std::string_view characters(const Text& text, std::size_t begin, std::size_t end) {
  const std::size_t from = byteOf(text, begin);
  const std::string_view rest = std::string_view(text.bytes).substr(from);
  if (end >= text.length) return rest;
  if (text.ascii()) return rest.substr(0, end - std::min(begin, end));
  std::size_t bytes = 0;
  for (std::size_t i = begin; i < end; ++i) bytes += unicode::first(rest.substr(bytes)).bytes;
  return rest.substr(0, bytes);
}

std::vector<std::string_view> allCharacters(std::string_view text) {
  std::vector<std::string_view> all;
  while (!text.empty()) {
    if (all.size() == kParts) throw tooMuch("a text is too long to be taken apart");
    all.push_back(text.substr(0, unicode::first(text).bytes));
    text.remove_prefix(all.back().size());
  }
  return all;
}

}  // namespace interleave::jinja
