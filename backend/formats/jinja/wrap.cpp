// SPDX-License-Identifier: GPL-3.0-or-later
#include "backend/formats/jinja/wrap.h"

#include <algorithm>

#include "backend/formats/jinja/search.h"
#include "backend/formats/jinja/unicode_text.h"
#include "backend/formats/unicode.h"

namespace interleave::jinja {
namespace {

/// One line as code points, cut where it may be broken.
class Chunks {
 public:
  Chunks(std::string_view its_line, bool at_hyphens) : line_(its_line), at_hyphens_(at_hyphens) {
    for (std::size_t at = 0; at < line_.size();) {
      const auto character = unicode::first(line_.substr(at));
      codes_.push_back(character.code);
      places_.push_back(at);
      at += character.bytes;
    }
    places_.push_back(line_.size());
    dashes_.assign(codes_.size() + 1, 0);
    for (std::size_t i = codes_.size(); i-- > 0;) dashes_[i] = codes_[i] == '-' ? dashes_[i + 1] + 1 : 0;
  }

  Pieces all() const {
    Pieces chunks;
    for (std::size_t at = 0; at < codes_.size();) {
      const std::size_t end = isBlank(at) ? blanksEnd(at) : at_hyphens_ ? partEnd(at) : wordEnd(at);
      chunks.push_back(line_.substr(places_[at], places_[end] - places_[at]));
      at = end;
    }
    return chunks;
  }

 private:
  bool isBlank(std::size_t i) const { return codes_[i] == ' ' || (codes_[i] >= 0x09 && codes_[i] <= 0x0D); }
  bool isLetter(std::size_t i) const {
    return i < codes_.size() &&
           (codes_[i] == '_' || isAlphabetic(codes_[i]) || (isNumeric(codes_[i]) && !isDecimal(codes_[i])));
  }
  bool isWord(std::size_t i) const { return i < codes_.size() && (isLetter(i) || isNumeric(codes_[i])); }
  bool isWordOrMark(std::size_t i) const {
    return isWord(i) || std::u32string_view(U"!\"'&.,?").find(codes_[i]) != std::u32string_view::npos;
  }

  std::size_t blanksEnd(std::size_t at) const {
    while (at < codes_.size() && isBlank(at)) ++at;
    return at;
  }
  std::size_t wordEnd(std::size_t at) const {
    while (at < codes_.size() && !isBlank(at)) ++at;
    return at;
  }

  /// Two or more dashes between words begin at `at`.
  bool dashBetweenWords(std::size_t at) const {
    return dashes_[at] >= 2 && at > 0 && isWordOrMark(at - 1) && isWord(at + dashes_[at]);
  }

  /// A break is possible behind the hyphen at `at`: letters before it, and two letters, or with a hyphen between them,
  /// behind it.
  bool hyphenInWord(std::size_t at) const {
    if (codes_[at] != '-') return false;
    const bool before = (at >= 2 && isLetter(at - 1) && isLetter(at - 2)) ||
                        (at >= 3 && isWordOrMark(at - 1) && codes_[at - 2] == '-' && isLetter(at - 3));
    const std::size_t second = at + 2 < codes_.size() && codes_[at + 2] == '-' ? at + 3 : at + 2;
    return before && isLetter(at + 1) && isLetter(second);
  }

  /// The end of the dashes, or of the part of a word, that begins at `at`.
  std::size_t partEnd(std::size_t at) const {
    if (dashBetweenWords(at)) return at + dashes_[at];
    for (std::size_t end = at + 1; end < codes_.size(); ++end) {
      if (hyphenInWord(end)) return end + 1;
      if (isBlank(end) || dashBetweenWords(end)) return end;
    }
    return codes_.size();
  }

  std::string_view line_;
  bool at_hyphens_;
  std::vector<char32_t> codes_;
  std::vector<std::size_t> places_, dashes_;
};

std::size_t firstBytes(std::string_view text, std::int64_t count) {
  std::size_t bytes = 0;
  for (; count > 0 && bytes < text.size(); --count) bytes += unicode::first(text.substr(bytes)).bytes;
  return bytes;
}

/// How much of a chunk that is too long for a line fits into what is left of one.
std::size_t brokenBytes(std::string_view chunk, std::int64_t left, bool at_hyphens) {
  const std::size_t end = firstBytes(chunk, left);
  if (!at_hyphens) return end;
  const std::size_t hyphen = chunk.substr(0, end).rfind('-');
  const bool inside = hyphen != std::string_view::npos && hyphen > 0 &&
                      chunk.substr(0, hyphen).find_first_not_of('-') != std::string_view::npos;
  return inside ? hyphen + 1 : end;
}

}  // namespace

Pieces wrappedLines(std::string_view line, const WrapStyle& style) {
  if (style.width < 1) throw cannot("invalid width " + std::to_string(style.width) + " (must be > 0)");
  Pieces chunks = Chunks(line, style.break_on_hyphens).all(), lines;
  std::reverse(chunks.begin(), chunks.end());
  const auto is_blank = [](std::string_view chunk) { return stripped(chunk, Sides::Both).empty(); };
  while (!chunks.empty()) {
    if (!lines.empty() && is_blank(chunks.back())) chunks.pop_back();
    Pieces current;
    std::int64_t length = 0;
    while (!chunks.empty()) {
      const auto more = static_cast<std::int64_t>(unicode::length(chunks.back()));
      if (length + more > style.width) break;
      length += more;
      current.push_back(chunks.back());
      chunks.pop_back();
    }
    if (!chunks.empty() && static_cast<std::int64_t>(unicode::length(chunks.back())) > style.width) {
      if (style.break_long_words) {
        const std::size_t bytes = brokenBytes(chunks.back(), style.width - length, style.break_on_hyphens);
        current.push_back(chunks.back().substr(0, bytes));
        chunks.back().remove_prefix(bytes);
      } else if (current.empty()) {
        current.push_back(chunks.back());
        chunks.pop_back();
      }
    }
    if (!current.empty() && is_blank(current.back())) current.pop_back();
    if (current.empty()) continue;
    // The chunks of a line follow one another in the text.
    const char* const begin = current.front().data();
    lines.emplace_back(begin, static_cast<std::size_t>(current.back().data() + current.back().size() - begin));
    if (lines.size() > kParts) throw tooMuch("a text is wrapped into too many lines");
  }
  return lines;
}

}  // namespace interleave::jinja
