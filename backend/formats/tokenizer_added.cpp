// SPDX-License-Identifier: GPL-3.0-or-later
#include "backend/formats/tokenizer_added.h"

#include <algorithm>

#include "backend/formats/unicode.h"

namespace interleave {

void AddedTokenMatcher::add(std::string_view pattern, const AddedToken& token) {
  std::size_t node = 0;
  for (const char c : pattern) {
    const auto [next, is_new] = nodes_[node].next.try_emplace(static_cast<unsigned char>(c), nodes_.size());
    node = next->second;
    if (is_new) nodes_.emplace_back();
  }
  nodes_[node].token = tokens_.size();
  tokens_.push_back(token);
}

std::optional<AddedTokenMatcher::Match> AddedTokenMatcher::longestAt(std::string_view text, std::size_t begin) const {
  std::optional<Match> longest;
  std::size_t node = 0;
  for (std::size_t at = begin; at < text.size(); ++at) {
    const auto next = nodes_[node].next.find(static_cast<unsigned char>(text[at]));
    if (next == nodes_[node].next.end()) break;
    node = next->second;
    if (nodes_[node].token) longest = Match{at + 1, &tokens_[*nodes_[node].token]};
  }
  return longest;
}

void AddedTokenMatcher::parts(std::string_view text, bool with_special, const Part& part) const {
  const auto& starts = nodes_[0].next;
  std::size_t covered = 0;
  for (std::size_t at = 0; at < text.size() && !starts.empty();) {
    const auto match = longestAt(text, at);
    if (!match) {
      ++at;
      continue;
    }
    std::size_t begin = at, end = match->end;
    at = end;
    const AddedToken& token = *match->token;
    if (token.special && !with_special) continue;
    if (token.single_word) {
      const bool joined_left = begin > 0 && unicode::isWord(unicode::last(text.substr(0, begin)).code);
      const bool joined_right = end < text.size() && unicode::isWord(unicode::first(text.substr(end)).code);
      if (joined_left || joined_right) continue;
    }
    while (token.lstrip && begin > covered && unicode::isSpace(unicode::last(text.substr(0, begin)).code)) {
      begin -= unicode::last(text.substr(0, begin)).bytes;
    }
    begin = std::max(begin, covered);
    while (token.rstrip && end < text.size() && unicode::isSpace(unicode::first(text.substr(end)).code)) {
      end += unicode::first(text.substr(end)).bytes;
    }
    if (covered < begin) part(covered, begin, nullptr);
    part(begin, end, &token);
    covered = end;
  }
  if (covered < text.size()) part(covered, text.size(), nullptr);
}

}  // namespace interleave
